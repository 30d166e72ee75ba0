"""The EXIF block that JPEG, PNG and WebP carry: its ImageDescription, and nothing else touched."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import piexif

from photocap.formats.base import Change, FormatError, Part
from photocap.formats.splice import Edit
from photocap.formats.tiff_ifd import ASCII, IMAGE_DESCRIPTION, TiffBlock, TiffError

_MAX_BLOCKS = 16


@lru_cache(maxsize=8)
def _block(exif: bytes) -> TiffBlock:
    """Return a block, parsed once for its several uses during one write."""
    return TiffBlock(exif)


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
    """Add what an EXIF block holds to a layout: its description, or why that cannot be changed."""
    try:
        block = _block(exif)
        value = block.value(IMAGE_DESCRIPTION)
        if value is not None:
            parts.setdefault(Part.DESCRIPTION, value)
        block.check()
    except TiffError as error:
        locked.setdefault(Part.DESCRIPTION, f"its EXIF block is damaged: {error}")


def exif_change(exif: bytes | None, value: Change, *, limit_bytes: int) -> list[Edit] | bytes:
    """Return the edits that set the description in a block, or a fresh block where there is none.

    Args:
        exif: the block, from its TIFF header on.
        value: the new value of ImageDescription.
        limit_bytes: how long the block may be.

    Raises:
        TiffError: it is damaged, or the value does not fit.
    """
    text = bytes(value) if isinstance(value, bytes) else b""
    if exif is not None:
        return _block(exif).edits({IMAGE_DESCRIPTION: (ASCII, text)}, limit_bytes=limit_bytes)
    if len(text) + 64 > limit_bytes:
        raise TiffError("the caption is too long for EXIF")
    fresh: bytes = piexif.dump({"0th": {piexif.ImageIFD.ImageDescription: text.rstrip(b"\0")}})
    return fresh[len(b"Exif\0\0") :]


def exif_difference(old: list[bytes], new: list[bytes]) -> str:
    """Name what differs between the EXIF blocks of two files; empty where only a description does."""
    if old == new:
        return ""
    if len(new) != max(len(old), 1):
        return "the number of EXIF blocks"
    try:
        before = [_block(block).foreign({IMAGE_DESCRIPTION}) for block in old] or [[("0", 0)]]
        after = [_block(block).foreign({IMAGE_DESCRIPTION}) for block in new]
    except TiffError as error:
        return f"the EXIF block, which is damaged: {error}"
    return "" if before == after else "other EXIF tags"
