"""Open a photo's file, with a plain reason where that cannot be done."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from photocap.errors import ReadError
from photocap.system.regularfile import MAX_PHOTO_BYTES, open_regular, read_to_end


@contextmanager
def open_photo(path: Path) -> Iterator[BinaryIO]:
    """Open a photo's file for reading.

    Raises:
        ReadError: there is no such file, it is empty or too large, it is not a regular file, or it may not be read.
    """
    try:
        file = open_regular(path, limit_bytes=MAX_PHOTO_BYTES)
    except OSError as error:
        raise ReadError(path, reason_of(error)) from error
    with file:
        if os.fstat(file.fileno()).st_size == 0:
            raise ReadError(path, "the file is empty (0 bytes)", "copy it again from where it came")
        yield file


def read_photo(path: Path) -> bytes:
    """Read a photo's file whole, so that everything that is asked of it is answered from the same bytes.

    Raises:
        ReadError: as `open_photo`, or its drive fails.
    """
    with open_photo(path) as file:
        try:
            return read_to_end(file, limit_bytes=MAX_PHOTO_BYTES)
        except OSError as error:
            raise ReadError(path, reason_of(error)) from error


def reason_of(error: OSError) -> str:
    """Say in plain words why a file or folder could not be used."""
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if isinstance(error, PermissionError):
        return "no permission to read it"
    return error.strerror or str(error)
