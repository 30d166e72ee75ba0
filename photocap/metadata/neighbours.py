"""The words of files that are no XMP: JSON of Google Takeout, osxphotos and ExifTool, and plain text beside a photo."""

from __future__ import annotations

import json
from dataclasses import dataclass

from photocap.formats.exif_texts import is_text

_MAX_CHARACTERS = 10_000
_DESCRIPTION_TAGS = ("Description", "ImageDescription", "Caption-Abstract", "UserComment")
_MAX_RECORDS = 10  # real files have one
_PERSON_TAGS = ("PersonInImage", "RegionName")


@dataclass(frozen=True)
class TakeoutWords:
    """What Google Photos knew of a photo, or another program that writes JSON beside it.

    Attributes:
        description: the caption that its owner gave it; empty where there is none.
        people: the names of the people in it.
        is_readable: whether the file could be read at all.
    """

    description: str = ""
    people: tuple[str, ...] = ()
    is_readable: bool = True


def takeout_words(data: bytes) -> TakeoutWords:
    """Return the words in a JSON file: of Google Takeout, or as ExifTool prints them (osxphotos does so too)."""
    try:
        content = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return TakeoutWords(is_readable=False)
    if isinstance(content, list):
        return _tag_words(content)
    if not isinstance(content, dict):
        return TakeoutWords()
    description, people = content.get("description"), content.get("people")
    names = [person.get("name") for person in people if isinstance(person, dict)] if isinstance(people, list) else []
    return TakeoutWords(
        description if isinstance(description, str) else "",
        tuple(name for name in names if isinstance(name, str) and name.strip()),
    )


def _tag_words(records: list[object]) -> TakeoutWords:
    """Return the words among tags, whose names may have a group before them: "XMP:Description"."""
    texts: list[str] = []
    people: list[str] = []
    for record in records[:_MAX_RECORDS]:
        for name, value in record.items() if isinstance(record, dict) else ():
            tag = name.rpartition(":")[2]
            found = people if tag in _PERSON_TAGS else texts if tag in _DESCRIPTION_TAGS else []
            found += [text for text in (value if isinstance(value, list) else [value]) if isinstance(text, str)]
    return TakeoutWords(next(filter(str.strip, texts), ""), tuple(filter(str.strip, dict.fromkeys(people))))


def plain_text(data: bytes) -> str:
    """Return the words of a text file; empty where it is a table, a log or no text at all."""
    for encoding in ("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig", "cp1252"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        return text.strip() if is_text(text) and len(text) <= _MAX_CHARACTERS else ""
    return ""
