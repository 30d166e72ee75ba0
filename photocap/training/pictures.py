"""Photos as squares of pixels, decoded once and kept on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from photocap.captioning.preprocess import to_square
from photocap.errors import ReadError
from photocap.photos import load_image
from photocap.system.workers import Overdue, WorkerPool
from photocap.training.dataset import CaptionedPhoto
from photocap.training.row_store import RowStore


def photo_key(photo: CaptionedPhoto) -> str:
    """Name a photo as it is on disk now: another size or time of change is another photo."""
    try:
        stat = photo.path.stat()
    except OSError:
        return "gone"
    text = f"{photo.path.absolute()}\0{stat.st_size}\0{stat.st_mtime_ns}"
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32]


class Pictures:
    """The photos of a training.

    Args:
        photos: the photos.
        store: where their squares are kept.
        side_px: S, the side of a square.
        workers: photos decoded at the same time.
    """

    def __init__(self, photos: Sequence[CaptionedPhoto], store: RowStore, side_px: int, *, workers: int) -> None:
        self.photos, self.store, self.side_px, self._workers = photos, store, side_px, workers
        self.keys = [photo_key(photo) for photo in photos]
        self.errors: dict[int, ReadError] = {}

    def __len__(self) -> int:
        return len(self.photos)

    def __getitem__(self, numbers: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return readable photos as (n, S, S, 3) uint8, decoded now where they are not on disk."""
        return self.squares_of(numbers.tolist())[1]

    def load(self, numbers: Iterable[int], progress: Callable[[int], object]) -> None:
        """Decode those of the photos that are not on disk yet; what cannot be read is then in `errors`.

        Args:
            numbers: of the photos.
            progress: told after each photo how many are done; what it raises ends the work.
        """
        numbers = list(numbers)
        missing = [number for number in numbers if self.keys[number] not in self.store and number not in self.errors]
        done = len(numbers) - len(missing)
        for number, square in self._decode(missing):
            if square is not None:
                self.store.add(self.keys[number], square)
            done += 1
            progress(done)

    def squares_of(self, numbers: Sequence[int]) -> tuple[list[int], NDArray[np.uint8]]:
        """Return those of the photos that can be read, and their squares (n, S, S, 3); nothing is kept on disk."""
        known: list[int] = []
        missing: list[int] = []
        for number in numbers:
            (known if self.keys[number] in self.store else missing).append(number)
        if not missing:
            return known, self._stored(known)
        squares = dict(zip(known, self._stored(known), strict=True)) if known else {}
        squares |= {number: square for number, square in self._decode(missing) if square is not None}
        readable = [number for number in numbers if number in squares]
        return readable, np.stack([squares[number] for number in readable]) if readable else self._stored([])

    def _stored(self, numbers: Sequence[int]) -> NDArray[np.uint8]:
        shape = (len(numbers), self.side_px, self.side_px, 3)
        return (
            self.store.read([self.keys[number] for number in numbers]).reshape(shape)
            if numbers
            else np.empty(shape, np.uint8)
        )

    def _decode(self, numbers: Sequence[int]) -> Iterator[tuple[int, NDArray[np.uint8] | None]]:
        """Yield each photo's square; None for one that cannot be read."""
        pool = WorkerPool(self._workers)
        try:
            for start in range(0, len(numbers), 4 * self._workers):
                group = numbers[start : start + 4 * self._workers]
                jobs = [pool.submit(_load_square, self.photos[number], self.side_px) for number in group]
                for number, job in zip(group, jobs, strict=True):
                    try:
                        yield number, pool.result(job)
                    except ReadError as error:
                        self.errors[number] = error
                        yield number, None
                    except Overdue as error:
                        self.errors[number] = ReadError(self.photos[number].path, str(error))
                        yield number, None
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _load_square(photo: CaptionedPhoto, side_px: int) -> NDArray[np.uint8]:
    return to_square(load_image(photo.path, side_px), side_px)
