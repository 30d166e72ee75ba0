"""The contract of a file format: its names, its signature, its picture, its metadata and safe edits of that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import BinaryIO, Protocol, TypeAlias

from photocap.formats.spans import Piece
from photocap.formats.splice import Edit, Rewrite

SIGNED = "it is signed (C2PA), and a change would break the signature"


class FileKind(Enum):
    """What a file is, going by its name."""

    PICTURE = "picture"
    RAW = "raw"
    VIDEO = "video"
    OTHER = "other"


class CaptionWriter(Enum):
    """Who writes a caption for a photo of a format, and where."""

    PHOTOCAP = "into the photo"
    EXIFTOOL = "into the photo, by ExifTool; without it into an XMP sidecar"
    NOBODY = "into an XMP sidecar"


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


@dataclass(frozen=True, kw_only=True)
class EmbeddedTexts:
    """What may hold a person's words besides the parts; it is read and never changed.

    Attributes:
        exifs: every EXIF block, from its TIFF header on.
        packets: XMP packets besides the one in the parts: repeated ones, Extended XMP, raw profiles.
        irbs: Photoshop resources besides those in the parts.
        iims: bare IPTC datasets besides those in the parts.
        comments: comments and text chunks.
        problems: why something may hold words that were not read.
        is_compressed: some of it is compressed as only an ExifTool with a module of its own can read.
    """

    exifs: tuple[bytes, ...] = ()
    packets: tuple[bytes, ...] = ()
    irbs: tuple[bytes, ...] = ()
    iims: tuple[bytes, ...] = ()
    comments: tuple[tuple[CommentKind, str], ...] = ()
    problems: tuple[str, ...] = ()
    is_compressed: bool = False


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
    """One file format. All methods are pure and raise `FormatError` on damaged files.

    Attributes:
        name: as people write it.
        kind: picture or camera raw.
        suffixes: how such files are named, in lower case and without the dot; the usual one first.
        decoders: the names under which Pillow opens such pictures; none for camera raw.
        writer: who writes captions into such files.
        xmp_limit_bytes: the longest XMP packet that fits.
    """

    name: str
    kind: FileKind
    suffixes: tuple[str, ...]
    decoders: tuple[str, ...]
    writer: CaptionWriter
    xmp_limit_bytes: int | None

    def sniff(self, start: bytes) -> bool:
        """Return whether a file that begins like this is of this format; `start` may be the whole file."""
        ...

    def picture_spans(self, file: BinaryIO) -> Iterator[Piece]:
        """Yield what makes the picture, without the metadata: the pieces that are hashed to recognise it.

        Whatever this yields for a file is in the indexes out there: it must never change. It shares no code with
        `difference`, so that a mistake in one is caught by the other.

        Raises:
            NotUnderstood: the file is damaged; it is then hashed whole.
        """
        ...

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

    def difference(self, rewrite: Rewrite) -> str:
        """Name what differs between a file before and after apart from the parts; empty where nothing does.

        Of an EXIF block or a TIFF structure, everything but the description is compared here.
        """
        ...


class FrontToBack:
    """A format whose `picture_spans` goes through the file once: what follows a piece depends on later bytes alone."""
