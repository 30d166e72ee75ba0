"""GIF files: their XMP and comments are read; nothing is written into them.

Sources: GIF89a sections 20 to 26; XMP part 3, section 1.1.2.
"""

from __future__ import annotations

from collections.abc import Iterator

from photocap.formats.base import CommentKind, EmbeddedTexts, FormatError, Layout, Part
from photocap.formats.exif_texts import decoded
from photocap.formats.read_only import ReadOnly

_SIGNATURES = (b"GIF87a", b"GIF89a")
_HEAD_BYTES = 13
_EXTENSION, _PICTURE, _TRAILER = 0x21, 0x2C, 0x3B
_COMMENT, _APPLICATION = 0xFE, 0xFF
_XMP_ID = b"\x0bXMP DataXMP"
_MAGIC_TRAILER_BYTES = 257  # the bytes 1, 255 to 0 behind a packet, by which readers of sub-blocks find its end
_MAX_BLOCKS = 1_000_000


class Gif(ReadOnly):
    """The GIF format."""

    name = "GIF"
    suffixes: tuple[str, ...] = ("gif",)
    decoders: tuple[str, ...] = ("GIF",)

    def sniff(self, start: bytes) -> bool:
        """Return whether a file that begins like this is a GIF."""
        return start.startswith(_SIGNATURES)

    def layout(self, data: bytes) -> Layout:
        """Return the packet and the comments."""
        packets: list[bytes] = []
        comments: list[str] = []
        for label, start, end in _extensions(data):
            if label == _COMMENT:
                comments.append(decoded(_sub_blocks(data, start, end)))
            elif label == _APPLICATION and data.startswith(_XMP_ID, start):
                packets.append(data[start + len(_XMP_ID) : end - _MAGIC_TRAILER_BYTES - 1])
        parts = {Part.XMP: packets[0]} if packets else {}
        texts = EmbeddedTexts(
            packets=tuple(packets[1:]), comments=tuple((CommentKind.COMMENT, comment) for comment in comments)
        )
        return Layout(parts, {}, texts)


def _extensions(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield the label of each extension, where its sub-blocks begin, and the byte after them."""
    if not data.startswith(_SIGNATURES) or len(data) < _HEAD_BYTES:
        raise FormatError("it is no GIF file")
    position = _HEAD_BYTES + _colour_table_bytes(data[10])
    for _ in range(_MAX_BLOCKS):
        kind = data[position] if position < len(data) else _TRAILER
        if kind == _TRAILER:
            return
        if kind == _EXTENSION and position + 2 < len(data):
            end = _after_sub_blocks(data, position + 2)
            yield data[position + 1], position + 2, end
            position = end
        elif kind == _PICTURE and position + 10 < len(data):
            position = _after_sub_blocks(data, position + 11 + _colour_table_bytes(data[position + 9]))
        else:
            raise FormatError(f"there is no block at byte {position}")
    raise FormatError("it has too many blocks")


def _colour_table_bytes(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _after_sub_blocks(data: bytes, position: int) -> int:
    while position < len(data) and data[position]:
        position += 1 + data[position]
    if position >= len(data):
        raise FormatError("it was cut off")
    return position + 1


def _sub_blocks(data: bytes, start: int, end: int) -> bytes:
    pieces = []
    while start < end and data[start]:
        pieces.append(data[start + 1 : start + 1 + data[start]])
        start += 1 + data[start]
    return b"".join(pieces)
