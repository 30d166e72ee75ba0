"""A second opinion on a written file: Pillow, with which many galleries read, finds what it found before."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from PIL import ExifTags, Image

_OWN_TAGS = {0x010E, 0x9C9C, 700, 33723, 34377}  # ImageDescription, XPComment, XMP, IPTC, Photoshop's resources
_DIRECTORIES = (int(ExifTags.IFD.Exif), int(ExifTags.IFD.GPSInfo))
_POINTERS = {*_DIRECTORIES, int(ExifTags.IFD.Interop), int(ExifTags.IFD.MakerNote)}
_LEFT_OUT = _OWN_TAGS | _POINTERS
_PREFIX = b"Exif\0\0"
_HEADER_BYTES = 8  # of which the last four say where the first directory stands


@dataclass(frozen=True)
class _Opened:
    """What Pillow takes for a file's EXIF, and the bytes that it has it from where it says; nothing if it fails."""

    exif: Image.Exif = field(default_factory=Image.Exif)
    block: bytes = b""


def lost_tags(old: bytes, new: bytes, decoders: tuple[str, ...]) -> list[str]:
    """Return the names of the tags that Pillow reads otherwise in the new file than in the old one.

    Args:
        old: the file before.
        new: the file after.
        decoders: the names under which Pillow opens its format; no other decoder is let near it.
    """
    before, after = _opened(old, decoders), _opened(new, decoders)
    directories = () if _has_same_inner_ones(before, after) else _DIRECTORIES
    tags_before, tags_after = (_tags(opened.exif, directories) for opened in (before, after))
    return [f"{tag:#06x}" for (at, tag), value in tags_before.items() if tags_after.get((at, tag)) != value]


def _opened(data: bytes, decoders: tuple[str, ...]) -> _Opened:
    try:
        with Image.open(io.BytesIO(data), formats=decoders) as image:
            block = image.info.get("exif")
            return _Opened(image.getexif(), block if isinstance(block, bytes) else b"")
    except Exception:  # Pillow raises anything on a file it does not like, and then has read nothing
        return _Opened()


def _has_same_inner_ones(before: _Opened, after: _Opened) -> bool:
    """Return whether the inner directories, which take longest to read, are at the same places in the same bytes.

    That is so after most writes: of the block only the place of its first directory is another, and it is longer.
    """
    old, new = (opened.block.removeprefix(_PREFIX) for opened in (before, after))
    is_longer = bool(old) and new[:4] == old[:4] and new.startswith(old[_HEADER_BYTES:], _HEADER_BYTES)
    return is_longer and all(before.exif.get(tag) == after.exif.get(tag) for tag in _DIRECTORIES)


def _tags(exif: Image.Exif, directories: Sequence[int]) -> Mapping[tuple[int, int], bytes | str]:
    """Return what Pillow reads of a file, by directory and tag; nothing where it cannot read it."""
    try:
        found = {(0, tag): _comparable(exif[tag]) for tag in exif if tag not in _LEFT_OUT}
        for directory in directories:
            inner = exif.get_ifd(directory)
            found.update({(directory, tag): _comparable(inner[tag]) for tag in inner if tag not in _POINTERS})
        return found
    except Exception:  # as above
        return {}


def _comparable(value: object) -> bytes | str:
    """Return a value as text, since what is no number is not equal to itself; a maker note stays as it is."""
    return value if isinstance(value, bytes) else repr(value)
