"""HEIC, AVIF and JPEG XL: reading their metadata, and telling whether a writer left everything else alone.

These formats find pictures through tables of offsets, so they are written by ExifTool (see `exiftool`); what is here
reads the captions and judges ExifTool's work. Sources: ISO/IEC 14496-12 (boxes; items: 8.11), ISO/IEC 23008-12 annex A
(Exif and XMP items), ISO/IEC 18181-2 (JPEG XL boxes).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

from photocap.formats.base import SIGNED, Change, EmbeddedTexts, FormatError, Layout, Part
from photocap.formats.exif import describe_exifs, exif_difference
from photocap.formats.splice import Edit

_C2PA = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
_XMP_TYPE = b"application/rdf+xml"
# Real files stay far below these: a picture of 200 megapixels has some hundred tiles.
_MAX_BOXES = 20_000
_MAX_ITEMS = 10_000
_MAX_PLACES = 50_000
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"mif1", b"avif", b"avis", b"hevc", b"msf1"}
_AVIF_BRANDS = {b"avif", b"avis"}
_JXL_HEAD = b"\0\0\0\x0cJXL \r\n\x87\n"
_BY_FILE, _BY_DATA_BOX = 0, 1  # how an item's place is counted (8.11.3)


@dataclass(frozen=True)
class _Box:
    type: bytes
    start: int
    content: int
    end: int


@dataclass(frozen=True)
class _Item:
    """One item: its type (with the content type of a `mime` item) and where its bytes stand."""

    id: int
    type: bytes
    places: tuple[tuple[int, int], ...]


def is_heif(data: bytes) -> bool:
    """Tell HEIC, HEIF and AVIF files."""
    size = int.from_bytes(data[:4], "big")
    brands = {data[at : at + 4] for at in (8, *range(16, min(size, 256), 4))}
    return data[4:8] == b"ftyp" and bool(brands & _HEIF_BRANDS)


def is_jxl(data: bytes) -> bool:
    """Tell JPEG XL files in a container; a bare codestream has no place for metadata."""
    return data.startswith(_JXL_HEAD)


class BoxFormat(ABC):
    """What both families have in common."""

    name = ""
    xmp_limit_bytes: int | None = None

    @abstractmethod
    def layout(self, data: bytes) -> Layout:
        """Return the metadata parts."""

    @abstractmethod
    def suffix_of(self, data: bytes) -> str:
        """Return how the names of such files end: what ExifTool is told, whatever the photo itself is called."""

    @abstractmethod
    def exifs(self, data: bytes) -> list[bytes]:
        """Return the EXIF blocks."""

    @abstractmethod
    def anchors(self, old: bytes, new: bytes) -> list[tuple[int, int, int]]:
        """Return runs that are the same in both, (place in old, place in new, length), for a small undo record."""

    def edits(self, data: bytes, changes: Mapping[Part, Change]) -> list[Edit]:  # noqa: ARG002 - the protocol's
        """Refuse: these formats are written by ExifTool."""
        raise FormatError("only ExifTool writes into this format")


class Heif(BoxFormat):
    """HEIC, HEIF and AVIF files."""

    name = "HEIF"

    def layout(self, data: bytes) -> Layout:
        """Return the metadata parts."""
        packets = [_bytes(data, item) for item in _metadata_items(data) if item.type == _XMP_TYPE]
        return _layout(self.exifs(data), packets)

    def suffix_of(self, data: bytes) -> str:
        """Return how the names of such files end."""
        return ".avif" if data[8:12] in _AVIF_BRANDS else ".heic"

    def refusal(self, data: bytes) -> str:
        """Say why nothing in this file may be changed."""
        boxes = _boxes(data, 0, len(data))
        if any(box.type == b"uuid" and data.startswith(_C2PA, box.content) for box in boxes):
            return SIGNED
        return "it holds moving pictures" if any(box.type == b"moov" for box in boxes) else ""

    def difference(self, old: bytes, new: bytes) -> str:
        """Name what differs apart from the metadata items and the places of the others."""
        if _picture_items(old) != _picture_items(new):
            return "the picture data"
        if _tables(old) != _tables(new):
            return "the pictures' properties and relations"
        if _other_boxes(old, {b"meta", b"mdat", b"free"}) != _other_boxes(new, {b"meta", b"mdat", b"free"}):
            return "other boxes"
        return exif_difference(self.exifs(old), self.exifs(new))

    def exifs(self, data: bytes) -> list[bytes]:
        """Return the EXIF blocks."""
        return [_exif(_bytes(data, item)) for item in _metadata_items(data) if item.type == b"Exif"]

    def anchors(self, old: bytes, new: bytes) -> list[tuple[int, int, int]]:
        """Return runs that are the same in both, (place in old, place in new, length), for a small undo record."""
        new_items = {item.id: item for item in _items(new)}
        own = {item.id for item in _metadata_items(old)}
        runs = []
        for item in _items(old):
            twin = new_items.get(item.id)
            if twin is not None and item.id not in own and len(twin.places) == len(item.places):
                runs += [(o, n, length) for (o, length), (n, _) in zip(item.places, twin.places, strict=True)]
        return _in_order(runs)


class JpegXl(BoxFormat):
    """JPEG XL files in their container."""

    name = "JPEG XL"
    _EXIF, _XMP = b"Exif", b"xml "

    def layout(self, data: bytes) -> Layout:
        """Return the metadata parts."""
        boxes = _boxes(data, 0, len(data))
        packets = [data[b.content : b.end] for b in boxes if b.type == self._XMP]
        is_packed = any(data[b.content : b.content + 4] in (self._EXIF, self._XMP) for b in boxes if b.type == b"brob")
        return _layout(self.exifs(data), packets, "its metadata is compressed" if is_packed else "")

    def suffix_of(self, data: bytes) -> str:  # noqa: ARG002 - the protocol's
        """Return how the names of such files end."""
        return ".jxl"

    def refusal(self, data: bytes) -> str:
        """Say why nothing in this file may be changed."""
        types = {box.type for box in _boxes(data, 0, len(data))}
        if b"jumb" in types:
            return SIGNED
        return "its metadata is compressed" if b"brob" in types else ""

    def difference(self, old: bytes, new: bytes) -> str:
        """Name what differs apart from the metadata boxes."""
        if _other_boxes(old, {self._EXIF, self._XMP}) != _other_boxes(new, {self._EXIF, self._XMP}):
            return "other boxes"
        return exif_difference(self.exifs(old), self.exifs(new))

    def exifs(self, data: bytes) -> list[bytes]:
        """Return the EXIF blocks."""
        return [_exif(data[b.content : b.end]) for b in _boxes(data, 0, len(data)) if b.type == self._EXIF]

    def anchors(self, old: bytes, new: bytes) -> list[tuple[int, int, int]]:
        """Return runs that are the same in both, (place in old, place in new, length), for a small undo record."""
        own = (self._EXIF, self._XMP)
        pairs = zip(
            (box for box in _boxes(old, 0, len(old)) if box.type not in own),
            (box for box in _boxes(new, 0, len(new)) if box.type not in own),
            strict=False,
        )
        return _in_order([(o.start, n.start, o.end - o.start) for o, n in pairs if o.end - o.start == n.end - n.start])


def _layout(exifs: list[bytes], packets: list[bytes], problem: str = "") -> Layout:
    parts: dict[Part, bytes] = {}
    locked: dict[Part, str] = {}
    describe_exifs(exifs, parts, locked)
    if packets:
        parts[Part.XMP] = packets[0]
    for part, found in ((Part.DESCRIPTION, exifs), (Part.XMP, packets)):
        if len(found) > 1:
            locked[part] = f"it has {len(found)} blocks of it"
    texts = EmbeddedTexts(exifs=tuple(exifs), packets=tuple(packets[1:]), problems=(problem,) if problem else ())
    return Layout(parts, locked, texts)


def _exif(content: bytes) -> bytes:
    """Return the EXIF block of an item or box, which begins with the place of the TIFF header."""
    return content[4 + int.from_bytes(content[:4], "big") :]


def read_boxes(data: bytes) -> list[tuple[bytes, int, int]]:
    """Return the type of each outermost box, where its content begins, and the byte after it.

    Raises:
        FormatError: one reaches past the end.
    """
    return [(box.type, box.content, box.end) for box in _boxes(data, 0, len(data))]


def _boxes(data: bytes, start: int, end: int) -> list[_Box]:
    found = []
    while start < end:
        size, kind, content = int.from_bytes(data[start : start + 4], "big"), data[start + 4 : start + 8], start + 8
        if size == 1:
            size, content = int.from_bytes(data[start + 8 : start + 16], "big"), start + 16
        box_end = end if size == 0 else start + size
        if not content <= box_end <= end:
            raise FormatError(f"the box at byte {start} reaches past the end")
        found.append(_Box(kind, start, content, box_end))
        if len(found) > _MAX_BOXES:
            raise FormatError(f"it has more than {_MAX_BOXES:,} boxes")
        start = box_end
    return found


def _meta(data: bytes) -> dict[bytes, _Box]:
    """Return the boxes inside the meta box by their type."""
    meta = next((box for box in _boxes(data, 0, len(data)) if box.type == b"meta"), None)
    if meta is None:
        raise FormatError("it has no table of pictures")
    return {box.type: box for box in _boxes(data, meta.content + 4, meta.end)}


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


def _item_types(data: bytes, iinf: _Box) -> dict[int, bytes]:
    count_bytes = 2 if _Reader(data, iinf).version == 0 else 4
    types = {}
    for box in _boxes(data, iinf.content + 4 + count_bytes, iinf.end):
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

    def __init__(self, data: bytes, box: _Box) -> None:
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


def _references(data: bytes, inside: dict[bytes, _Box]) -> list[_Reference]:
    """Return which item refers to which (box `iref`)."""
    if b"iref" not in inside:
        return []
    iref = inside[b"iref"]
    wide = 2 if _Reader(data, iref).version == 0 else 4
    found = []
    for box in _boxes(data, iref.content + 4, iref.end):
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


def _other_boxes(data: bytes, own: set[bytes]) -> list[bytes]:
    return [data[box.start : box.end] for box in _boxes(data, 0, len(data)) if box.type not in own]


def _in_order(runs: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Return the runs that follow each other in both files."""
    kept: list[tuple[int, int, int]] = []
    for run in sorted(runs):
        if not kept or (run[0] >= kept[-1][0] + kept[-1][2] and run[1] >= kept[-1][1] + kept[-1][2]):
            kept.append(run)
    return kept
