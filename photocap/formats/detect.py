"""The file formats, in one list: detection, hashing, decoding, names, sidecars, `doctor` and the docs go by it."""

from __future__ import annotations

import os
from pathlib import Path

from photocap.formats.base import Container, FileKind
from photocap.formats.camera_raw import CameraRaw, CanonRaw, FujifilmRaw, is_raw_tiff
from photocap.formats.gif import Gif
from photocap.formats.heif import Avif, Heif
from photocap.formats.jpeg import Jpeg
from photocap.formats.jpeg2000 import Jpeg2000
from photocap.formats.jpeg_xl import JpegXl, JpegXlCodestream
from photocap.formats.netpbm import Netpbm
from photocap.formats.png import Png
from photocap.formats.read_only import Bmp
from photocap.formats.tiff import Tiff
from photocap.formats.webp import WebP

# The first that recognises a file has it.
FORMATS: tuple[Container, ...] = (
    Jpeg(),
    Png(),
    WebP(),
    Tiff(),
    Heif(),
    Avif(),
    JpegXl(),
    JpegXlCodestream(),
    Gif(),
    Bmp(),
    Jpeg2000(),
    Netpbm(),
    CameraRaw(),
    FujifilmRaw(),
    CanonRaw(),
)
SNIFF_BYTES = 512
"""As much of a file's start as a format needs to recognise it."""

_VIDEO_SUFFIXES = "3g2 3gp asf avi flv m2ts m4v mkv mov mp4 mpeg mpg mts mxf ogv vob webm wmv"
_KIND_OF_SUFFIX = {
    **{f".{suffix}": known.kind for known in FORMATS for suffix in known.suffixes},
    **{f".{suffix}": FileKind.VIDEO for suffix in _VIDEO_SUFFIXES.split()},
}


def kind_of(path: Path | str) -> FileKind:
    """Return what a file is, going by the end of its name in any case: the walk opens no file."""
    name = os.fspath(path)  # plain string work: this runs once per file of a library
    return _KIND_OF_SUFFIX.get(name[name.rfind(".") :].lower(), FileKind.OTHER)


def format_of(start: bytes) -> Container | None:
    """Return the format of a file that begins like this, None for one that is not known here."""
    return next((known for known in FORMATS if known.sniff(start)), None)


def container_of(data: bytes, path: Path) -> Container | None:
    """Return the format of a whole file: by its content, and for TIFF by its name too, since raw formats look like it.

    Returns:
        None for a format that is not known here.
    """
    found = format_of(data[:SNIFF_BYTES])
    if isinstance(found, Tiff) and (path.suffix.lower()[1:] not in found.suffixes or is_raw_tiff(data)):
        return next(known for known in FORMATS if type(known) is CameraRaw)
    return found
