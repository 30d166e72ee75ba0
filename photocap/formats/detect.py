"""Which container a file is: by its content, and for TIFF by its name too, since many raw formats look like it."""

from __future__ import annotations

from pathlib import Path

from photocap.formats.base import Container
from photocap.formats.bmff import Heif, JpegXl, is_heif, is_jxl
from photocap.formats.jpeg import Jpeg
from photocap.formats.png import SIGNATURE, Png
from photocap.formats.tiff import CameraRaw, Tiff
from photocap.formats.webp import WebP

_TIFF_HEADS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_TIFF_SUFFIXES = (".tif", ".tiff")


def container_of(data: bytes, path: Path) -> Container | None:
    """Return the container that can be edited here, None for every other format."""
    if data.startswith(b"\xff\xd8\xff"):
        return Jpeg()
    if data.startswith(SIGNATURE):
        return Png()
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return WebP()
    if is_heif(data):
        return Heif()
    if is_jxl(data):
        return JpegXl()
    if data.startswith(_TIFF_HEADS):
        return Tiff() if path.suffix.lower() in _TIFF_SUFFIXES else CameraRaw()
    return None
