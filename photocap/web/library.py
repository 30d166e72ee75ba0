"""The library behind the page: read by every request, changed by one at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from photocap.errors import PhotocapError
from photocap.index import PhotoIndex, PhotoRow, PhotoState
from photocap.metadata import WritePolicy


class NoSuchPhoto(PhotocapError):
    """The index knows no photo of this number."""


class Library:
    """An index file and how captions are written.

    The index is opened for writing only while something is changed, so that other commands can write meanwhile.

    Args:
        db: the index.
        policy: where captions are written.
    """

    def __init__(self, db: Path, policy: WritePolicy) -> None:
        self.db = db
        self.policy = policy
        self._writing = threading.Lock()

    @contextmanager
    def reading(self) -> Iterator[PhotoIndex]:
        """Open the index for reading.

        Raises:
            IndexNotFound: nothing was indexed yet.
        """
        with PhotoIndex.open(self.db, read_only=True) as index:
            yield index

    @contextmanager
    def writing(self) -> Iterator[PhotoIndex]:
        """Open the index for writing; a second request waits for the first.

        Raises:
            IndexBusy: another program writes to it.
        """
        with self._writing, PhotoIndex.open(self.db) as index:
            yield index


def photo_of(index: PhotoIndex, photo_id: int) -> PhotoRow:
    """Return a photo by its number.

    Raises:
        NoSuchPhoto: there is none.
    """
    found = index.photos.by_id([photo_id])
    if not found:
        raise NoSuchPhoto(f"the index has no photo number {photo_id}")
    return found[0]


def is_readable(photo: PhotoRow) -> bool:
    """Return whether there should be a file to show."""
    return photo.state is PhotoState.PRESENT
