"""What every file format here has to offer: its metadata parts, and edits that change those and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol, TypeAlias

from photocap.formats.splice import Edit

SIGNED = "it is signed (C2PA), and a change would break the signature"


class Part(Enum):
    """A block of metadata that formats carry in their own wrappings."""

    DESCRIPTION = "EXIF ImageDescription"  # its value; the block around it is the format's affair
    XP_COMMENT = "EXIF XPComment"  # stands in the same block
    XMP = "XMP"
    IRB = "Photoshop resources"  # IPTC stands inside these
    IIM = "IPTC"  # bare, as TIFF has it


class FormatError(ValueError):
    """The file is damaged, or built in a way that rules out a safe change."""


# New content for a part, or edits to the one that is there.
Change: TypeAlias = "Sequence[Edit] | bytes"


class CommentKind(Enum):
    """A plain text in a format's own wrapping."""

    COMMENT = "comment"
    DESCRIPTION = "description"
    TITLE = "title"


@dataclass(frozen=True)
class EmbeddedTexts:
    """What may hold a person's words besides the parts; it is read and never changed.

    Attributes:
        exifs: every EXIF block, from its TIFF header on.
        packets: XMP packets besides the one in the parts: repeated ones, Extended XMP, raw profiles.
        irbs: Photoshop resources besides those in the parts.
        iims: bare IPTC datasets besides those in the parts.
        comments: comments and text chunks.
        problems: why something may hold words that were not read.
    """

    exifs: tuple[bytes, ...] = ()
    packets: tuple[bytes, ...] = ()
    irbs: tuple[bytes, ...] = ()
    iims: tuple[bytes, ...] = ()
    comments: tuple[tuple[CommentKind, str], ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Layout:
    """The metadata parts of one file.

    Attributes:
        parts: the content of each part that is there, without its wrapping.
        locked: parts that must stay as they are, and why.
        texts: what else may hold words.
    """

    parts: Mapping[Part, bytes]
    locked: Mapping[Part, str] = field(default_factory=dict)
    texts: EmbeddedTexts = field(default_factory=EmbeddedTexts)


class Container(Protocol):
    """One file format. All methods are pure and raise `FormatError` on damaged files."""

    name: str
    xmp_limit_bytes: int | None

    def layout(self, data: bytes) -> Layout:
        """Return the metadata parts of a file."""
        ...

    def refusal(self, data: bytes) -> str:
        """Say why nothing in this file may be changed; empty where it may."""
        ...

    def edits(self, data: bytes, changes: Mapping[Part, Change]) -> list[Edit]:
        """Return the edits to the file that make the changes to its parts.

        Raises:
            TiffError: the description does not fit; without it the other changes may still be made.
        """
        ...

    def difference(self, old: bytes, new: bytes) -> str:
        """Name what differs between two files apart from the parts; empty where nothing does.

        Of an EXIF block or a TIFF structure, everything but the description is compared here.
        """
        ...
