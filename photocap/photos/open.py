"""Opening a photo's file, with a plain reason where that cannot be done."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from photocap.errors import ReadError


@contextmanager
def open_photo(path: Path) -> Iterator[BinaryIO]:
    """Open a photo's file for reading.

    Raises:
        ReadError: there is no such file, it is empty, it is not a regular file, or it may not be read.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for ever
            raise ReadError(path, "this is not a regular file")
        if status.st_size == 0:
            raise ReadError(path, "the file is empty (0 bytes)", "copy it again from where it came")
        file = path.open("rb")
    except OSError as error:
        raise ReadError(path, reason_of(error)) from error
    with file:
        yield file


def reason_of(error: OSError) -> str:
    """Say in plain words why a file or folder could not be used."""
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if isinstance(error, PermissionError):
        return "no permission to read it"
    return error.strerror or str(error)
