"""The words of files that are no XMP: Google Takeout's JSON and plain text beside a photo."""

from __future__ import annotations

import json
from dataclasses import dataclass

from photocap.formats.exif_texts import is_text

_MAX_CHARACTERS = 10_000


@dataclass(frozen=True)
class TakeoutWords:
    """What Google Photos knew of a photo.

    Attributes:
        description: the caption that its owner gave it; empty where there is none.
        people: the names of the persons in it.
        is_readable: whether the file could be read at all.
    """

    description: str = ""
    people: tuple[str, ...] = ()
    is_readable: bool = True


def takeout_words(data: bytes) -> TakeoutWords:
    """Return the words in a JSON file of Google Takeout."""
    try:
        content = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return TakeoutWords(is_readable=False)
    if not isinstance(content, dict):
        return TakeoutWords()
    description, people = content.get("description"), content.get("people")
    names = [person.get("name") for person in people if isinstance(person, dict)] if isinstance(people, list) else []
    return TakeoutWords(
        description if isinstance(description, str) else "",
        tuple(name for name in names if isinstance(name, str) and name.strip()),
    )


def plain_text(data: bytes) -> str:
    """Return the words of a text file; empty where it is a table, a log or no text at all."""
    for encoding in ("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig", "cp1252"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        return text.strip() if is_text(text) and len(text) <= _MAX_CHARACTERS else ""
    return ""
