"""Netpbm files, which scanners and scripts write: the comments in their headers are read; nothing is written into them.

Source: the manual pages pbm(5), pgm(5) and ppm(5) of Netpbm.
"""

from __future__ import annotations

import re

from photocap.formats.base import CommentKind, EmbeddedTexts, FormatError, Layout
from photocap.formats.exif_texts import decoded
from photocap.formats.read_only import ReadOnly

_START = re.compile(rb"P[1-6][\s#]")
_NUMBER_OR_COMMENT = re.compile(rb"\s*(?:(\d{1,10})|#([^\r\n]*)[\r\n])")
_BITMAPS = (b"P1", b"P4")  # they have no greatest value after width and height
_MAX_COMMENTS = 1000


class Netpbm(ReadOnly):
    """PBM, PGM and PPM."""

    name = "Netpbm"
    suffixes: tuple[str, ...] = ("ppm", "pgm", "pbm", "pnm")
    decoders: tuple[str, ...] = ("PPM",)

    def sniff(self, start: bytes) -> bool:
        """Return whether a file that begins like this is one."""
        return _START.match(start) is not None

    def layout(self, data: bytes) -> Layout:
        """Return the comments."""
        comments = tuple((CommentKind.COMMENT, decoded(comment)) for comment in _comments(data))
        return Layout({}, {}, EmbeddedTexts(comments=comments))


def _comments(data: bytes) -> list[bytes]:
    """Return the comments between the numbers of the header; what follows the last number is the picture."""
    comments: list[bytes] = []
    left_numbers = 2 if data.startswith(_BITMAPS) else 3
    position = 2
    while left_numbers:
        item = _NUMBER_OR_COMMENT.match(data, position)
        if item is None or len(comments) > _MAX_COMMENTS:
            raise FormatError(f"its header makes no sense at byte {position}")
        if item[1]:
            left_numbers -= 1
        else:
            comments.append(item[2].strip())
        position = item.end()
    return comments
