"""Formats whose words are read and which are never written to."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import BinaryIO

from photocap.formats.base import CaptionWriter, Change, FileKind, FormatError, Layout, Part
from photocap.formats.spans import Piece, whole_file
from photocap.formats.splice import Edit, Rewrite

_REASON = "this format is not written to"


class ReadOnly(ABC):
    """A format whose metadata are read; its files are never changed, and are hashed whole."""

    name = ""
    kind = FileKind.PICTURE
    suffixes: tuple[str, ...] = ()
    decoders: tuple[str, ...] = ()
    writer = CaptionWriter.NOBODY
    xmp_limit_bytes: int | None = None

    @abstractmethod
    def sniff(self, start: bytes) -> bool:
        """Return whether a file that begins like this is of this format."""

    def picture_spans(self, file: BinaryIO) -> Iterator[Piece]:
        """Yield all of the file."""
        return whole_file(file)

    @abstractmethod
    def layout(self, data: bytes) -> Layout:
        """Return the metadata parts."""

    def refusal(self, data: bytes) -> str:  # noqa: ARG002 - the protocol's
        """Say why nothing in this file may be changed."""
        return _REASON

    def edits(self, data: bytes, changes: Mapping[Part, Change]) -> list[Edit]:  # noqa: ARG002 - the protocol's
        """Refuse."""
        raise FormatError(_REASON)

    def difference(self, rewrite: Rewrite) -> str:
        """Name what differs."""
        return "" if rewrite.old == rewrite.new else "a file that is not written to"


class Wordless(ReadOnly):
    """A format that has no place for words."""

    def layout(self, data: bytes) -> Layout:  # noqa: ARG002 - there is nothing in it
        """Return no parts."""
        return Layout({})


class Bmp(Wordless):
    """The BMP format."""

    name = "BMP"
    suffixes: tuple[str, ...] = ("bmp",)
    decoders: tuple[str, ...] = ("BMP",)

    def sniff(self, start: bytes) -> bool:
        """Return whether a file that begins like this is a BMP."""
        return start.startswith(b"BM")
