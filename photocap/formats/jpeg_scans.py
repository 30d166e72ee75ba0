"""How much work a JPEG file makes for its decoder, which goes through the whole picture once for each scan."""

from __future__ import annotations

import contextlib
from typing import BinaryIO

from photocap.formats.base import FormatError
from photocap.formats.chunk_picture import SOS, jpeg_markers
from photocap.formats.spans import NotUnderstood, Span

_FEW_SCANS = 20  # encoders write about ten
_MAX_WORK = 1_000_000_000  # scans times pixels
_MAX_SEGMENTS = 20_000
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # tables have numbers among them
_PROGRESSIVE = {0xC2, 0xC6, 0xCA, 0xCE}


def check_work(file: BinaryIO) -> None:
    """Refuse a JPEG of some kilobytes that would keep a decoder busy for hours; other files pass.

    Raises:
        FormatError: it has thousands of segments or scans.
    """
    file.seek(0)
    if file.read(3) == b"\xff\xd8\xff":
        with contextlib.suppress(NotUnderstood):  # what that means for the picture is for the decoder to say
            _check_markers(file)
    file.seek(0)


def _check_markers(file: BinaryIO) -> None:
    pixels, colours, is_progressive, scans = 0, 0, False, 0
    for count, (marker, span) in enumerate(jpeg_markers(file)):
        if count > _MAX_SEGMENTS:
            raise FormatError(f"it has more than {_MAX_SEGMENTS:,} segments")
        if marker in _FRAMES:
            head = _content(file, span, 6)
            pixels = max(pixels, int.from_bytes(head[1:3], "big") * int.from_bytes(head[3:5], "big"))
            colours, is_progressive = head[5], is_progressive or marker in _PROGRESSIVE
        elif marker == SOS:
            scans += 1
            if not is_progressive and _content(file, span, 1)[0] >= colours:
                return  # one scan of all colours is the whole picture
            if scans > _FEW_SCANS and scans * pixels > _MAX_WORK:
                raise FormatError(f"its {pixels / 1e6:,.0f} megapixels are drawn more than {scans - 1} times over")


def _content(file: BinaryIO, span: Span, length: int) -> bytes:
    """Return the first bytes of a segment after its marker and length."""
    file.seek(span.start + 4)
    content = file.read(length)
    if len(content) < length:
        raise NotUnderstood("a segment is cut off")
    return content
