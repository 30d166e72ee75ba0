"""Where the picture lies in files made of chunks one after the other: JPEG, PNG and WebP."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import BinaryIO

from photocap.formats.spans import NotUnderstood, Piece, Span, size_of, view_of

_JPEG_LIMIT_BYTES = 1 << 29
_NO_FILL_BYTE = re.compile(rb"[^\xff]")
_PIECE_BYTES = 1 << 17  # larger ones leave the processor's cache and take twice as long
_MAX_CHUNKS = 200_000  # segments or chunks; real files have some thousand
_EOI, _COM, _APP0, _APP15 = 0xD9, 0xFE, 0xE0, 0xEF
_FILL, _RESTART, _RESTART_MASK = 0xFF, 0xD0, 0xF8  # restart markers are 0xD0 to 0xD7
SOS = 0xDA
SCAN_DATA = 0  # in place of a marker: some of the coded picture after a start of scan

_PNG_PICTURE = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"acTL", b"fcTL", b"fdAT"}
_WEBP_PICTURE = {b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF"}


def jpeg_picture(file: BinaryIO) -> Iterator[Piece]:
    """Yield the segments of the first image without APPn and COM; previews and video after its end are left out."""
    for marker, span in jpeg_markers(file):
        if not (marker == _COM or _APP0 <= marker <= _APP15):
            yield span


def jpeg_markers(file: BinaryIO) -> Iterator[tuple[int, Span]]:
    """Yield the marker of each segment of the first image, and where it is; scans are looked through when it is time.

    Raises:
        NotUnderstood: there is something other than a segment, or too many.
    """
    size_bytes = size_of(file)
    if size_bytes > _JPEG_LIMIT_BYTES:
        raise NotUnderstood("too large to be a JPEG")
    position = 2
    for _ in range(_MAX_CHUNKS):
        if position >= size_bytes:
            return
        head = _read(file, position, 4)
        if len(head) < 2 or head[0] != 0xFF:
            raise NotUnderstood("a JPEG segment does not begin with 0xFF")
        marker = head[1]
        if marker == _EOI:
            return
        if marker == _FILL:  # fill bytes; the last one before something else begins the segment
            position = _end_of_fill(file, position, size_bytes) - 1
            continue
        end = position + 2 + int.from_bytes(head[2:], "big")
        yield marker, Span(position, end - position)
        position = end
        if marker == SOS:
            for span in _scan(file, position, size_bytes):
                yield SCAN_DATA, span
                position = span.start + span.length
    raise NotUnderstood("too many segments")


def _read(file: BinaryIO, start: int, length: int) -> bytes:
    file.seek(start)
    return file.read(length)


def _end_of_fill(file: BinaryIO, start: int, size_bytes: int) -> int:
    """Return where the first byte other than 0xFF stands, else the file's size; a piece at a time is read."""
    for position in range(start, size_bytes, _PIECE_BYTES):
        if found := _NO_FILL_BYTE.search(_read(file, position, _PIECE_BYTES)):
            return position + found.start()
    return size_bytes


def _scan(file: BinaryIO, start: int, size_bytes: int) -> Iterator[Span]:
    """Yield a scan in pieces, up to the first marker behind it or the end of the file.

    In coded picture data 0xFF is followed by 0 (a data byte) or a restart marker; before a marker it may repeat. Who
    goes on with a piece right after it was looked through finds it in the processor's cache.
    """
    import numpy as np  # here, since it takes a tenth of a second; it searches twice as fast as a regular expression

    for position in range(start, size_bytes, _PIECE_BYTES):
        piece = np.frombuffer(view_of(file, position, _PIECE_BYTES + 1), np.uint8)  # one more, for a marker across two
        is_marked = np.logical_and((piece[:-1] == _FILL).view(np.uint8), piece[1:])  # by any byte but 0
        if is_marked.any():  # in few pieces: the search for places takes longer
            places = np.flatnonzero(is_marked)
            codes = piece[places + 1]
            markers = places[(codes & _RESTART_MASK != _RESTART) & (codes != _FILL)]
            if markers.size:
                yield Span(position, int(markers[0]))
                return
        yield Span(position, min(_PIECE_BYTES, size_bytes - position))


def png_picture(file: BinaryIO) -> Iterator[Piece]:
    """Yield the contents of the chunks that make the picture, however its data is cut into chunks."""
    before = b""
    for kind, span in _chunks(file, 8, ">I4s", checksum_bytes=4):
        if kind in _PNG_PICTURE:
            if kind != before:
                yield kind
            yield span
        before = kind
        if kind == b"IEND":
            return


def webp_picture(file: BinaryIO) -> Iterator[Piece]:
    """Yield the contents of the chunks that make the picture."""
    for kind, span in _chunks(file, 12, "<4sI", padded=True):
        if kind in _WEBP_PICTURE:
            yield kind
            yield span


def _chunks(
    file: BinaryIO, start: int, header: str, *, checksum_bytes: int = 0, padded: bool = False
) -> Iterator[tuple[bytes, Span]]:
    size_bytes = size_of(file)
    for _ in range(_MAX_CHUNKS):
        if start + 8 > size_bytes:
            return
        first, second = struct.unpack(header, _read(file, start, 8))
        kind, length = (first, second) if isinstance(first, bytes) else (second, first)
        yield kind, Span(start + 8, length)
        start += 8 + length + checksum_bytes + (length % 2 if padded else 0)
    raise NotUnderstood("too many chunks")
