"""A second opinion on a written file: Pillow, with which many galleries read, finds what it found before."""

from __future__ import annotations

import io
from collections.abc import Mapping

from PIL import ExifTags, Image

_OWN_TAGS = {0x010E, 0x9C9C, 700, 33723, 34377}  # ImageDescription, XPComment, XMP, IPTC, Photoshop's resources
_POINTERS = {ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo, ExifTags.IFD.Interop, ExifTags.IFD.MakerNote}
_DIRECTORIES = (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)


def lost_tags(old: bytes, new: bytes, decoders: tuple[str, ...]) -> list[str]:
    """Return the names of the tags that Pillow reads otherwise in the new file than in the old one.

    Args:
        old: the file before.
        new: the file after.
        decoders: the names under which Pillow opens its format; no other decoder is let near it.
    """
    before, after = _tags(old, decoders), _tags(new, decoders)
    return [f"{tag:#06x}" for (directory, tag), value in before.items() if after.get((directory, tag)) != value]


def _tags(data: bytes, decoders: tuple[str, ...]) -> Mapping[tuple[int, int], bytes | str]:
    """Return what Pillow reads of a file, by directory and tag; nothing where it cannot read it at all."""
    try:
        with Image.open(io.BytesIO(data), formats=decoders) as image:
            exif = image.getexif()
            found = {(0, tag): _comparable(exif[tag]) for tag in exif if tag not in _OWN_TAGS | _POINTERS}
            for directory in _DIRECTORIES:
                inner = exif.get_ifd(directory)
                found.update({(directory, tag): _comparable(inner[tag]) for tag in inner if tag not in _POINTERS})
            return found
    except Exception:  # Pillow raises anything on a file it does not like, and then has read nothing
        return {}


def _comparable(value: object) -> bytes | str:
    """Return a value as text, since what is no number is not equal to itself; a maker note stays as it is."""
    return value if isinstance(value, bytes) else repr(value)
