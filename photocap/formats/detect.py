"""Which container a file is: by its content, and for TIFF by its name too, since many raw formats look like it."""

from __future__ import annotations

from pathlib import Path

from photocap.formats.base import Container
from photocap.formats.bmff import Heif, JpegXl, is_heif, is_jxl
from photocap.formats.camera_raw import RAF_SIGNATURE, CameraRaw, FujifilmRaw, is_raw_tiff
from photocap.formats.gif import SIGNATURES as GIF_SIGNATURES
from photocap.formats.gif import Gif
from photocap.formats.jpeg import Jpeg
from photocap.formats.jpeg2000 import Jpeg2000, is_jpeg_2000
from photocap.formats.png import SIGNATURE, Png
from photocap.formats.read_only import Wordless
from photocap.formats.tiff import Tiff
from photocap.formats.webp import WebP

_TIFF_HEADS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_BY_START: tuple[tuple[bytes | tuple[bytes, ...], type[Container]], ...] = (
    (b"\xff\xd8\xff", Jpeg),
    (SIGNATURE, Png),
    (GIF_SIGNATURES, Gif),
    (RAF_SIGNATURE, FujifilmRaw),
    ((b"IIU\0", b"IIRO", b"IIRS", b"MMOR"), CameraRaw),  # Panasonic and Olympus
    ((b"BM", b"\xff\x0a"), Wordless),  # BMP, JPEG XL without its container
)
_TIFF_SUFFIXES = (".tif", ".tiff")


def container_of(data: bytes, path: Path) -> Container | None:
    """Return the container whose words can be read here, None for every other format."""
    for start, container in _BY_START:
        if data.startswith(start):
            return container()
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return WebP()
    if is_heif(data):
        return Heif()
    if is_jxl(data):
        return JpegXl()
    if data.startswith(_TIFF_HEADS):
        is_picture = path.suffix.lower() in _TIFF_SUFFIXES and not is_raw_tiff(data)
        return Tiff() if is_picture else CameraRaw()
    return Jpeg2000() if is_jpeg_2000(data) else None
