"""Read files that somebody else put there: regular ones only, and no more of them than was asked for.

A name in a folder may stand for a pipe that nobody writes to, a device without an end, or a sparse file of terabytes.
None of them may hold up a run or fill the memory.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

MAX_PHOTO_BYTES = 1 << 30
MAX_SIDECAR_BYTES = 32 << 20

_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_NONBLOCK", 0)  # opening a pipe would wait for its other end
)


def open_regular(path: Path, *, limit_bytes: int | None = None) -> BinaryIO:
    """Open a regular file for reading.

    Args:
        path: the file; links are followed.
        limit_bytes: refuse a file larger than this.

    Raises:
        OSError: it is not there, no regular file, too large or not readable; `strerror` says which.
    """
    _check(path, os.stat(path), limit_bytes)  # first, since opening a device may already do something
    descriptor = os.open(path, _FLAGS)
    try:
        _check(path, os.fstat(descriptor), limit_bytes)
    except OSError:
        os.close(descriptor)
        raise
    return os.fdopen(descriptor, "rb")


def read_regular(path: Path, *, limit_bytes: int) -> tuple[bytes, os.stat_result]:
    """Return the content of a regular file, and its stat as it was before reading.

    Raises:
        OSError: as `open_regular`, or it grew beyond the limit while it was read.
    """
    with open_regular(path, limit_bytes=limit_bytes) as file:
        status = os.fstat(file.fileno())
        data = read_to_end(file, limit_bytes=limit_bytes + 1)
    if len(data) > limit_bytes:
        raise _too_large(path, len(data), limit_bytes)
    return data, status


def read_to_end(file: BinaryIO, *, limit_bytes: int) -> bytes:
    """Return what an open file holds from here on, as much as the limit of it."""
    size_bytes = os.fstat(file.fileno()).st_size
    data = file.read(min(size_bytes + 1, limit_bytes))  # the limit itself would have as much memory set up
    if len(data) > size_bytes:  # it grew meanwhile
        data += file.read(limit_bytes - len(data))
    return data


def _check(path: Path, status: os.stat_result, limit_bytes: int | None) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "this is not a regular file", os.fspath(path))
    if limit_bytes is not None and status.st_size > limit_bytes:
        raise _too_large(path, status.st_size, limit_bytes)


def _too_large(path: Path, size_bytes: int, limit_bytes: int) -> OSError:
    reason = f"it has {size_bytes:,} bytes, and at most {limit_bytes:,} are read"
    return OSError(errno.EFBIG, reason, os.fspath(path))
