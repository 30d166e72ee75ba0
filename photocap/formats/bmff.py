"""Boxes, of which HEIC, AVIF, JPEG XL and JPEG 2000 files are made, and what the first three have in common.

These formats find pictures through tables of offsets, so they are written by ExifTool (see `exiftool`); what is here
reads the captions and judges ExifTool's work. Source: ISO/IEC 14496-12 (boxes).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

from photocap.formats.base import CaptionWriter, Change, EmbeddedTexts, FileKind, FormatError, Layout, Part
from photocap.formats.exif import describe_exifs
from photocap.formats.splice import Edit

_MAX_BOXES = 20_000  # real files stay far below


@dataclass(frozen=True)
class Box:
    """One box: `content` is the byte after its header, `end` the byte after it."""

    type: bytes
    start: int
    content: int
    end: int


class BoxFormat(ABC):
    """A format whose metadata ExifTool writes."""

    name = ""
    kind = FileKind.PICTURE
    suffixes: tuple[str, ...] = ()
    decoders: tuple[str, ...] = ()
    writer = CaptionWriter.EXIFTOOL
    xmp_limit_bytes: int | None = None

    @abstractmethod
    def layout(self, data: bytes) -> Layout:
        """Return the metadata parts."""

    @abstractmethod
    def exifs(self, data: bytes) -> list[bytes]:
        """Return the EXIF blocks."""

    @abstractmethod
    def anchors(self, old: bytes, new: bytes) -> list[tuple[int, int, int]]:
        """Return runs that are the same in both, (place in old, place in new, length), for a small undo record."""

    def edits(self, data: bytes, changes: Mapping[Part, Change]) -> list[Edit]:  # noqa: ARG002 - the protocol's
        """Refuse: these formats are written by ExifTool."""
        raise FormatError("only ExifTool writes into this format")


def layout_of(exifs: list[bytes], packets: list[bytes], problem: str = "", *, is_compressed: bool = False) -> Layout:
    """Return the layout of a file with these blocks; `problem` says why others could not be read."""
    parts: dict[Part, bytes] = {}
    locked: dict[Part, str] = {}
    describe_exifs(exifs, parts, locked)
    if packets:
        parts[Part.XMP] = packets[0]
    for part, found in ((Part.DESCRIPTION, exifs), (Part.XMP, packets)):
        if len(found) > 1:
            locked[part] = f"it has {len(found)} blocks of it"
    texts = EmbeddedTexts(
        exifs=tuple(exifs),
        packets=tuple(packets[1:]),
        problems=(problem,) if problem else (),
        is_compressed=is_compressed,
    )
    return Layout(parts, locked, texts)


def exif_of(content: bytes) -> bytes:
    """Return the EXIF block of an item or box, which begins with the place of the TIFF header."""
    return content[4 + int.from_bytes(content[:4], "big") :]


def read_boxes(data: bytes) -> list[tuple[bytes, int, int]]:
    """Return the type of each outermost box, where its content begins, and the byte after it.

    Raises:
        FormatError: one reaches past the end.
    """
    return [(box.type, box.content, box.end) for box in boxes_of(data, 0, len(data))]


def boxes_of(data: bytes, start: int, end: int) -> list[Box]:
    """Return the boxes between two places of a file.

    Raises:
        FormatError: one reaches past the end, or there are too many.
    """
    found = []
    while start < end:
        size, kind, content = int.from_bytes(data[start : start + 4], "big"), data[start + 4 : start + 8], start + 8
        if size == 1:
            size, content = int.from_bytes(data[start + 8 : start + 16], "big"), start + 16
        box_end = end if size == 0 else start + size
        if not content <= box_end <= end:
            raise FormatError(f"the box at byte {start} reaches past the end")
        found.append(Box(kind, start, content, box_end))
        if len(found) > _MAX_BOXES:
            raise FormatError(f"it has more than {_MAX_BOXES:,} boxes")
        start = box_end
    return found


def other_boxes(data: bytes, own: set[bytes]) -> list[bytes]:
    """Return the outermost boxes but those of some types."""
    return [data[box.start : box.end] for box in boxes_of(data, 0, len(data)) if box.type not in own]


def in_order(runs: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Return the runs that follow each other in both files."""
    kept: list[tuple[int, int, int]] = []
    for run in sorted(runs):
        if not kept or (run[0] >= kept[-1][0] + kept[-1][2] and run[1] >= kept[-1][1] + kept[-1][2]):
            kept.append(run)
    return kept
