"""Descriptions that programs keep apart from the photos: in one file for a whole folder, or in a hidden folder.

Sources: JP Software's description of DESCRIPT.ION (XnView, IrfanView, ACDSee and Total Commander write it too);
files written by Picasa 3.9 (it keeps the captions of what is no JPEG there) and by gThumb.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from photocap.formats.sidecar_names import COMMENTS_FOLDER, DESCRIPT_ION, folded
from photocap.metadata.xml import Element, XmlError, as_utf_8, parse_xml

_PROGRAM_MARK = "\x04"  # behind it programs keep notes of their own
_CAPTION = "caption"
_NOTE = "note"
_GZIP, _GZIP_WINDOW = b"\x1f\x8b", 31
_MAX_XML_BYTES = 1 << 20


def listed_description(parent: str, name: str, data: bytes, photo: str) -> str:
    """Return what such a file says about a photo; empty where it says nothing.

    Args:
        parent: the name of the folder that the file is in.
        name: the name of the file.
        data: its content.
        photo: the name of the photo.

    Raises:
        ValueError: it cannot be read.
    """
    if folded(parent) == COMMENTS_FOLDER:
        return _gthumb_note(data)
    text = _decoded(data)
    if photo.isascii() and photo.lower() not in text.lower():  # most photos of a large folder
        return ""
    pairs = _described(text) if folded(name) == DESCRIPT_ION else _captions(text)
    return next((words for listed, words in pairs if folded(listed) == folded(photo) and words.strip()), "").strip()


def _decoded(data: bytes) -> str:
    for encoding in ("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig", "cp1252"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return data.decode("cp1252", "replace")


def _described(text: str) -> Iterator[tuple[str, str]]:
    """Yield the names and descriptions in a DESCRIPT.ION."""
    for line in text.splitlines():
        is_quoted = line.startswith('"')
        name, _, words = line[1:].partition('"') if is_quoted else line.replace("\t", " ").partition(" ")
        yield name, words.partition(_PROGRAM_MARK)[0].replace("\\n", "\n")


def _captions(text: str) -> Iterator[tuple[str, str]]:
    """Yield the names and captions in an ini file of Picasa."""
    section = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
        key, _, value = line.partition("=")
        if key.strip().lower() == _CAPTION:
            yield section, value


def _gthumb_note(data: bytes) -> str:
    if data.startswith(_GZIP):
        try:
            data = zlib.decompressobj(_GZIP_WINDOW).decompress(data, _MAX_XML_BYTES)
        except zlib.error as error:
            raise ValueError(str(error)) from error
    try:
        return "\n".join(text for text in map(str.strip, _notes(parse_xml(as_utf_8(data)))) if text)
    except XmlError as error:
        raise ValueError(str(error)) from error


def _notes(element: Element) -> Iterator[str]:
    if element.name[1].lower() == _NOTE:
        yield element.text
    for child in element.children:
        yield from _notes(child)
