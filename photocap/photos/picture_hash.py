"""Recognise the same picture: a hash over the picture's data, with the metadata left out.

Writing a caption, a tag or a rating, and renaming, moving, copying or touching a photo leave its hash as it was.
A file that is not understood is hashed whole, which only costs a caption made anew after somebody edits its tags.
"""

from __future__ import annotations

import contextlib
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO

from photocap.errors import ReadError, as_read_error
from photocap.formats.detect import SNIFF_BYTES, format_of
from photocap.formats.picture_digest import hash_pieces, picture_digest
from photocap.formats.spans import MemoryFile, NotUnderstood, whole_file
from photocap.photos.open import open_photo
from photocap.records import HashKind


def picture_hash(path: Path, data: bytes | None = None, *, kind: HashKind = HashKind.BLAKE3) -> str:
    """Return a hash of the picture's data only.

    Args:
        path: the photo.
        data: its content, where it was read already.
        kind: of the hash; those of two kinds have nothing in common, so whoever compares asks for that of the others.

    Raises:
        ReadError: the file cannot be read.
    """
    with as_read_error(path), _opened(path, data) as file:
        try:
            return _hash_picture(file, kind)
        except OSError as error:
            raise ReadError(path, error.strerror or str(error)) from error


def _opened(path: Path, data: bytes | None) -> AbstractContextManager[BinaryIO]:
    return open_photo(path) if data is None else MemoryFile(data)


def _hash_picture(file: BinaryIO, kind: HashKind) -> str:
    found = format_of(file.read(SNIFF_BYTES))
    if found is not None:
        with contextlib.suppress(NotUnderstood):
            return picture_digest(file, found, kind)
    return hash_pieces(file, whole_file(file), kind)
