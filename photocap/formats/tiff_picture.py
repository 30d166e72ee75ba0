"""Where the picture lies in a TIFF file: the strips or tiles of each page (TIFF 6.0, BigTIFF)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from photocap.formats.spans import NotUnderstood, Piece, Span, read_exactly, size_of

# What says how the data is to be read: width, height, bits, compression, photometric, fill order, samples per pixel,
# rows per strip, planes, predictor, colour map, tile size, sample format, JPEG tables.
_LAYOUT_TAGS = (256, 257, 258, 259, 262, 266, 277, 278, 284, 317, 320, 322, 323, 339, 347)
_STRIP_OFFSETS, _STRIP_LENGTHS, _TILE_OFFSETS, _TILE_LENGTHS = 273, 279, 324, 325
_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_UNSIGNED_CODES = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
_DNG_VERSION = 50706
_MAX_PAGES = 4096
_MAX_SPANS = 500_000


@dataclass(frozen=True)
class _Value:
    kind: int
    data: bytes


@dataclass(frozen=True)
class _Layout:
    """How this file writes numbers: byte order, and the sizes of classic TIFF or BigTIFF."""

    order: str
    offset_code: str
    count_code: str
    offset_bytes: int

    @property
    def entry_bytes(self) -> int:
        return 4 + 2 * self.offset_bytes

    def numbers(self, value: _Value) -> tuple[int, ...]:
        code = _UNSIGNED_CODES.get(value.kind)
        if code is None:
            raise NotUnderstood("an offset is not a whole number")
        return struct.unpack(f"{self.order}{len(value.data) // _TYPE_BYTES[value.kind]}{code}", value.data)


def tiff_picture(file: BinaryIO) -> Iterator[Piece]:
    """Yield, page by page, what describes the data and the data itself."""
    source = _Budgeted(file)
    layout, position = _read_header(source)
    seen: set[int] = set()
    spans = 0
    while position:
        if position in seen or len(seen) >= _MAX_PAGES:
            raise NotUnderstood("the pages form a circle")
        seen.add(position)
        tags, position = _read_page(source, layout, position)
        if _DNG_VERSION in tags:
            raise NotUnderstood("a camera raw file")
        for tag in _LAYOUT_TAGS:
            if tag in tags:
                yield tag.to_bytes(2, "big") + tags[tag].data
        for span in _picture_spans(layout, tags):
            spans += 1
            if spans > _MAX_SPANS:
                raise NotUnderstood("too many strips")
            yield span


class _Budgeted:
    """Reads directories and their values, in all not much more than the file holds.

    Directories and values may share their bytes, so that a small file can describe gigabytes.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._left_bytes = 2 * size_of(file) + (1 << 16)

    def read(self, start: int, length: int) -> bytes:
        """Return a run of bytes inside the file."""
        self._left_bytes -= length
        if self._left_bytes < 0:
            raise NotUnderstood("more is described than the file holds")
        return read_exactly(self._file, start, length)


def _picture_spans(layout: _Layout, tags: dict[int, _Value]) -> Iterator[Span]:
    for offsets, lengths in ((_STRIP_OFFSETS, _STRIP_LENGTHS), (_TILE_OFFSETS, _TILE_LENGTHS)):
        if offsets in tags and lengths in tags:
            yield from map(Span, layout.numbers(tags[offsets]), layout.numbers(tags[lengths]))


def _read_header(source: _Budgeted) -> tuple[_Layout, int]:
    start = source.read(0, 8)
    order = "<" if start[:2] == b"II" else ">"
    (version,) = struct.unpack(order + "H", start[2:4])
    if version == 43:
        return _Layout(order, "Q", "Q", 8), struct.unpack(order + "Q", source.read(8, 8))[0]
    return _Layout(order, "I", "H", 4), struct.unpack(order + "I", start[4:8])[0]


def _read_page(source: _Budgeted, layout: _Layout, position: int) -> tuple[dict[int, _Value], int]:
    count_bytes = struct.calcsize(layout.count_code)
    (count,) = struct.unpack(layout.order + layout.count_code, source.read(position, count_bytes))
    entries_start = position + count_bytes
    block = source.read(entries_start, count * layout.entry_bytes + layout.offset_bytes)
    tags = {}
    for i in range(count):
        tag, kind, number = struct.unpack_from(f"{layout.order}HH{layout.offset_code}", block, i * layout.entry_bytes)
        if tag in _WANTED and kind in _TYPE_BYTES:
            inline_start = entries_start + i * layout.entry_bytes + 4 + layout.offset_bytes
            tags[tag] = _Value(kind, _read_value(source, layout, inline_start, number * _TYPE_BYTES[kind]))
    (next_page,) = struct.unpack_from(layout.order + layout.offset_code, block, count * layout.entry_bytes)
    return tags, next_page


def _read_value(source: _Budgeted, layout: _Layout, inline_start: int, length: int) -> bytes:
    if length <= layout.offset_bytes:
        return source.read(inline_start, length)
    (start,) = struct.unpack(layout.order + layout.offset_code, source.read(inline_start, layout.offset_bytes))
    return source.read(start, length)


_WANTED = {*_LAYOUT_TAGS, _STRIP_OFFSETS, _STRIP_LENGTHS, _TILE_OFFSETS, _TILE_LENGTHS, _DNG_VERSION}
