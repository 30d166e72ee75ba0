"""Indexes that earlier versions made, one for each version of the schema: they open and everything works.

Each was made by the code of its day, as `store_index` makes today's, from four files of `tests/data/pictures`: a JPEG
and a GIF were captioned (into the photo, into a sidecar), a broken file failed, a person wrote a caption for the PNG.
"""

from __future__ import annotations

import gzip
import os
import shutil
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from fakes import FakeCaptioner
from store_index import INDEXES, ORIGINALS, PICTURES, ROOT

from photocap.index import PhotoIndex
from photocap.index.schema import CURRENT_VERSION
from photocap.library.indexing import IndexOptions, index_photos
from photocap.library.report import Outcome
from photocap.metadata import read_caption
from photocap.records import HashKind

VERSIONS = range(1, CURRENT_VERSION + 1)
BLAKE3_SINCE = 10

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stored indexes hold paths of Unix")


class OldLibrary:
    """An old index and its photos, copied to a folder of the test's own."""

    def __init__(self, version: int, folder: Path) -> None:
        self.version = version
        self.root, self.db = folder / "library", folder / "index.db"
        shutil.copytree(INDEXES / f"schema-{version}" / "library", self.root)
        self.db.write_bytes(gzip.decompress((INDEXES / f"schema-{version}" / "index.db.gz").read_bytes()))
        with closing(sqlite3.connect(self.db)) as connection, connection:
            assert connection.execute("PRAGMA user_version").fetchone() == (version,)
            for table, column in (("photo", "path"), ("undo", "path"), ("undo", "photo_path")):
                if column in {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}:
                    connection.execute(
                        f"UPDATE {table} SET {column} = replace({column}, ?, ?)", (str(ROOT), str(self.root))
                    )
            for path, mtime_ns in connection.execute("SELECT path, mtime_ns FROM photo").fetchall():
                for file in (Path(path), Path(f"{path}.xmp")):
                    if file.exists():
                        os.utime(file, ns=(mtime_ns, mtime_ns))


@pytest.fixture(params=VERSIONS)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> OldLibrary:
    """Return the library of each version of the schema in turn."""
    return OldLibrary(request.param, tmp_path)


def test_every_schema_has_a_stored_index() -> None:
    missing = [version for version in VERSIONS if not (INDEXES / f"schema-{version}" / "index.db.gz").exists()]
    assert not missing, "store one with: python tests/store_index.py"


def test_it_opens_and_is_upgraded(old: OldLibrary) -> None:
    with PhotoIndex.open(old.db):
        pass
    with closing(sqlite3.connect(old.db)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (CURRENT_VERSION,)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("grey", {"lake.jpg", "old.gif"}),
        ("minka", {"cat.png"}),
        ("type:gif", {"old.gif"}),
        ("filename:cat", {"cat.png"}),
    ],
)
def test_search_finds_what_it_found(old: OldLibrary, cli: Callable[..., Result], query: str, names: set[str]) -> None:
    found = cli("search", query, "--db", old.db)
    assert found.exit_code == 0, found.output
    assert {Path(line).name for line in found.stdout.splitlines()} == names


def test_show_and_status(old: OldLibrary, cli: Callable[..., Result]) -> None:
    shown = cli("show", old.root / "sub" / "cat.png", "--db", old.db)
    assert shown.exit_code == 0, shown.output
    assert "My cat Minka" in shown.stdout
    status = cli("status", "--db", old.db)
    assert status.exit_code == 0, status.output
    assert "3" in status.stdout


def test_unchanged_photos_are_not_captioned_again(old: OldLibrary) -> None:
    captioner = FakeCaptioner()
    results: list[Any] = []
    with PhotoIndex.open(old.db) as index:
        index_photos([old.root], index, lambda: captioner, IndexOptions(workers=1), on_result=results.append)
    assert captioner.pictures == 0
    changed = {result.path.name: result.outcome for result in results if result.outcome is not Outcome.UNCHANGED}
    assert changed == {"broken.webp": Outcome.FAILED}  # as it was, without opening it


def test_a_moved_photo_is_known_by_the_hash_that_the_index_has(old: OldLibrary, cli: Callable[..., Result]) -> None:
    kind = HashKind.SHA256 if old.version < BLAKE3_SINCE else HashKind.BLAKE3
    (old.root / "sub" / "cat.png").rename(old.root / "minka.png")
    shutil.copyfile(PICTURES / "alpha.webp", old.root / "new.webp")
    explained = cli("explain", old.root / "minka.png", "--db", old.db)
    assert "My cat Minka" in explained.stdout, explained.output
    captioner = FakeCaptioner()
    results: list[Any] = []
    with PhotoIndex.open(old.db) as index:
        index_photos([old.root], index, lambda: captioner, IndexOptions(workers=1), on_result=results.append)
        hashes = [photo.picture_hash for photo in index.photos.all() if photo.picture_hash]
    assert {HashKind.of(digest) for digest in hashes} == {kind}
    assert captioner.pictures == 1  # the new one
    assert {result.path.name for result in results if result.outcome is Outcome.MOVED} == {"minka.png"}


def test_what_was_written_into_a_moved_photo_is_taken_back(old: OldLibrary, cli: Callable[..., Result]) -> None:
    (old.root / "lake.jpg").rename(old.root / "sea.jpg")
    restored = cli("restore", old.root / "sea.jpg", "--db", old.db)
    assert restored.exit_code == 0, restored.output
    assert (old.root / "sea.jpg").read_bytes() == (PICTURES / ORIGINALS["lake.jpg"]).read_bytes()


def test_a_persons_new_words_go_into_the_photo(old: OldLibrary, cli: Callable[..., Result]) -> None:
    photo = old.root / "lake.jpg"
    edited = cli("edit", photo, "Anna and Rex at the lake", "--db", old.db)
    assert edited.exit_code == 0, edited.output
    assert read_caption(photo).text == "Anna and Rex at the lake"
    assert "lake.jpg" in cli("search", "rex", "--db", old.db).stdout


def test_restore_takes_back_what_the_old_version_wrote(old: OldLibrary, cli: Callable[..., Result]) -> None:
    restored = cli("restore", old.root, "--db", old.db)
    assert restored.exit_code == 0, restored.output
    for name, original in ORIGINALS.items():
        assert (old.root / name).read_bytes() == (PICTURES / original).read_bytes(), name
    assert not (old.root / "sub" / "old.gif.xmp").exists()
