"""Formats that ExifTool writes, seen as containers: the parts are made here, only their placing is ExifTool's."""

from __future__ import annotations

from collections.abc import Mapping

from photocap.formats.base import Change, FormatError, Part
from photocap.formats.bmff import BoxFormat
from photocap.formats.exif import exif_change, exif_values
from photocap.formats.splice import Edit, edits_between, splice
from photocap.metadata.exiftool import ExifTool

_MAX_EXIF_BYTES = 1 << 24


class ToolWriter:
    """Writes the parts of a box format.

    Args:
        container: the format.
        exiftool: None where there is none, which is an error only when something is to be written.
    """

    def __init__(self, container: BoxFormat, exiftool: ExifTool | None) -> None:
        self._container, self._exiftool = container, exiftool
        self.xmp_limit_bytes = container.xmp_limit_bytes

    def edits(self, data: bytes, changes: Mapping[Part, Change]) -> list[Edit]:
        """Return the edits that lead to what ExifTool makes of the file.

        Raises:
            FormatError: there is no ExifTool.
            ExifToolError: it did not write the file.
            TiffError: the description does not fit.
        """
        if self._exiftool is None:
            raise FormatError("only ExifTool writes into this format")
        values, packet = exif_values(changes), changes.get(Part.XMP)
        exif = self._exif(data, values) if values else None
        if packet is not None and not isinstance(packet, bytes):
            packet = splice(self._container.layout(data).parts[Part.XMP], packet)
        new = self._exiftool.write(data, f".{self._container.suffixes[0]}", exif=exif, xmp=packet)
        return edits_between(data, new, self._container.anchors(data, new))

    def _exif(self, data: bytes, values: Mapping[Part, bytes]) -> bytes:
        old = next(iter(self._container.exifs(data)), None)
        change = exif_change(old, values, limit_bytes=_MAX_EXIF_BYTES)
        return change if isinstance(change, bytes) else splice(old or b"", change)
