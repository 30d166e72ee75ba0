"""Telling what is the same picture: a hash over the picture's data, with the metadata left out.

Writing a caption, a tag or a rating, and renaming, moving, copying or touching a photo leave its hash as it was.
A file that is not understood is hashed whole, which only costs a caption made anew after somebody edits its tags.
"""

from __future__ import annotations

import hashlib
import io
import struct
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO

from photocap.errors import ReadError, as_read_error
from photocap.formats.bmff_picture import heif_picture, jp2_picture, jxl_picture
from photocap.formats.chunk_picture import jpeg_picture, png_picture, webp_picture
from photocap.formats.spans import NotUnderstood, Piece, Span, size_of
from photocap.formats.tiff_picture import tiff_picture
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
    parser = _parser_for(file.read(16))
    if parser is not None:
        try:
            return _hash_pieces(file, parser(file), size_bytes)
        except (NotUnderstood, struct.error, IndexError, OverflowError):
            pass
    return _hash_pieces(file, iter([Span(0, size_bytes)]), size_bytes)


def _parser_for(start: bytes) -> Callable[[BinaryIO], Iterator[Piece]] | None:
    if start.startswith(b"\xff\xd8\xff"):
        return jpeg_picture
    if start.startswith(b"\x89PNG\r\n\x1a\n"):
        return png_picture
    if start.startswith(b"RIFF") and start[8:12] == b"WEBP":
        return webp_picture
    if start[4:8] == b"ftyp":
        return heif_picture
    if start[4:12] == b"jP  \r\n\x87\n":
        return jp2_picture
    if start[4:12] == b"JXL \r\n\x87\n":
        return jxl_picture
    # Camera raw files are TIFF inside, with pictures in places of each maker's own: those are hashed whole.
    return tiff_picture if start[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+") else None


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
