"""Open the index for a command, and say what its user may wonder about."""

from __future__ import annotations

from pathlib import Path

from photocap.cli import console
from photocap.errors import printable
from photocap.index import PhotoIndex


def open_for_reading(db: Path) -> PhotoIndex:
    """Open an index that stays as it is; one of an older photocap that cannot be written is read in a copy.

    Raises:
        PhotocapError: as `PhotoIndex.open`.
    """
    index = PhotoIndex.open(db, read_only=True)
    if index.is_copy:
        console.note(
            f"{printable(db)} is of an older photocap and cannot be brought up to date, for want of permission:"
            " each command reads a copy, which takes longer"
        )
    return index


def open_for_writing(db: Path, *, create: bool = False, check: bool = True) -> PhotoIndex:
    """Open an index to change it; a wait for another writer is said.

    Raises:
        PhotocapError: as `PhotoIndex.open`.
    """
    return PhotoIndex.open(db, create=create, check=check, waiting=console.note)
