"""An index survives a full disk, and one that a stranger made does no harm."""

from __future__ import annotations

import os
import shutil
import sqlite3
import struct
import subprocess
import sys
import zlib
from dataclasses import replace
from pathlib import Path

import metadata_files as files
import pytest

from photocap.errors import IndexUnusable
from photocap.formats.splice import Edit
from photocap.index import CaptionRecord, PhotoIndex, PhotoRecord, UndoState
from photocap.index.health import check_index
from photocap.library.restore import restore
from photocap.metadata import PatchError, matches_after
from photocap.metadata.undo import record_write
from photocap.records import CaptionSource

_WAL_HEADER_BYTES, _FRAME_HEADER_BYTES = 32, 24


def fill(index, count, first=0):
    """Record photos with long captions, so that the index needs more pages."""
    run_id = index.runs.start("test")
    words = CaptionRecord(
        text="a dog on a beach " * 40,
        source=CaptionSource.MODEL,
        model_id="base",
        weights_sha256="0" * 64,
        confidence=0.7,
    )
    records = [
        PhotoRecord(
            path=Path(f"/photos/{number}.jpg"),
            size_bytes=1,
            mtime_ns=2,
            inode=3,
            device=4,
            picture_hash=f"{number:040x}",
            caption=words,
        )
        for number in range(first, first + count)
    ]
    index.record_batch(run_id, records)


def copy_as_the_disk_filled_up(path: Path, folder: Path) -> Path:
    """Copy an open index as a checkpoint leaves it that ran out of disk after the first page.

    SQLite copies pages from the log in the order of their numbers: page 1, whose header counts all pages, is in the
    file by then, the last ones are not, and the log is whole.
    """
    folder.mkdir()
    copy = folder / path.name
    for suffix in ("", "-wal"):
        shutil.copy(path.with_name(path.name + suffix), copy.with_name(copy.name + suffix))
    log = copy.with_name(copy.name + "-wal").read_bytes()
    (page_bytes,) = struct.unpack_from(">I", log, 8)
    first_page = b""
    for at in range(_WAL_HEADER_BYTES, len(log), _FRAME_HEADER_BYTES + page_bytes):
        if struct.unpack_from(">I", log, at) == (1,):
            first_page = log[at + _FRAME_HEADER_BYTES : at + _FRAME_HEADER_BYTES + page_bytes]
    with copy.open("r+b") as file:
        file.write(first_page)
    pages = int.from_bytes(first_page[28:32], "big")
    assert copy.stat().st_size < pages * page_bytes
    return copy


@pytest.fixture
def half_checkpointed(tmp_path):
    path = tmp_path / "index.db"
    with PhotoIndex.open(path, create=True) as index:
        fill(index, 200)
        return copy_as_the_disk_filled_up(path, tmp_path / "full")


@pytest.mark.parametrize("read_only", [True, False])
def test_an_index_whose_checkpoint_ran_out_of_disk_is_sound(half_checkpointed, read_only):
    with PhotoIndex.open(half_checkpointed, read_only=read_only) as index:
        assert index.counts().present == 200
    check_index(half_checkpointed)


@pytest.mark.parametrize("is_emptied", [True, False])
def test_the_same_file_without_its_log_is_damaged(half_checkpointed, is_emptied):
    log = half_checkpointed.with_name(half_checkpointed.name + "-wal")
    log.write_bytes(b"") if is_emptied else log.unlink()
    for read_only in (True, False):
        with pytest.raises(IndexUnusable, match="damaged"):
            PhotoIndex.open(half_checkpointed, read_only=read_only)


@pytest.mark.skipif(sys.platform == "win32", reason="no limits there")
def test_a_write_that_fills_the_disk_loses_nothing(tmp_path):
    path = tmp_path / "index.db"
    with PhotoIndex.open(path, create=True) as index:
        fill(index, 50)
    # A limit on the size of files fails writes as a full disk does, without one.
    script = f"""
import resource, signal, sys
from pathlib import Path
sys.path[:0] = {[str(Path(__file__).parent)]!r}
from test_hostile_index import fill
from photocap.errors import PhotocapError
from photocap.index import PhotoIndex
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
index = PhotoIndex.open(Path({str(path)!r}))
size = Path({str(path)!r}).stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 50_000, -1))
try:
    for first in range(1000, 3000, 10):
        fill(index, 10, first)
except PhotocapError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=100, check=False)
    assert done.stdout.strip().endswith("(check the disk)"), done
    with PhotoIndex.open(path) as index:
        assert index.counts().present >= 50


@pytest.mark.skipif(os.name == "nt", reason="modes are of other systems")
def test_an_index_is_its_owners_alone(tmp_path):
    path = tmp_path / "data" / "index.db"
    with PhotoIndex.open(path, create=True) as index:
        fill(index, 1)
        modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert set(modes.values()) == {0o600}, modes


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TRIGGER evil AFTER INSERT ON run BEGIN DELETE FROM photo; END",
        "CREATE VIEW evil AS SELECT * FROM photo",
        "DROP VIEW photos; CREATE VIEW photos AS SELECT load_extension('x')",
    ],
)
def test_an_index_with_triggers_of_a_stranger_is_not_written_to(statement, tmp_path):
    path = tmp_path / "index.db"
    PhotoIndex.open(path, create=True).close()
    connection = sqlite3.connect(path)
    connection.executescript(statement)
    connection.close()
    before = path.read_bytes()
    with pytest.raises(IndexUnusable, match="not photocap's"):
        PhotoIndex.open(path)
    assert path.read_bytes() == before


def journal(path, index_path, old, new):
    """Put a write into a journal, as a stranger would who wants `path` to become `old`."""
    edits = [Edit(0, len(old or b""), new)]
    record = record_write(path, old, new, edits)
    with PhotoIndex.open(index_path, create=True) as index:
        index.undo.set_state(index.undo.begin(index.runs.start("index"), [record]), UndoState.WRITTEN)


XMP = files.xmp_packet()


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        (".bashrc", b"evil", b"export PATH=/bin\n"),
        ("photo.jpg", b"evil", files.encoded("JPEG")),
        ("photo.jpg", files.encoded("JPEG"), b"a text with a photo's name"),
        ("photo.jpg", files.encoded("PNG"), files.encoded("JPEG")),
        ("photo.jpg", None, files.encoded("JPEG")),
        ("notes.xmp", None, b"a text with a sidecar's name"),
        ("notes.xmp", b"evil", XMP),
        ("notes.txt", None, XMP),
    ],
)
def test_restore_with_a_strangers_index_touches_photos_and_sidecars_only(name, old, new, tmp_path):
    path = tmp_path / name
    path.write_bytes(new)
    journal(path, tmp_path / "index.db", old, new)
    with PhotoIndex.open(tmp_path / "index.db") as index:
        (result,) = restore(index)
    assert not result.is_restored
    assert "not a photo or a sidecar" in result.reason
    assert path.read_bytes() == new


@pytest.mark.parametrize("old", [None, b"", XMP, XMP.decode().encode("utf-16"), b"\n<x:xapmeta/>"])
def test_restore_gives_sidecars_back(old, tmp_path):
    path = tmp_path / "a.jpg.xmp"
    new = XMP.replace(b"Tool", b"Other tool")
    path.write_bytes(new)
    journal(path, tmp_path / "index.db", old, new)
    with PhotoIndex.open(tmp_path / "index.db") as index:
        (result,) = restore(index)
    assert result.is_restored
    assert (path.read_bytes() if path.exists() else None) == old


def test_a_patch_that_swells_is_refused():
    photo = files.encoded("JPEG")
    record = record_write(Path("a.jpg"), photo, photo + b"x", [Edit(len(photo), len(photo), b"x")])
    swollen = replace(record, patch=zlib.compress(bytes(1 << 28), 9))
    with pytest.raises(PatchError, match="larger than any write"):
        matches_after(swollen, photo)
