"""Recognise the same picture: a hash over the picture's data, with the metadata left out.

Writing a caption, a tag or a rating, and renaming, moving, copying or touching a photo leave its hash as it was.
A file that is not understood is hashed whole, which only costs a caption made anew after somebody edits its tags.
"""

from __future__ import annotations

import hashlib
import io
import struct
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO

from photocap.errors import ReadError, as_read_error
from photocap.formats.detect import SNIFF_BYTES, format_of
from photocap.formats.spans import NotUnderstood, Piece, Span, size_of, whole_file
from photocap.photos.open import open_photo

_CHUNK_BYTES = 1 << 20
_DIGEST_BYTES = 20  # 160 of SHA-256's bits: enough for any library, and short in the index


def picture_hash(path: Path, data: bytes | None = None) -> str:
    """Return a hash (40 hex digits) of the picture's data only.

    Args:
        path: the photo.
        data: its content, where it was read already.

    Raises:
        ReadError: the file cannot be read.
    """
    with as_read_error(path), _opened(path, data) as file:
        try:
            digest = _hash_picture(file)
        except OSError as error:
            raise ReadError(path, error.strerror or str(error)) from error
    return digest[: 2 * _DIGEST_BYTES]


def _opened(path: Path, data: bytes | None) -> AbstractContextManager[BinaryIO]:
    return open_photo(path) if data is None else io.BytesIO(data)


def _hash_picture(file: BinaryIO) -> str:
    size_bytes = size_of(file)
    found = format_of(file.read(SNIFF_BYTES))
    if found is not None:
        try:
            return _hash_pieces(file, found.picture_spans(file), size_bytes)
        except (NotUnderstood, struct.error, IndexError, OverflowError):
            pass
    return _hash_pieces(file, whole_file(file), size_bytes)


def _hash_pieces(file: BinaryIO, pieces: Iterator[Piece], size_bytes: int) -> str:
    digest = hashlib.sha256()
    left_bytes = 2 * size_bytes  # a hostile file may point a thousand times at the same megabytes
    empty = True
    for piece in pieces:
        if not isinstance(piece, Span):
            digest.update(piece)
            continue
        left_bytes -= piece.length
        if left_bytes < 0:
            raise NotUnderstood("more picture data is claimed than the file holds")
        if not piece.length:
            continue
        file.seek(piece.start)
        for chunk in _chunks(file, piece.length):
            digest.update(chunk)
            empty = False
    if empty and size_bytes:
        raise NotUnderstood("no picture data found")
    return digest.hexdigest()


def _chunks(file: BinaryIO, length: int) -> Iterator[bytes]:
    while length > 0 and (chunk := file.read(min(length, _CHUNK_BYTES))):
        length -= len(chunk)
        yield chunk
