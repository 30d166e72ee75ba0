"""An index survives a full disk, and one that a stranger made does no harm."""

from __future__ import annotations

import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from photocap.errors import IndexUnusable
from photocap.index import CaptionRecord, PhotoIndex, PhotoRecord
from photocap.index.health import check_index
from photocap.records import CaptionSource

_WAL_HEADER_BYTES, _FRAME_HEADER_BYTES = 32, 24


def fill(index, count, first=0):
    """Record photos with long captions, so that the index needs more pages."""
    run_id = index.runs.start("test")
    words = CaptionRecord("a dog on a beach " * 40, CaptionSource.MODEL, "base", "0" * 64, 0.7)
    records = [
        PhotoRecord(Path(f"/photos/{number}.jpg"), 1, 2, 3, 4, picture_hash=f"{number:040x}", caption=words)
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
