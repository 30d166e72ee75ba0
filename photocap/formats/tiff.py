"""TIFF and BigTIFF files: tags 270 and 700 of the first page, appended so that no strip, page or tag moves.

Sources: TIFF 6.0 sections 2 and 8; XMP part 3 section 1.1.4; TIFF Technical Note 3 (tags 33723 and 34377).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import BinaryIO

from photocap.formats.base import SIGNED, CaptionWriter, Change, EmbeddedTexts, FileKind, FormatError, Layout, Part
from photocap.formats.exif_texts import XP_COMMENT
from photocap.formats.spans import Piece
from photocap.formats.splice import Edit, Rewrite, splice
from photocap.formats.tiff_edits import tiff_edits
from photocap.formats.tiff_ifd import TiffBlock
from photocap.formats.tiff_picture import tiff_picture
from photocap.formats.tiff_structure import (
    ASCII,
    BYTE,
    IMAGE_DESCRIPTION,
    IPTC_TAG,
    LONG,
    UNDEFINED,
    XMP_TAG,
    TiffError,
)

HEADS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_IRB_TAG = 34377
_C2PA_TAG = 0xCD41
PARTS = {
    Part.DESCRIPTION: (IMAGE_DESCRIPTION, ASCII),
    Part.XP_COMMENT: (XP_COMMENT, BYTE),
    Part.XMP: (XMP_TAG, BYTE),
    Part.IIM: (IPTC_TAG, LONG),
    Part.IRB: (_IRB_TAG, BYTE),
}
_OWN_TAGS = {tag for tag, _ in PARTS.values()}
_MAX_CLASSIC_BYTES = (1 << 32) - 1
_MAX_BIG_BYTES = 1 << 62


STRUCTURED = "its description is data that programs need (OME-XML, ImageJ and the like)"
_STRUCTURED_HEADS = (b"<?xml", b"<OME", b"ImageJ=", b"SCIFIO=", b'{"shape"', b"Aperio ", b"<MetaData")
_ITEM_BYTES = {ASCII: 1, BYTE: 1, UNDEFINED: 1, LONG: 4}


def is_structured(description: bytes) -> bool:
    """Return whether a description is data of a microscope or its program, not words."""
    return description.lstrip().startswith(_STRUCTURED_HEADS)


def _typed(old_type: int | None, own_type: int, value: bytes) -> tuple[int, bytes]:
    """Return a value with the type that it had; Photoshop writes IPTC as LONG, so the bytes are filled up."""
    kind = old_type if old_type in _ITEM_BYTES else own_type
    return kind, value + b"\0" * (-len(value) % _ITEM_BYTES[kind])


class Tiff:
    """The TIFF format, classic and Big."""

    name = "TIFF"
    kind = FileKind.PICTURE
    suffixes: tuple[str, ...] = ("tif", "tiff")
    decoders: tuple[str, ...] = ("TIFF",)
    writer = CaptionWriter.PHOTOCAP
    xmp_limit_bytes: int | None = None

    def sniff(self, start: bytes) -> bool:
        """Return whether a file that begins like this is a TIFF or a camera raw file built like one."""
        return start.startswith(HEADS)

    def picture_spans(self, file: BinaryIO) -> Iterator[Piece]:
        """Yield what makes the picture."""
        return tiff_picture(file)

    def layout(self, data: bytes) -> Layout:
        """Return the metadata parts."""
        try:
            block = TiffBlock(data)
            values = {part: block.value(tag) for part, (tag, _) in PARTS.items()}
            parts = {part: value for part, value in values.items() if value is not None}
            block.check()
        except TiffError as error:
            raise FormatError(str(error)) from error
        locked = {Part.DESCRIPTION: STRUCTURED} if is_structured(parts.get(Part.DESCRIPTION, b"")) else {}
        return Layout(parts, locked, EmbeddedTexts(exifs=(data,)))

    def refusal(self, data: bytes) -> str:
        """Say why nothing in this file may be changed."""
        block = TiffBlock(data)
        if block.value(_C2PA_TAG) is not None:
            return SIGNED
        return STRUCTURED if is_structured(block.value(IMAGE_DESCRIPTION) or b"") else ""

    def edits(self, data: bytes, changes: Mapping[Part, Change]) -> list[Edit]:
        """Return the edits to the file that make the changes to its parts."""
        block = TiffBlock(data)
        values = {}
        for part, change in changes.items():
            tag, kind = PARTS[part]
            new = change if isinstance(change, bytes) else splice(block.value(tag) or b"", change)
            values[tag] = _typed(block.type_of(tag), kind, new)
        return tiff_edits(block, values, limit_bytes=_MAX_BIG_BYTES if block.is_big else _MAX_CLASSIC_BYTES)

    def difference(self, rewrite: Rewrite) -> str:
        """Name what differs apart from the metadata parts."""
        old, new = rewrite.old, rewrite.new
        before, after = TiffBlock(old), TiffBlock(new)
        if before.foreign(_OWN_TAGS) != after.foreign(_OWN_TAGS):
            return "other tags"
        if before.picture() != after.picture():
            return "the picture data"
        return ""
