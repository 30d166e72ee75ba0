"""The parts of a TIFF structure: tags, types of values, entries, directories."""

from __future__ import annotations

from dataclasses import dataclass

IMAGE_DESCRIPTION = 0x010E
XMP_TAG = 700
IPTC_TAG = 33723
ASCII, BYTE, SHORT, LONG, RATIONAL, UNDEFINED = 2, 1, 3, 4, 5, 7
EXIF_POINTER = 0x8769
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8, 129: 1}


class TiffError(ValueError):
    """The structure is damaged, or cannot be changed without moving something."""


@dataclass(slots=True, kw_only=True)  # not frozen, which takes three times as long; a write makes a hundred of them
class Entry:
    """One directory entry.

    Attributes:
        at: where the entry stands.
        start: where its value's bytes begin, inside the entry or elsewhere.
        length: how many bytes the value has.
    """

    tag: int
    type: int
    count: int
    at: int
    start: int
    length: int
    is_inline: bool


@dataclass(frozen=True, kw_only=True)
class Directory:
    """One image file directory (IFD); `next_at` is where the pointer to the next one stands, or should."""

    name: str
    at: int
    entries: tuple[Entry, ...]
    next_at: int
    next: int


@dataclass(frozen=True, kw_only=True)
class TiffLayout:
    """How TIFF and BigTIFF differ.

    Attributes:
        order: of the bytes of numbers, as `struct` writes it.
        offset: the format of offsets and of counts of items.
        count: the format of counts of entries.
        offset_bytes: the width of an offset; the header's one stands that far from the beginning.
        entry_bytes: the width of an entry.
    """

    order: str
    offset: str
    count: str
    offset_bytes: int
    entry_bytes: int
