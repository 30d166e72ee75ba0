"""HEIC, HEIF and AVIF: reading their metadata, and checking that a writer left everything else alone.

Sources: ISO/IEC 14496-12 (items: 8.11), ISO/IEC 23008-12 annex A (Exif and XMP items).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from photocap.formats.base import SIGNED, FormatError, Layout
from photocap.formats.bmff import Box, BoxFormat, boxes_of, exif_of, in_order, layout_of, other_boxes
from photocap.formats.bmff_picture import heif_picture
from photocap.formats.exif import exif_difference
from photocap.formats.spans import Piece
from photocap.formats.splice import Rewrite

_C2PA = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
_XMP_TYPE = b"application/rdf+xml"
# Real files stay far below these: a picture of 200 megapixels has some hundred tiles.
_MAX_ITEMS = 10_000
_MAX_PLACES = 50_000
_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"mif1", b"avif", b"avis", b"hevc", b"msf1"}
_AVIF_BRANDS = {b"avif", b"avis"}
_BRANDS_END = 256  # real files name a handful
_BY_FILE, _BY_DATA_BOX = 0, 1  # how an item's place is counted (8.11.3)


@dataclass(frozen=True)
class _Item:
    """One item: its type (with the content type of a `mime` item) and where its bytes stand."""

    id: int
    type: bytes
    places: tuple[tuple[int, int], ...]


class Heif(BoxFormat):
    """HEIC and HEIF files."""

    name = "HEIF"
    suffixes: tuple[str, ...] = ("heic", "heif", "hif")
    decoders: tuple[str, ...] = ("HEIF",)

    def sniff(self, start: bytes) -> bool:
        """Return whether a file that begins like this is a HEIC or HEIF."""
        size = int.from_bytes(start[:4], "big")
        brands = {start[at : at + 4] for at in (8, *range(16, min(size, _BRANDS_END), 4))}
        return start[4:8] == b"ftyp" and start[8:12] not in _AVIF_BRANDS and bool(brands & _BRANDS)

    def picture_spans(self, file: BinaryIO) -> Iterator[Piece]:
        """Yield what makes the picture."""
        return heif_picture(file)

    def layout(self, data: bytes) -> Layout:
        """Return the metadata parts."""
        packets = [_bytes(data, item) for item in _metadata_items(data) if item.type == _XMP_TYPE]
        return layout_of(self.exifs(data), packets)

    def refusal(self, data: bytes) -> str:
        """Say why nothing in this file may be changed."""
        boxes = boxes_of(data, 0, len(data))
        if any(box.type == b"uuid" and data.startswith(_C2PA, box.content) for box in boxes):
            return SIGNED
        return "it holds moving pictures" if any(box.type == b"moov" for box in boxes) else ""

    def difference(self, rewrite: Rewrite) -> str:
        """Name what differs apart from the metadata items and the places of the others."""
        old, new = rewrite.old, rewrite.new
        if _picture_items(old) != _picture_items(new):
            return "the picture data"
        if _tables(old) != _tables(new):
            return "the pictures' properties and relations"
        if other_boxes(old, {b"meta", b"mdat", b"free"}) != other_boxes(new, {b"meta", b"mdat", b"free"}):
            return "other boxes"
        return exif_difference(self.exifs(old), self.exifs(new))

    def exifs(self, data: bytes) -> list[bytes]:
        """Return the EXIF blocks."""
        return [exif_of(_bytes(data, item)) for item in _metadata_items(data) if item.type == b"Exif"]

    def anchors(self, old: bytes, new: bytes) -> list[tuple[int, int, int]]:
        """Return runs that are the same in both, (place in old, place in new, length), for a small undo record."""
        new_items = {item.id: item for item in _items(new)}
        own = {item.id for item in _metadata_items(old)}
        runs = []
        for item in _items(old):
            twin = new_items.get(item.id)
            if twin is not None and item.id not in own and len(twin.places) == len(item.places):
                runs += [(o, n, length) for (o, length), (n, _) in zip(item.places, twin.places, strict=True)]
        return in_order(runs)


class Avif(Heif):
    """AVIF files, built as HEIF is."""

    name = "AVIF"
    suffixes: tuple[str, ...] = ("avif",)
    decoders: tuple[str, ...] = ("AVIF",)

    def sniff(self, start: bytes) -> bool:
        """Return whether a file that begins like this is an AVIF."""
        return start[4:8] == b"ftyp" and start[8:12] in _AVIF_BRANDS


def _meta(data: bytes) -> dict[bytes, Box]:
    """Return the boxes inside the meta box by their type."""
    meta = next((box for box in boxes_of(data, 0, len(data)) if box.type == b"meta"), None)
    if meta is None:
        raise FormatError("it has no table of pictures")
    return {box.type: box for box in boxes_of(data, meta.content + 4, meta.end)}


def _items(data: bytes) -> list[_Item]:
    """Return the items of a file, from the boxes `iinf` (what) and `iloc` (where)."""
    inside = _meta(data)
    if b"iinf" not in inside or b"iloc" not in inside:
        raise FormatError("it has no table of pictures")
    types = _item_types(data, inside[b"iinf"])
    base_of_data_box = inside[b"idat"].content if b"idat" in inside else 0
    return [
        _Item(id_, types.get(id_, b""), tuple(places))
        for id_, places in _item_places(_Reader(data, inside[b"iloc"]), base_of_data_box, len(data))
    ]


def _item_types(data: bytes, iinf: Box) -> dict[int, bytes]:
    count_bytes = 2 if _Reader(data, iinf).version == 0 else 4
    types = {}
    for box in boxes_of(data, iinf.content + 4 + count_bytes, iinf.end):
        reader = _Reader(data, box)
        if box.type != b"infe" or reader.version < 2:
            continue
        id_ = reader.number(2 if reader.version == 2 else 4)
        reader.number(2)
        kind = reader.take(4)
        names = data[reader.at : box.end].split(b"\0")
        types[id_] = names[1] if kind == b"mime" and len(names) > 1 else kind
    return types


def _item_places(reader: _Reader, base_of_data_box: int, file_bytes: int) -> list[tuple[int, list[tuple[int, int]]]]:
    sizes, more = reader.number(1), reader.number(1)
    offset_bytes, length_bytes, base_bytes = sizes >> 4, sizes & 15, more >> 4
    index_bytes = more & 15 if reader.version else 0
    wide = 2 if reader.version < 2 else 4
    found = []
    count = reader.number(wide)
    if count > _MAX_ITEMS:
        raise FormatError("its table of pictures is damaged")
    left_places, left_bytes = _MAX_PLACES, 2 * file_bytes
    for _ in range(count):
        id_ = reader.number(wide)
        method = reader.number(2) & 15 if reader.version else _BY_FILE
        reader.number(2)
        if method not in (_BY_FILE, _BY_DATA_BOX):
            raise FormatError("its pictures are built in an unusual way")
        base = reader.number(base_bytes) + (base_of_data_box if method == _BY_DATA_BOX else 0)
        places = []
        place_count = reader.number(2)
        left_places -= place_count  # a table may well be of entries that take no room in it
        if left_places < 0:
            raise FormatError(f"its pictures lie in more than {_MAX_PLACES:,} places")
        for _ in range(place_count):
            reader.number(index_bytes)
            start, length = base + reader.number(offset_bytes), reader.number(length_bytes)
            if start + length > file_bytes:
                raise FormatError("it was cut off: a picture reaches past the end")
            places.append((start, length))
            left_bytes -= length
            if left_bytes < 0:
                raise FormatError("its pictures claim more bytes than it has")
        found.append((id_, places))
    return found


class _Reader:
    """Reads numbers from a full box, one after the other."""

    def __init__(self, data: bytes, box: Box) -> None:
        self._data, self._end = data, box.end
        self.at = box.content + 4
        if self.at > box.end:
            raise FormatError("its table of pictures is damaged")
        self.version = data[box.content]

    def take(self, length: int) -> bytes:
        """Return the next bytes."""
        if self.at + length > self._end:
            raise FormatError("its table of pictures is damaged")
        self.at += length
        return self._data[self.at - length : self.at]

    def number(self, length: int) -> int:
        """Return the next number of that many bytes; of no bytes, 0."""
        return int.from_bytes(self.take(length), "big")


def _bytes(data: bytes, item: _Item) -> bytes:
    return b"".join(data[start : start + length] for start, length in item.places)


def _metadata_items(data: bytes) -> list[_Item]:
    """Return the Exif and XMP items that describe the main picture, and not a gain map or another auxiliary one."""
    items, inside = _items(data), _meta(data)
    primary = b""
    if b"pitm" in inside:
        reader = _Reader(data, inside[b"pitm"])
        primary = reader.take(2 if reader.version == 0 else 4)
    others = {
        reference.source
        for reference in _references(data, inside)
        if reference.type == b"cdsc" and int.from_bytes(primary, "big") not in reference.targets
    }
    return [item for item in items if item.type in (b"Exif", _XMP_TYPE) and item.id not in others]


@dataclass(frozen=True)
class _Reference:
    type: bytes
    source: int
    targets: tuple[int, ...]


def _references(data: bytes, inside: dict[bytes, Box]) -> list[_Reference]:
    """Return which item refers to which (box `iref`)."""
    if b"iref" not in inside:
        return []
    iref = inside[b"iref"]
    wide = 2 if _Reader(data, iref).version == 0 else 4
    found = []
    for box in boxes_of(data, iref.content + 4, iref.end):
        numbers = data[box.content : box.end]
        source, count = int.from_bytes(numbers[:wide], "big"), int.from_bytes(numbers[wide : wide + 2], "big")
        rest = numbers[wide + 2 :]
        targets = tuple(int.from_bytes(rest[i : i + wide], "big") for i in range(0, len(rest), wide))
        found.append(_Reference(box.type, source, targets[:count]))
    return found


def _picture_items(data: bytes) -> list[tuple[int, bytes, bytes]]:
    own = {item.id for item in _metadata_items(data)}
    return [(item.id, item.type, _bytes(data, item)) for item in _items(data) if item.id not in own]


def _tables(data: bytes) -> list[object]:
    """Return what says how the pictures are shown and belong together, without what describes the metadata items."""
    inside = _meta(data)
    own = {item.id for item in _metadata_items(data)}
    rebuilt = (b"iinf", b"iloc", b"iref", b"idat")  # their content is compared item by item
    boxes = [data[box.start : box.end] for kind, box in sorted(inside.items()) if kind not in rebuilt]
    return [*boxes, *(reference for reference in _references(data, inside) if reference.source not in own)]
