"""Camera raw files: their words are read, they are hashed whole, and nothing is ever written into them.

DNG, CR2, NEF, ARW, PEF, ORF and RW2 are built like TIFF. RAF and RW2 keep their EXIF and XMP in the JPEG inside.
Sources: TIFF 6.0; ExifTool's PanasonicRaw.pm (tag 0x002E) and FujiFilm.pm (the header of RAF).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import BinaryIO

from photocap.formats.base import EmbeddedTexts, FileKind, FormatError, Layout, Part
from photocap.formats.bmff_picture import heif_picture
from photocap.formats.jpeg import Jpeg
from photocap.formats.read_only import ReadOnly
from photocap.formats.spans import Piece
from photocap.formats.tiff import PARTS
from photocap.formats.tiff_ifd import TiffBlock
from photocap.formats.tiff_structure import TiffError

_RAF_SIGNATURE = b"FUJIFILMCCD-RAW "
_PANASONIC_AND_OLYMPUS = (b"IIU\0", b"IIRO", b"IIRS", b"MMOR")
# One string: a list of quoted words would be longer than it is clear.
_SUFFIXES = """
dng 3fr ari arw bay cr2 crw dcr erf fff gpr iiq k25 kdc mef mos mrw nef nrw orf pef raw rw2 rwl sr2 srf srw x3f
"""
_RAF_JPEG_AT = 84  # place and length of the JPEG, big-endian
_PANASONIC_JPEG = 0x002E
_DNG_VERSION, _PHOTOMETRIC, _COLOUR_FILTER, _LINEAR_RAW = 50706, 262, 32803, 34892


class CameraRaw(ReadOnly):
    """Raw formats built like TIFF."""

    name = "camera raw"
    kind = FileKind.RAW
    suffixes: tuple[str, ...] = tuple(_SUFFIXES.split())

    def sniff(self, start: bytes) -> bool:
        """Return whether a file that begins like this is one; most begin as TIFF does, see `is_raw_tiff`."""
        return start.startswith(_PANASONIC_AND_OLYMPUS)

    def layout(self, data: bytes) -> Layout:
        """Return the metadata parts."""
        try:
            block = TiffBlock(data, is_raw=True)
        except TiffError as error:
            raise FormatError(f"its directory cannot be read: {error}") from error
        values = {part: block.value(tag) for part, (tag, _) in PARTS.items()}
        parts = {part: value for part, value in values.items() if value is not None}
        own = Layout(parts, {}, EmbeddedTexts(exifs=(data,)))
        inner = block.value(_PANASONIC_JPEG)
        return own if inner is None else _joined(own, Jpeg().layout(inner))

    def refusal(self, data: bytes) -> str:  # noqa: ARG002 - whatever is in it
        """Say why nothing in this file may be changed."""
        return "camera raw is never written to"


class FujifilmRaw(CameraRaw):
    """RAF files."""

    name = "Fujifilm raw"
    suffixes: tuple[str, ...] = ("raf",)

    def sniff(self, start: bytes) -> bool:
        """Return whether a file that begins like this is a RAF."""
        return start.startswith(_RAF_SIGNATURE)

    def layout(self, data: bytes) -> Layout:
        """Return the metadata parts of the JPEG inside."""
        start = int.from_bytes(data[_RAF_JPEG_AT : _RAF_JPEG_AT + 4], "big")
        length = int.from_bytes(data[_RAF_JPEG_AT + 4 : _RAF_JPEG_AT + 8], "big")
        if not length or start + length > len(data):
            raise FormatError("it was cut off: its JPEG reaches past the end")
        return Jpeg().layout(data[start : start + length])


class CanonRaw(ReadOnly):
    """CR3, and whatever else is made of the boxes of ISO media files."""

    name = "Canon CR3"
    kind = FileKind.RAW
    suffixes: tuple[str, ...] = ("cr3",)

    def sniff(self, start: bytes) -> bool:
        """Return whether a file that begins like this is made of boxes; HEIF comes before this in the list."""
        return start[4:8] == b"ftyp"

    def picture_spans(self, file: BinaryIO) -> Iterator[Piece]:
        """Yield the items of a HEIF of a rare brand; anything else is hashed whole."""
        return heif_picture(file)

    def layout(self, data: bytes) -> Layout:  # noqa: ARG002 - whatever is in it
        """Refuse."""
        raise FormatError("only ExifTool reads the words in this format")


def is_raw_tiff(data: bytes) -> bool:
    """Return whether a file built like TIFF is a raw file and no TIFF picture, whatever it is called."""
    if data[8:10] == b"CR":  # Canon's CR2
        return True
    try:
        block = TiffBlock(data, is_raw=True)
        if block.value(_DNG_VERSION) is not None:
            return True
        return any(
            int.from_bytes(raw[:2], "little" if block.is_little_endian else "big") in (_COLOUR_FILTER, _LINEAR_RAW)
            for raw in block.all_values(_PHOTOMETRIC)
        )
    except TiffError:
        return False


def _joined(own: Layout, inner: Layout) -> Layout:
    """Return the parts of a raw file, and as further texts those of the JPEG inside it."""
    packet = inner.parts.get(Part.XMP)
    irb = inner.parts.get(Part.IRB)
    texts = replace(
        inner.texts,
        exifs=(*own.texts.exifs, *inner.texts.exifs),
        packets=(*(() if packet is None else (packet,)), *inner.texts.packets),
        irbs=(*(() if irb is None else (irb,)), *inner.texts.irbs),
    )
    return Layout(own.parts, {}, texts)
