"""What the format readers hand to the hash: places in the file, and short bytes of their own."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple, TypeAlias


class Span(NamedTuple):
    """A run of bytes in a file."""

    start: int
    length: int


Piece: TypeAlias = Span | bytes


class NotUnderstood(ValueError):
    """The file does not follow its format; it is then hashed whole."""


def size_of(file: BinaryIO) -> int:
    """Return the size of a file, open on the disk or in memory; its position stays."""
    position = file.tell()
    size_bytes = file.seek(0, os.SEEK_END)
    file.seek(position)
    return size_bytes


class MemoryFile(io.BytesIO):
    """A file in memory, of which `view_of` takes no copies."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.data = data


def view_of(file: BinaryIO, start: int, length: int) -> bytes | memoryview:
    """Return a run of bytes, fewer where the file ends."""
    if isinstance(file, MemoryFile):
        return memoryview(file.data)[start : start + length]
    file.seek(start)
    return file.read(length)


def whole_file(file: BinaryIO) -> Iterator[Piece]:
    """Yield all of a file, for formats whose metadata are not separated from the picture."""
    yield Span(0, size_of(file))


def read_exactly(file: BinaryIO, start: int, length: int) -> bytes:
    """Read a run of bytes that must lie inside the file; a claimed length is never trusted with memory."""
    if start < 0 or length < 0 or start + length > size_of(file):
        raise NotUnderstood("points outside the file")
    file.seek(start)
    return file.read(length)
