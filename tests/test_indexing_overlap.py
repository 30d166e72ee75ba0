"""Stages of a run that work at the same time: reading, decoding, the network, writing."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeCaptioner
from PIL import Image
from test_indexing import NO_FILES, Library, library  # noqa: F401 - a fixture

import photocap.photos.open as opening
from photocap.index import PhotoIndex
from photocap.library.indexing import IndexOptions, index_photos
from photocap.library.indexing.held_files import HeldFiles
from photocap.library.indexing.job import PhotoJob
from photocap.library.indexing.write_batch import BatchWriter
from photocap.library.stopwatch import Stopwatch
from photocap.photos import PhotoFile
from photocap.records import Caption


def test_the_network_has_a_batch_while_the_one_before_is_written(
    library: Library,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    second_began, missed = threading.Event(), []

    class Announcing(FakeCaptioner):
        def caption_batch(self, images: Sequence[Image.Image]) -> list[Caption]:
            if self.batches:
                second_began.set()
            return super().caption_batch(images)

    write = BatchWriter.write

    def write_late(self: BatchWriter, *arguments: Any) -> Any:
        if not second_began.wait(30):
            missed.append("the second batch did not begin before the first was written")
        return write(self, *arguments)

    monkeypatch.setattr(BatchWriter, "write", write_late)
    library.captioner = Announcing()
    for number in range(10):
        library.photo(f"{number}.jpg", size=(40 + number, 30))
    assert library.run().summary == "10 captioned"
    assert missed == []
    assert [result.caption for result in library.results] == [f"a red photo {40 + i} by 30" for i in range(10)]


@pytest.mark.parametrize("at_once", [1, 2])
def test_a_captioner_has_as_many_batches_in_hand_as_it_says(
    library: Library,  # noqa: F811
    at_once: int,
) -> None:
    lock = threading.Lock()
    second_came = threading.Event()
    in_hand, most = 0, 0

    class Concurrent(FakeCaptioner):
        batches_at_once = at_once

        def caption_batch(self, images: Sequence[Image.Image]) -> list[Caption]:
            nonlocal in_hand, most
            with lock:
                in_hand += 1
                most = max(most, in_hand)
            if in_hand == 2:
                second_came.set()
            second_came.wait(30 if at_once == 2 else 0.05)
            with lock:
                in_hand -= 1
                return super().caption_batch(images)

    library.captioner = Concurrent()
    for number in range(16):
        library.photo(f"{number:02d}.jpg", size=(40 + number, 30))
    assert library.run().summary == "16 captioned"
    assert most == at_once
    assert [result.caption for result in library.results] == [f"a red photo {40 + i} by 30" for i in range(16)]


def test_a_photo_is_read_once(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    reads: Counter[Path] = Counter()
    open_regular = opening.open_regular

    def counting(path: Path, **options: Any) -> Any:
        reads[path] += 1
        return open_regular(path, **options)

    monkeypatch.setattr(opening, "open_regular", counting)
    paths = [library.photo(name, size=(40 + number, 30)) for number, name in enumerate(("a.jpg", "b.png", "c.webp"))]
    assert library.run(policy=NO_FILES).summary == "3 captioned"
    assert reads == Counter(paths)


def test_what_does_not_fit_is_read_again() -> None:
    held = HeldFiles(limit_bytes=10)
    first, second, third = (
        PhotoJob(photo=PhotoFile(path=Path(name), size_bytes=6, mtime_ns=0, inode=0, device=0)) for name in "abc"
    )
    for job in (first, second):
        held.hold(job, b"123456")
    assert held.drop(second) is None
    assert held.drop(first) == b"123456"
    assert held.drop(first) is None
    held.hold(third, b"1234567890")
    assert held.drop(third) == b"1234567890"


def test_an_error_of_the_network_ends_the_run(library: Library) -> None:  # noqa: F811
    class Broken(FakeCaptioner):
        def caption_batch(self, images: Sequence[Image.Image]) -> list[Caption]:
            if len(self.batches) >= 8:
                raise KeyboardInterrupt
            return super().caption_batch(images)

    library.captioner = Broken(batch_size=1)
    for number in range(20):
        library.photo(f"{number:02d}.jpg", size=(40 + number, 30))
    assert library.run().interrupted
    assert 6 <= len(library.results) <= 8  # at most two batches of those that were seen are lost
    library.captioner = FakeCaptioner()
    library.run()
    assert len(library.captions()) == 20


def test_the_stages_are_measured(library: Library) -> None:  # noqa: F811
    library.photo("a.jpg")
    watch = Stopwatch()
    with PhotoIndex.open(library.db, create=True) as index:
        index_photos([library.root], index, library.load, IndexOptions(), stopwatch=watch)
    assert set(watch.seconds) == {"walk", "read", "hash", "facts", "decode", "metadata", "database"}
    assert all(seconds > 0 for seconds in watch.seconds.values())
