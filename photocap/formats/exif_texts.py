"""The texts of an EXIF block besides its description: comments and the properties of Windows Explorer.

Sources: Exif 3.0, section 4.6.6 (UserComment); Microsoft's documentation of the tags 0x9C9B to 0x9C9F.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from photocap.formats.tiff_ifd import TiffBlock, shared_block
from photocap.formats.tiff_structure import ASCII, IMAGE_DESCRIPTION, TiffError

XP_COMMENT = 0x9C9C
_MAKE, _MODEL = 0x010F, 0x0110
_XP_TITLE, _XP_KEYWORDS, _XP_SUBJECT = 0x9C9B, 0x9C9E, 0x9C9F
_WIDE = (_XP_TITLE, XP_COMMENT, _XP_KEYWORDS, _XP_SUBJECT)
_USER_COMMENT = 0x9286
_JAPANESE = ("iso2022_jp", "euc_jp", "cp932")  # the first is what Exif asks for
_CHARSET_BYTES = 8
_MAX_TEXT_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True)
class ExifTexts:
    """What an EXIF block says in words.

    Attributes:
        make: the maker of the camera.
        descriptions: every ImageDescription where it should be; only a damaged block has several.
        other_descriptions: those in other directories.
        user_comments: what stands in UserComment, where that is text.
        xp_titles, xp_comments, xp_subjects: the properties of Windows Explorer.
        xp_keywords: its tags, separated by semicolons.
        problem: why some of it could not be read; empty where all could.
    """

    make: str = ""
    descriptions: tuple[str, ...] = ()
    other_descriptions: tuple[str, ...] = ()
    user_comments: tuple[str, ...] = ()
    xp_titles: tuple[str, ...] = ()
    xp_comments: tuple[str, ...] = ()
    xp_subjects: tuple[str, ...] = ()
    xp_keywords: tuple[str, ...] = ()
    problem: str = ""


def exif_texts(exif: bytes) -> ExifTexts:
    """Return the texts of a block; damage is noted, not raised."""
    try:
        block = shared_block(exif)
    except TiffError as error:
        return ExifTexts(problem=f"its EXIF block cannot be read: {error}")

    first = block.values(_MAKE, IMAGE_DESCRIPTION, _USER_COMMENT, *_WIDE)
    inner: dict[int, list[bytes]] = {}
    others: list[bytes] = []
    problem = ""
    try:
        inner = block.inner_values(_USER_COMMENT, *_WIDE)
        others = _descriptions_elsewhere(block, len(first[IMAGE_DESCRIPTION]))
    except TiffError as error:
        problem = f"its EXIF block cannot be read: {error}"

    def values(tag: int) -> list[bytes]:
        return [*first[tag], *inner.get(tag, [])]  # some programs take the wrong directory

    def wide(tag: int) -> tuple[str, ...]:
        return tuple(text for value in values(tag) if (text := _utf_16(value, is_little_endian=True)))

    comments = [_user_comment(value, is_little_endian=block.is_little_endian) for value in values(_USER_COMMENT)]
    return ExifTexts(
        make=" ".join(decoded(value) for value in first[_MAKE]),
        descriptions=tuple(text for value in first[IMAGE_DESCRIPTION] if _is_typed(text := decoded(value))),
        other_descriptions=tuple(text for value in others if _is_typed(text := decoded(value))),
        user_comments=tuple(comment for comment in comments if comment),
        xp_titles=wide(_XP_TITLE),
        xp_comments=wide(XP_COMMENT),
        xp_subjects=wide(_XP_SUBJECT),
        xp_keywords=wide(_XP_KEYWORDS),
        problem=problem,
    )


def decoded(value: bytes) -> str:
    """Return the text of an ASCII tag: UTF-8 where it is that, else Windows Latin as older programs wrote."""
    raw = value[:_MAX_TEXT_BYTES].rstrip(b"\0 ").replace(b"\0", b" ")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")


def is_text(text: str) -> bool:
    """Return whether a comment holds words, not the bytes that some cameras keep there."""
    return all(character.isprintable() or character in "\t\r\n" for character in text) and "\ufffd" not in text


def _is_typed(text: str) -> bool:
    """Return whether somebody may have typed this, in whatever encoding; a damaged block holds other bytes."""
    return all(character >= " " or character in "\t\r\n" for character in text)


def _user_comment(value: bytes, *, is_little_endian: bool) -> str:
    """Return a comment without its eight bytes of character set; empty where it is not text."""
    charset, raw = value[:_CHARSET_BYTES].rstrip(b"\0 ").upper(), value[_CHARSET_BYTES:][:_MAX_TEXT_BYTES]
    if charset == b"UNICODE":
        text = _utf_16(raw, is_little_endian=is_little_endian)
    elif charset == b"JIS":
        text = _japanese(raw.rstrip(b"\0 "))
    elif charset in (b"ASCII", b""):
        text = decoded(raw)
    else:  # no character set, as some programs write it
        text = decoded(value)
    text = text.strip("\0 \t\r\n")
    return text if is_text(text) else ""


def _japanese(raw: bytes) -> str:
    for encoding in _JAPANESE:
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return raw.decode(_JAPANESE[0], "replace")


def _descriptions_elsewhere(block: TiffBlock, here: int) -> list[bytes]:
    """Return the ImageDescriptions outside the first directory, after a look whether there can be any.

    Args:
        block: the block.
        here: how many stand in the first directory.

    Raises:
        TiffError: the directories are damaged.
    """
    head = struct.pack("<HH" if block.is_little_endian else ">HH", IMAGE_DESCRIPTION, ASCII)
    return block.all_values(IMAGE_DESCRIPTION)[here:] if block.data.count(head) > here else []


def _utf_16(raw: bytes, *, is_little_endian: bool) -> str:
    """Return UTF-16 text; where the order of its bytes is not as it should be, the zeros show it."""
    raw = raw[: len(raw) & ~1]
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        is_little_endian, raw = raw[:2] == b"\xff\xfe", raw[2:]
    elif raw[::2].count(0) != raw[1::2].count(0):
        is_little_endian = raw[1::2].count(0) > raw[::2].count(0)
    return raw.decode("utf-16-le" if is_little_endian else "utf-16-be", "replace").strip("\0 \t\r\n")
