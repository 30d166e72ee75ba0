"""The EXIF block that JPEG, PNG and WebP carry: its ImageDescription and XPComment, and nothing else touched."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from photocap.formats.base import Change, FormatError, Part
from photocap.formats.exif_texts import XP_COMMENT
from photocap.formats.splice import Edit
from photocap.formats.tiff_edits import tiff_edits
from photocap.formats.tiff_ifd import TiffBlock, shared_block
from photocap.formats.tiff_structure import ASCII, BYTE, IMAGE_DESCRIPTION, RATIONAL, SHORT, SIZES, TiffError

_TAGS = {Part.DESCRIPTION: (IMAGE_DESCRIPTION, ASCII), Part.XP_COMMENT: (XP_COMMENT, BYTE)}
_CENTERED, _INLINE_BYTES = 1, 4
_X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT, _YCBCR_POSITIONING = 0x011A, 0x011B, 0x0128, 0x0213
_FRESH_TAGS = {_X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT, _YCBCR_POSITIONING}
_FRESH_HEADER = b"MM\0*" + struct.pack(">I", 8)

_MAX_BLOCKS = 16


def _block(exif: bytes) -> TiffBlock:
    """Return a block that may be changed."""
    block = shared_block(exif)
    if block.is_raw:
        raise TiffError("it has no TIFF header")
    return block


def describe_exifs(exifs: Sequence[bytes], parts: dict[Part, bytes], locked: dict[Part, str]) -> None:
    """Add what the EXIF blocks of a file hold to a layout; of several, the first description counts.

    Raises:
        FormatError: there are so many that the file was made to keep its readers busy.
    """
    if len(exifs) > _MAX_BLOCKS:
        raise FormatError(f"it has {len(exifs)} EXIF blocks")
    for exif in exifs:
        _describe_exif(exif, parts, locked)


def _describe_exif(exif: bytes, parts: dict[Part, bytes], locked: dict[Part, str]) -> None:
    """Add what an EXIF block holds to a layout: its description and comment, or why they cannot be changed."""
    try:
        block = _block(exif)
        for part, (tag, _) in _TAGS.items():
            if (value := block.value(tag)) is not None:
                parts.setdefault(part, value)
        block.check()
    except TiffError as error:
        locked.setdefault(Part.DESCRIPTION, f"its EXIF block is damaged: {error}")


def exif_values(changes: Mapping[Part, Change]) -> dict[Part, bytes]:
    """Return those changes of a file that are made in its EXIF block."""
    return {part: change for part in _TAGS if isinstance(change := changes.get(part), bytes)}


@dataclass(frozen=True)
class Resolution:
    """How densely a picture is to be printed, as EXIF says it: pixels per inch (unit 2) or per centimetre (3)."""

    x: int = 72
    y: int = 72
    unit: int = 2


def exif_change(
    exif: bytes | None, values: Mapping[Part, bytes], *, limit_bytes: int, resolution: Resolution = Resolution()
) -> list[Edit] | bytes:
    """Return the edits that set values in a block, or a fresh block where there is none.

    Args:
        exif: the block, from its TIFF header on.
        values: the new values of ImageDescription and XPComment.
        limit_bytes: how long the block may be.
        resolution: what the file says elsewhere, for a fresh block.

    Raises:
        TiffError: it is damaged, or the values do not fit.
    """
    if exif is not None:
        typed = {_TAGS[part][0]: (_TAGS[part][1], value) for part, value in values.items()}
        return tiff_edits(_block(exif), typed, limit_bytes=limit_bytes)
    fresh = _fresh_block(values, resolution)
    if len(fresh) > limit_bytes:
        raise TiffError("the caption is too long for EXIF")
    return fresh


def _fresh_block(values: Mapping[Part, bytes], resolution: Resolution) -> bytes:
    """Return a block of its own, with the tags that Exif 3.0 (table 20) requires of its first directory."""
    rows: dict[int, tuple[int, bytes]] = {
        _X_RESOLUTION: (RATIONAL, struct.pack(">II", resolution.x, 1)),
        _Y_RESOLUTION: (RATIONAL, struct.pack(">II", resolution.y, 1)),
        _RESOLUTION_UNIT: (SHORT, struct.pack(">H", resolution.unit)),
        _YCBCR_POSITIONING: (SHORT, struct.pack(">H", _CENTERED)),
        **{_TAGS[part][0]: (_TAGS[part][1], value) for part, value in values.items()},
    }
    at = len(_FRESH_HEADER) + 2 + 12 * len(rows) + 4
    directory, behind = struct.pack(">H", len(rows)), b""
    for tag, (kind, value) in sorted(rows.items()):
        directory += struct.pack(">HHI", tag, kind, len(value) // SIZES[kind])
        is_inline = len(value) <= _INLINE_BYTES
        directory += value.ljust(4, b"\0") if is_inline else struct.pack(">I", at + len(behind))
        behind += b"" if is_inline else value + b"\0" * (len(value) & 1)  # offsets are even
    return _FRESH_HEADER + directory + bytes(4) + behind


def exif_difference(old: list[bytes], new: list[bytes]) -> str:
    """Name what differs between the EXIF blocks of two files; empty where only photocap's values do."""
    if old == new:
        return ""
    if len(new) != max(len(old), 1):
        return "the number of EXIF blocks"
    own = {tag for tag, _ in _TAGS.values()}
    try:
        after = [_block(block).foreign(own) for block in new]
        if not old:
            tags = {row[1] for rows in after for row in rows if len(row) > len(("directory", "next"))}
            return "" if tags <= _FRESH_TAGS else "other EXIF tags"
        before = [_block(block).foreign(own) for block in old]
    except TiffError as error:
        return f"the EXIF block, which is damaged: {error}"
    return "" if before == after else "other EXIF tags"
