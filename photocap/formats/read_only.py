"""Formats whose words are read and which are never written to."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from photocap.formats.base import Change, FormatError, Layout, Part
from photocap.formats.splice import Edit

_REASON = "this format is not written to"


class ReadOnly(ABC):
    """A container of which only the layout is known."""

    name = ""
    xmp_limit_bytes: int | None = None

    @abstractmethod
    def layout(self, data: bytes) -> Layout:
        """Return the metadata parts."""

    def refusal(self, data: bytes) -> str:  # noqa: ARG002 - the protocol's
        """Say why nothing in this file may be changed."""
        return _REASON

    def edits(self, data: bytes, changes: Mapping[Part, Change]) -> list[Edit]:  # noqa: ARG002 - the protocol's
        """Refuse."""
        raise FormatError(_REASON)

    def difference(self, old: bytes, new: bytes) -> str:
        """Name what differs."""
        return "" if old == new else "a file that is not written to"


class Wordless(ReadOnly):
    """Formats that have no place for words: BMP, and JPEG XL without its container."""

    name = "a format without metadata"

    def layout(self, data: bytes) -> Layout:  # noqa: ARG002 - there is nothing in it
        """Return no parts."""
        return Layout({})
