"""A digest over the picture's data of a file, with the metadata left out."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import BinaryIO

from blake3 import blake3

from photocap.formats.base import Container, FrontToBack
from photocap.formats.spans import MemoryFile, NotUnderstood, Piece, Span, size_of, view_of
from photocap.formats.splice import Rewrite
from photocap.records import HashKind

_CHUNK_BYTES = 1 << 20


def picture_digest(file: BinaryIO, known: Container, kind: HashKind = HashKind.BLAKE3) -> str:
    """Return the hash of the pieces of a file that make its picture.

    Args:
        file: open at any place.
        known: its format.
        kind: of the hash.

    Raises:
        NotUnderstood: the file does not follow its format.
    """
    try:
        return hash_pieces(file, known.picture_spans(file), kind)
    except (struct.error, IndexError, OverflowError) as error:
        raise NotUnderstood(str(error)) from error


def same_picture(rewrite: Rewrite, known: Container) -> bool:
    """Return whether a file has the same picture before and after, by the pieces that `picture_digest` hashes.

    Args:
        rewrite: both.
        known: their format.

    Raises:
        NotUnderstood: one of them does not follow its format.
    """
    old, new = rewrite.old, rewrite.new
    try:
        before = list(known.picture_spans(MemoryFile(old)))
        if isinstance(known, FrontToBack) and _is_plain(before, old) and _meet(before, rewrite, known):
            return True
        after = list(known.picture_spans(MemoryFile(new)))
    except (struct.error, IndexError, OverflowError) as error:
        raise NotUnderstood(str(error)) from error
    if len(before) == len(after) and _is_plain(before, old) and _is_plain(after, new):
        return all(_content(a, old) == _content(b, new) for a, b in zip(before, after, strict=True))
    return picture_digest(MemoryFile(old), known) == picture_digest(MemoryFile(new), known)


def _meet(before: Sequence[Piece], rewrite: Rewrite, known: Container) -> bool:
    """Return whether after some equal pieces both files are the same to their ends, and with them all later pieces.

    Then the new file is not searched for the end of its picture, which takes longer than all else here. One place is
    tried, the first that is as far from both ends: at each of thousands it would take too long.
    """
    old, new = rewrite.old, rewrite.new
    for a, b in zip(before, known.picture_spans(MemoryFile(new)), strict=False):
        if _content(a, old) != _content(b, new):
            return False
        if isinstance(a, Span) and isinstance(b, Span):
            old_at, new_at = a.start + a.length, b.start + b.length
            if len(old) - old_at == len(new) - new_at:
                return rewrite.same_from(old_at, new_at)
    return False


def _is_plain(pieces: Sequence[Piece], data: bytes) -> bool:
    """Return whether pieces lie in a file and claim no more than it holds; all else is judged by `hash_pieces`."""
    spans = [piece for piece in pieces if isinstance(piece, Span)]
    claimed_bytes = sum(span.length for span in spans)
    return 0 < claimed_bytes <= len(data) and all(span.start + span.length <= len(data) for span in spans)


def _content(piece: Piece, data: bytes) -> bytes:
    # A copy: comparing memoryviews goes item by item and takes longer.
    return data[piece.start : piece.start + piece.length] if isinstance(piece, Span) else piece


def hash_pieces(file: BinaryIO, pieces: Iterator[Piece], kind: HashKind) -> str:
    """Return the hash of pieces, which together may not be much more than the file.

    Raises:
        NotUnderstood: they are, or there is nothing in them.
    """
    size_bytes = size_of(file)
    digest = blake3() if kind is HashKind.BLAKE3 else sha256()
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
        for chunk in _chunks(file, piece):
            digest.update(chunk)
            empty = False
    if empty and size_bytes:
        raise NotUnderstood("no picture data found")
    return digest.hexdigest()[: kind.value]


def _chunks(file: BinaryIO, span: Span) -> Iterator[bytes | memoryview]:
    start, end = span.start, span.start + span.length
    while start < end and (chunk := view_of(file, start, min(end - start, _CHUNK_BYTES))):
        start += len(chunk)
        yield chunk
