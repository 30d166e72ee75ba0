"""An index that one may read and not write: in a folder of somebody else, on a read-only disk."""

from __future__ import annotations

import gzip
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner
from store_index import INDEXES
from test_index import record

from photocap.cli import group
from photocap.index import PhotoIndex

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="modes are of other systems")
_NOBODY = 65534


@pytest.fixture
def db() -> Iterator[Path]:
    """Return an index in a folder that everybody may enter, which pytest's own are not."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    with PhotoIndex.open(folder / "index.db", create=True) as index:
        index.record_batch(index.runs.start("test"), [record(f"/p/{n}.jpg", f"a dog number {n}") for n in range(30)])
    for command in (
        ("search", "dog"),
        ("prune",),
        ("edit", "/p/7.jpg", "Anna", "--dry-run"),
        ("index", "--dry-run", "/p"),
        ("status",),
    ):
        photocap(*command, "--db", folder / "index.db")  # nobody may not import what lies in the folder of a user
    yield folder / "index.db"
    folder.chmod(0o755)
    shutil.rmtree(folder)


def without_permission(folder: Path, do: Callable[[], str]) -> str:
    """Return what a process says that may read a folder and not write there.

    A fork of this one, whose threads it lacks: what loads a model would wait for them for ever.
    """
    for file in folder.iterdir():
        file.chmod(0o444)
    folder.chmod(0o555)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if os.getuid() == 0:
                os.setuid(_NOBODY)
            os.environ["HOME"] = str(folder)
            os.write(writing, do().encode())
        except BaseException as error:
            os.write(writing, repr(error).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read().decode()
    os.waitpid(child, 0)
    return said


def photocap(*arguments: object) -> str:
    """Return the exit code, the results and the last line beside them."""
    result = CliRunner().invoke(group, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return f"{result.exit_code} {result.stdout}{''.join(result.stderr.splitlines(keepends=True)[-1:])}"


@pytest.mark.parametrize("is_clean", [True, False])
def test_it_can_be_searched(db: Path, is_clean: bool) -> None:
    for suffix in ("-wal", "-shm"):  # which the readers of a folder that they may write leave behind
        beside = db.with_name(db.name + suffix)
        beside.unlink(missing_ok=True) if is_clean else beside.touch()
    said = without_permission(db.parent, lambda: photocap("search", "number 7", "--db", db))
    assert said.startswith("0 /p/7.jpg\n")


def test_it_can_be_searched_while_its_owner_writes(db: Path) -> None:
    with PhotoIndex.open(db) as owner:
        owner.record_batch(owner.runs.start("test"), [record("/p/new.jpg", "a cat")])
        assert db.with_name("index.db-wal").stat().st_size
        said = without_permission(db.parent, lambda: photocap("search", "cat", "--db", db))
    assert said.startswith("0 /p/new.jpg\n")


def test_writing_to_it_is_refused_in_words(db: Path) -> None:
    for arguments in (("prune",), ("edit", "/p/7.jpg", "Anna")):
        said = without_permission(db.parent, partial(photocap, *arguments, "--db", db))
        assert said == f"1 photocap: {db}: cannot be locked: Permission denied\n"
        db.parent.chmod(0o755)


def test_an_older_one_is_read_in_a_copy(db: Path) -> None:
    for file in db.parent.iterdir():
        file.unlink()
    before = gzip.decompress((INDEXES / "schema-1" / "index.db.gz").read_bytes())
    db.write_bytes(before)
    said = without_permission(db.parent, lambda: photocap("search", "photo", "--db", db))
    assert said.startswith("0 /")
    assert said.endswith("photos\n")
    db.parent.chmod(0o755)
    said = without_permission(db.parent, lambda: photocap("status", "--db", db))
    assert said.endswith("each command reads a copy, which takes longer\n")
    db.parent.chmod(0o755)
    assert db.read_bytes() == before
    assert [file.name for file in db.parent.iterdir()] == ["index.db"]


def test_what_a_killed_writer_left_is_not_passed_over(db: Path) -> None:
    with PhotoIndex.open(db) as owner:
        owner.record_batch(owner.runs.start("test"), [record("/p/new.jpg", "a cat")])
        log = db.with_name("index.db-wal").read_bytes()
    db.with_name("index.db-wal").write_bytes(log)
    said = without_permission(db.parent, lambda: photocap("search", "cat", "--db", db))
    assert said.startswith(f"1 photocap: {db}: its last writer was killed, and what it left can be read in only where")
    db.parent.chmod(0o755)
    for file in db.parent.iterdir():
        file.chmod(0o644)
    assert photocap("search", "cat", "--db", db).startswith("0 /p/new.jpg\n")
