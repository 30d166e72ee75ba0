"""Comments that programs put into JPEG segments of their own, besides the format's own COM segment.

Sources: ExifTool's APP12.pm (Ducky, of Photoshop's "Save for Web") and JPEG.pm (APP10, of PhotoStudio).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

_PHOTO_STUDIO = b"UNICODE\0"
_DUCKY = b"Ducky"
_DUCKY_COMMENT = 2
_APP10, _APP12 = 0xEA, 0xEC
COMMENT_MARKERS = (_APP10, _APP12)
_MAX_ENTRIES = 100  # real files have one to three


def program_comments(marker: int, payload: bytes) -> Iterator[str]:
    """Yield the comments in a segment, given its marker and what follows its length."""
    if marker == _APP10 and payload.startswith(_PHOTO_STUDIO):
        yield _utf_16(payload[len(_PHOTO_STUDIO) :])
    elif marker == _APP12 and payload.startswith(_DUCKY):
        yield from (_utf_16(value[4:]) for value in _ducky_values(payload, len(_DUCKY)))  # behind a count


def _ducky_values(payload: bytes, at: int) -> Iterator[bytes]:
    for _ in range(_MAX_ENTRIES):
        if at + 4 > len(payload):
            return
        tag, length = struct.unpack_from(">HH", payload, at)
        if tag == _DUCKY_COMMENT:
            yield payload[at + 4 : at + 4 + length]
        at += 4 + length


def _utf_16(raw: bytes) -> str:
    return raw[: len(raw) & ~1].decode("utf-16-be", "replace").strip("\0 \t\r\n")
