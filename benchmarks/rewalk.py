"""How fast a library that has not changed is gone through: files a second, and the memory it takes.

    python benchmarks/rewalk.py --files 100000

Makes that many small files in folders of a thousand and an index that knows them, then indexes once more. Nothing is
opened and no model is loaded, so the contents do not matter.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from photocap.index import CaptionRecord, PhotoIndex, PhotoRecord
from photocap.library.indexing import index_photos
from photocap.photos import find_photos
from photocap.records import CaptionerProtocol, Written

FILES_IN_FOLDER = 1_000


def make_library(root: Path, files: int) -> None:
    """Make that many files."""
    for number in range(files):
        folder = root / f"{number // FILES_IN_FOLDER:05d}"
        if number % FILES_IN_FOLDER == 0:
            folder.mkdir(parents=True)
        (folder / f"IMG_{number:07d}.jpg").write_bytes(b"x")


def records(root: Path) -> Iterator[PhotoRecord]:
    """Yield what an index that knows all files would have been told."""
    caption = CaptionRecord(text="a dog runs on a beach", model_id="benchmark", confidence=0.5)
    for number, photo in enumerate(find_photos([root])):
        yield PhotoRecord(
            path=photo.path,
            size_bytes=photo.size_bytes,
            mtime_ns=photo.mtime_ns,
            inode=photo.inode,
            device=photo.device,
            picture_hash=f"{number:040x}",
            caption=caption,
            written=Written.EMBEDDED,
        )


def no_captioner() -> CaptionerProtocol:
    """Stand in for the loader of a model that nobody may need."""
    raise AssertionError("nothing is new, so no model is needed")


def main() -> None:
    """Make the library, index it once more, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=100_000)
    files = parser.parse_args().files
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "photos")
        make_library(root, files)
        with PhotoIndex.open(Path(folder, "index.db"), create=True) as index:
            index.record_batch(index.runs.start("benchmark"), records(root))
            start, start_cpu = time.perf_counter(), time.process_time()
            report = index_photos([root], index, no_captioner)
            wall_s, cpu_s = time.perf_counter() - start, time.process_time() - start_cpu
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(
        f"{report.summary}: {files / wall_s:,.0f} files/s ({files / cpu_s:,.0f} per CPU second), {peak_mb} MB at most"
    )


if __name__ == "__main__":
    main()
