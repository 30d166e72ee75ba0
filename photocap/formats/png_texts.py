"""The text chunks of PNG files: descriptions and comments, and the raw profiles of ImageMagick, Exiv2 and others.

Sources: PNG (third edition) section 11.3.3; ImageMagick's coders/png.c and Exiv2's pngchunk_int.cpp (raw profiles).
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, field

from photocap.formats.base import CommentKind, EmbeddedTexts

_PLAIN, _PACKED, _UNICODE = b"tEXt", b"zTXt", b"iTXt"
TEXT_CHUNKS = (_PLAIN, _PACKED, _UNICODE)
_MAX_COMMENT_BYTES = 1 << 20
_MAX_PROFILE_BYTES = 32 << 20  # of all profiles together, which a small file may hold compressed
_KINDS = {
    b"description": CommentKind.DESCRIPTION,
    b"caption": CommentKind.DESCRIPTION,
    b"comment": CommentKind.COMMENT,
    b"title": CommentKind.TITLE,
}
_PROFILE = re.compile(rb"raw profile type (exif|xmp|iptc|app1|app13|8bim)", re.IGNORECASE)
_PACKET_KEYWORD = b"XML:com.adobe.xmp"  # in a chunk of another kind than XMP part 3 asks for
_PROFILE_HEAD = re.compile(rb"\s*\S+\s+(\d+)\s*")
_EXIF_ID, _XMP_ID, _IRB_ID = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0", b"Photoshop 3.0\0"
_TIFF_HEADS = (b"II*\0", b"MM\0*")


@dataclass(kw_only=True)
class PngTexts:
    """The texts of a file, gathered chunk by chunk."""

    comments: list[tuple[CommentKind, str]] = field(default_factory=list)
    exifs: list[bytes] = field(default_factory=list)
    packets: list[bytes] = field(default_factory=list)
    irbs: list[bytes] = field(default_factory=list)
    iims: list[bytes] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    left_bytes: int = _MAX_PROFILE_BYTES

    def add(self, kind: bytes, content: bytes) -> None:
        """Take up a text chunk; what is not known to hold words is passed by."""
        keyword = content.split(b"\0", 1)[0]
        profile, comment = _PROFILE.fullmatch(keyword), _KINDS.get(keyword.lower())
        is_packet = keyword == _PACKET_KEYWORD
        if not (profile or is_packet) and comment is None:
            return
        limit_bytes = max(min(self.left_bytes, _MAX_PROFILE_BYTES if profile or is_packet else _MAX_COMMENT_BYTES), 1)
        text, encoding = _text(kind, content[len(keyword) + 1 :], limit_bytes)
        self.left_bytes -= len(text or b"")
        if text is None:
            self.problems.append(f"its text chunk {keyword.decode('latin-1')!r} is damaged or too large")
        elif is_packet:
            self.packets.append(text)
        elif comment is not None:
            self.comments.append((comment, text.decode(encoding, "replace")))
        else:
            self._add_profile(text)

    def _add_profile(self, text: bytes) -> None:
        """Take up a raw profile: a name, a length and hexadecimal digits, each on lines of their own."""
        head = _PROFILE_HEAD.match(text)
        try:
            profile = bytes.fromhex(text[head.end() :].decode("ascii")) if head else b""
        except ValueError:
            profile = b""
        if profile.startswith(_EXIF_ID):
            self.exifs.append(profile[len(_EXIF_ID) :])
        elif profile.startswith(_TIFF_HEADS):
            self.exifs.append(profile)
        elif profile.startswith(_XMP_ID):
            self.packets.append(profile[len(_XMP_ID) :])
        elif profile.startswith(_IRB_ID):
            self.irbs.append(profile[len(_IRB_ID) :])
        elif profile.startswith(b"8BIM"):
            self.irbs.append(profile)
        elif profile.startswith(b"\x1c"):
            self.iims.append(profile)
        elif profile.lstrip().startswith((b"<", b"\xef\xbb\xbf<", b"\xff\xfe", b"\xfe\xff")):
            self.packets.append(profile)
        else:
            self.problems.append("a raw profile in it is damaged")

    def embedded(self, exifs: tuple[bytes, ...], packets: tuple[bytes, ...]) -> EmbeddedTexts:
        """Return them with the blocks and packets of other chunks."""
        return EmbeddedTexts(
            exifs=(*exifs, *self.exifs),
            packets=(*packets, *self.packets),
            irbs=tuple(self.irbs),
            iims=tuple(self.iims),
            comments=tuple(self.comments),
            problems=tuple(self.problems),
        )


def _text(kind: bytes, rest: bytes, limit_bytes: int) -> tuple[bytes | None, str]:
    """Return the text behind a keyword, unpacked, and its encoding; None where it is damaged or too long."""
    if kind == _PLAIN:
        return (rest if len(rest) <= limit_bytes else None), _latin_or_utf_8(rest[:limit_bytes])
    if kind == _PACKED:
        text = _unpacked(rest[1:], limit_bytes)
        return text, _latin_or_utf_8(text or b"")
    language_and_rest = rest[2:].split(b"\0", 2)
    if len(rest) < 2 or len(language_and_rest) < 3:
        return None, ""
    text = language_and_rest[2]
    if rest[0]:
        return _unpacked(text, limit_bytes), "utf-8"
    return (text if len(text) <= limit_bytes else None), "utf-8"


def _latin_or_utf_8(text: bytes) -> str:
    """Return the encoding of a chunk that should be Latin-1; many programs write UTF-8 all the same."""
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8"


def _unpacked(packed: bytes, limit_bytes: int) -> bytes | None:
    unpacker = zlib.decompressobj()
    try:
        text = unpacker.decompress(packed, limit_bytes)
    except zlib.error:
        return None
    return text if unpacker.eof else None
