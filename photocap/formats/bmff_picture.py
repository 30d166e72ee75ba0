"""Where the picture lies in files made of boxes: HEIC, HEIF and AVIF (ISO/IEC 23008-12), JPEG XL, JPEG 2000."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

from photocap.formats.spans import NotUnderstood, Piece, Span, read_exactly, size_of

_METADATA_ITEMS = {b"Exif", b"mime", b"uri "}
_MAX_BOXES = 20_000  # real files have some hundred
_MAX_SPANS = 50_000
_IN_FILE, _IN_ITEM_DATA = 0, 1  # construction methods of the item location box


def heif_picture(file: BinaryIO) -> Iterator[Piece]:
    """Yield the data of all items but the metadata ones, in the order of their numbers."""
    meta = _find(_boxes(file, Span(0, size_of(file))), b"meta")
    inside = dict(_boxes(file, Span(meta.start + 4, meta.length - 4)))  # after version and flags
    kinds = _item_kinds(file, _need(inside, b"iinf"))
    data_start = inside[b"idat"].start if b"idat" in inside else None
    for item, spans in sorted(_item_places(file, _need(inside, b"iloc"), data_start)):
        if kinds.get(item) not in _METADATA_ITEMS:
            yield kinds.get(item, b"")
            yield from spans


def jxl_picture(file: BinaryIO) -> Iterator[Piece]:
    """Yield the codestream boxes of JPEG XL."""
    return _contents(file, {b"jxlc", b"jxlp"})


def jp2_picture(file: BinaryIO) -> Iterator[Piece]:
    """Yield the header and codestream boxes of JPEG 2000."""
    return _contents(file, {b"jp2h", b"jp2c"})


def _contents(file: BinaryIO, wanted: set[bytes]) -> Iterator[Piece]:
    for kind, span in _boxes(file, Span(0, size_of(file))):
        if kind in wanted:
            yield kind
            yield span


def _boxes(file: BinaryIO, within: Span) -> Iterator[tuple[bytes, Span]]:
    start, end = within.start, within.start + within.length
    count = 0
    while start + 8 <= end:
        count += 1
        if count > _MAX_BOXES:
            raise NotUnderstood("too many boxes")
        length, kind = struct.unpack(">I4s", read_exactly(file, start, 8))
        header_bytes = 8
        if length == 1:
            (length,) = struct.unpack(">Q", read_exactly(file, start + 8, 8))
            header_bytes = 16
        elif length == 0:  # to the end
            length = end - start
        if length < header_bytes or start + length > end:
            raise NotUnderstood("a box does not fit where it stands")
        yield kind, Span(start + header_bytes, length - header_bytes)
        start += length


def _find(boxes: Iterator[tuple[bytes, Span]], wanted: bytes) -> Span:
    for kind, span in boxes:
        if kind == wanted:
            return span
    raise NotUnderstood("a box is missing")


def _need(boxes: dict[bytes, Span], wanted: bytes) -> Span:
    return _find(iter(boxes.items()), wanted)


def _item_kinds(file: BinaryIO, span: Span) -> dict[int, bytes]:
    version = read_exactly(file, span.start, 1)[0]
    header_bytes = 6 if version == 0 else 8
    kinds = {}
    for kind, entry in _boxes(file, Span(span.start + header_bytes, span.length - header_bytes)):
        if kind == b"infe":
            entry_version = read_exactly(file, entry.start, 1)[0]
            code = ">4xH2x4s" if entry_version == 2 else ">4xI2x4s"
            if entry_version < 2:
                raise NotUnderstood("an item without a type")
            item, item_kind = struct.unpack(code, read_exactly(file, entry.start, struct.calcsize(code)))
            kinds[item] = item_kind
    return kinds


def _item_places(file: BinaryIO, span: Span, data_start: int | None) -> Iterator[tuple[int, list[Span]]]:
    """Read the item location box (ISO/IEC 14496-12, 8.11.3)."""
    numbers = _Numbers(read_exactly(file, span.start, span.length))
    version = numbers.take(1)
    numbers.take(3)
    sizes = numbers.take(2)
    offset_bytes, length_bytes, base_bytes = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    index_bytes = sizes & 15 if version in (1, 2) else 0
    id_bytes = 4 if version == 2 else 2
    left_spans = _MAX_SPANS
    for _ in range(numbers.take(id_bytes)):
        item = numbers.take(id_bytes)
        method = numbers.take(2) & 15 if version in (1, 2) else _IN_FILE
        numbers.take(2)
        base = numbers.take(base_bytes)
        if method == _IN_ITEM_DATA and data_start is not None:
            base += data_start
        elif method != _IN_FILE:
            raise NotUnderstood("an item built from other items")
        spans = []
        span_count = numbers.take(2)
        left_spans -= span_count
        if left_spans < 0:
            raise NotUnderstood("too many places")
        for _ in range(span_count):
            numbers.take(index_bytes)
            offset = numbers.take(offset_bytes)
            spans.append(Span(base + offset, numbers.take(length_bytes)))
        yield item, spans


class _Numbers:
    """Takes big-endian numbers off the front of some bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    def take(self, length: int) -> int:
        end = self._position + length
        if end > len(self._data):
            raise NotUnderstood("a box ends too early")
        value = int.from_bytes(self._data[self._position : end], "big")
        self._position = end
        return value
