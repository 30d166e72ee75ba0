"""Ask ExifTool for the words that photocap's own readers cannot read: damaged packets, formats of makers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from photocap.metadata.captions import FoundText, Place, clean_text
from photocap.metadata.exiftool import ExifTool, ExifToolError
from photocap.metadata.sidecar import is_sidecar

_PLACES = {
    ("IFD0", "ImageDescription"): Place.EXIF,
    ("XMP-dc", "Description"): Place.XMP,
    ("IPTC", "Caption-Abstract"): Place.IPTC,
    ("ExifIFD", "UserComment"): Place.USER_COMMENT,
    ("IFD0", "XPComment"): Place.XP_COMMENT,
    ("IFD0", "XPTitle"): Place.XP_TITLE,
    ("IFD0", "XPSubject"): Place.XP_SUBJECT,
    ("File", "Comment"): Place.COMMENT,
}
_TAGS = (
    "Description",
    "ImageDescription",
    "Caption-Abstract",
    "UserComment",
    "XPComment",
    "XPTitle",
    "XPSubject",
    "Comment",
    "Notes",
    "Caption",
)
_TROUBLE = ("Warning", "Error")


@dataclass(frozen=True)
class ToolAnswer:
    """What ExifTool read.

    Attributes:
        texts: the descriptions.
        is_complete: whether it read the file without a warning.
        has_xmp: whether it found XMP in it.
    """

    texts: tuple[FoundText, ...] = ()
    is_complete: bool = False
    has_xmp: bool = False


class ToolReader:
    """Reads descriptions through ExifTool."""

    def __init__(self, exiftool: ExifTool) -> None:
        self._exiftool = exiftool

    def read(self, path: Path) -> ToolAnswer:
        """Return the descriptions in a file; none where ExifTool is missing or does not know the file."""
        options = ["-j", "-a", "-G1:4", "-m", "-XMP:all", *(f"-{tag}" for tag in (*_TAGS, *_TROUBLE))]
        try:
            answer = self._exiftool.read(path, options)
            # Words that look like a number come without quotes; "1952.10" is not 1952.1.
            decoder = json.JSONDecoder(parse_float=str, parse_int=str)
            (tags,), _ = decoder.raw_decode(answer, answer.index("["))
        except (ExifToolError, ValueError, RecursionError):
            return ToolAnswer()
        texts, is_complete = [], True
        for key, value in tags.items():
            group, _, tag = key.partition(":")
            tag = tag.rpartition(":")[2]
            if tag.startswith(_TROUBLE) or (group == "ExifTool" and tag in _TROUBLE):
                is_complete = False
            elif tag.partition("-")[0] in _TAGS or tag in _TAGS:
                language = tag.partition("-")[2].lower() if tag not in _TAGS else ""
                place = _PLACES.get((group, tag.removesuffix(f"-{language}")), Place.XMP if language else Place.OTHER)
                if place is Place.XMP and is_sidecar(path):
                    place = Place.SIDECAR
                texts += [FoundText(place=place, path=path, text=text, language=language) for text in _texts(value)]
        return ToolAnswer(tuple(texts), is_complete, any(key.startswith("XMP-") for key in tags))


def _texts(value: object) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [text for item in values if isinstance(item, (str, bool)) and (text := clean_text(str(item)))]
