"""TIFF and BigTIFF files: tags 270 and 700 of the first page, appended so that no strip, page or tag moves.

Sources: TIFF 6.0 sections 2 and 8; XMP part 3 section 1.1.4; TIFF Technical Note 3 (tags 33723 and 34377).
"""

from __future__ import annotations

from collections.abc import Mapping

from photocap.formats.base import SIGNED, Change, FormatError, Layout, Part
from photocap.formats.splice import Edit, splice
from photocap.formats.tiff_ifd import (
    ASCII,
    BYTE,
    IMAGE_DESCRIPTION,
    IPTC_TAG,
    UNDEFINED,
    XMP_TAG,
    TiffBlock,
    TiffError,
)

_IRB_TAG = 34377
_C2PA_TAG = 0xCD41
_TAGS = {
    Part.DESCRIPTION: (IMAGE_DESCRIPTION, ASCII),
    Part.XMP: (XMP_TAG, BYTE),
    Part.IIM: (IPTC_TAG, UNDEFINED),
    Part.IRB: (_IRB_TAG, BYTE),
}
_OWN_TAGS = {tag for tag, _ in _TAGS.values()}
_MAX_CLASSIC_BYTES = (1 << 32) - 1
_MAX_BIG_BYTES = 1 << 62


class Tiff:
    """The TIFF format, classic and Big."""

    name = "TIFF"
    xmp_limit_bytes: int | None = None

    def layout(self, data: bytes) -> Layout:
        """Return the metadata parts."""
        try:
            block = TiffBlock(data)
            values = {part: block.value(tag) for part, (tag, _) in _TAGS.items()}
            parts = {part: value for part, value in values.items() if value is not None}
            block.check()
        except TiffError as error:
            raise FormatError(str(error)) from error
        return Layout(parts)

    def refusal(self, data: bytes) -> str:
        """Say why nothing in this file may be changed."""
        has_manifest = TiffBlock(data).value(_C2PA_TAG) is not None
        return SIGNED if has_manifest else ""

    def edits(self, data: bytes, changes: Mapping[Part, Change]) -> list[Edit]:
        """Return the edits to the file that make the changes to its parts."""
        block = TiffBlock(data)
        values = {}
        for part, change in changes.items():
            tag, kind = _TAGS[part]
            values[tag] = kind, change if isinstance(change, bytes) else splice(block.value(tag) or b"", change)
        return block.edits(values, limit_bytes=_MAX_BIG_BYTES if block.is_big else _MAX_CLASSIC_BYTES)

    def difference(self, old: bytes, new: bytes) -> str:
        """Name what differs apart from the metadata parts."""
        before, after = TiffBlock(old), TiffBlock(new)
        if before.foreign(_OWN_TAGS) != after.foreign(_OWN_TAGS):
            return "other tags"
        if before.picture() != after.picture():
            return "the picture data"
        return ""


class CameraRaw(Tiff):
    """Raw formats built like TIFF (DNG, CR2, NEF, ARW, PEF and others): read, never written to."""

    name = "camera raw"

    def layout(self, data: bytes) -> Layout:
        """Return the metadata parts; where the structure is a maker's own, none."""
        try:
            block = TiffBlock(data)
        except TiffError:
            return Layout({})
        values = {part: block.value(tag) for part, (tag, _) in _TAGS.items()}
        return Layout({part: value for part, value in values.items() if value is not None})

    def refusal(self, data: bytes) -> str:  # noqa: ARG002 - whatever is in it
        """Say why nothing in this file may be changed."""
        return "camera raw is never written to"
