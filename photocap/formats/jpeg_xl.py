"""JPEG XL: reading its metadata, and checking that a writer left everything else alone.

Source: ISO/IEC 18181-2 (boxes).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from photocap.formats.base import SIGNED, Layout
from photocap.formats.bmff import BoxFormat, boxes_of, exif_of, in_order, layout_of, other_boxes
from photocap.formats.bmff_picture import jxl_picture
from photocap.formats.exif import exif_difference
from photocap.formats.read_only import Wordless
from photocap.formats.spans import Piece
from photocap.formats.splice import Rewrite

_HEAD = b"\0\0\0\x0cJXL \r\n\x87\n"


class JpegXl(BoxFormat):
    """JPEG XL files in their container."""

    name = "JPEG XL"
    suffixes: tuple[str, ...] = ("jxl",)
    decoders: tuple[str, ...] = ("JXL",)
    _EXIF, _XMP = b"Exif", b"xml "

    def sniff(self, start: bytes) -> bool:
        """Return whether a file that begins like this is a JPEG XL in its container."""
        return start.startswith(_HEAD)

    def picture_spans(self, file: BinaryIO) -> Iterator[Piece]:
        """Yield what makes the picture."""
        return jxl_picture(file)

    def layout(self, data: bytes) -> Layout:
        """Return the metadata parts."""
        boxes = boxes_of(data, 0, len(data))
        packets = [data[b.content : b.end] for b in boxes if b.type == self._XMP]
        is_packed = any(data[b.content : b.content + 4] in (self._EXIF, self._XMP) for b in boxes if b.type == b"brob")
        problem = "its metadata is compressed" if is_packed else ""
        return layout_of(self.exifs(data), packets, problem, is_compressed=is_packed)

    def refusal(self, data: bytes) -> str:
        """Say why nothing in this file may be changed."""
        types = {box.type for box in boxes_of(data, 0, len(data))}
        if b"jumb" in types:
            return SIGNED
        return "its metadata is compressed" if b"brob" in types else ""

    def difference(self, rewrite: Rewrite) -> str:
        """Name what differs apart from the metadata boxes."""
        old, new = rewrite.old, rewrite.new
        if other_boxes(old, {self._EXIF, self._XMP}) != other_boxes(new, {self._EXIF, self._XMP}):
            return "other boxes"
        return exif_difference(self.exifs(old), self.exifs(new))

    def exifs(self, data: bytes) -> list[bytes]:
        """Return the EXIF blocks."""
        return [exif_of(data[b.content : b.end]) for b in boxes_of(data, 0, len(data)) if b.type == self._EXIF]

    def anchors(self, old: bytes, new: bytes) -> list[tuple[int, int, int]]:
        """Return runs that are the same in both, (place in old, place in new, length), for a small undo record."""
        own = (self._EXIF, self._XMP)
        pairs = zip(
            (box for box in boxes_of(old, 0, len(old)) if box.type not in own),
            (box for box in boxes_of(new, 0, len(new)) if box.type not in own),
            strict=False,
        )
        return in_order([(o.start, n.start, o.end - o.start) for o, n in pairs if o.end - o.start == n.end - n.start])


class JpegXlCodestream(Wordless):
    """JPEG XL without its container, which has no place for metadata."""

    name = "JPEG XL codestream"

    def sniff(self, start: bytes) -> bool:
        """Return whether a file that begins like this is a bare codestream."""
        return start.startswith(b"\xff\x0a")
