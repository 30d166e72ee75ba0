"""Which formats can be read on this machine."""

from __future__ import annotations

import importlib.util
import shutil

import pillow_heif
from PIL import features

from photocap.formats.base import FileKind
from photocap.formats.detect import FORMATS
from photocap.photos.jxl import has_jxl

_PILLOW_FEATURES = {
    "AVIF": "avif",
    "JPEG": "jpg",
    "JPEG2000": "jpg_2000",
    "PNG": "zlib",
    "TIFF": "libtiff",
    "WEBP": "webp",
}


def readable_formats() -> dict[str, str]:
    """Return for each format what reads it here; an empty text where nothing does."""
    pictures = {known.name: _reader(known.decoders[0]) for known in FORMATS if known.decoders}
    raw = _raw_reader()
    return pictures | {known.name: raw for known in FORMATS if known.kind is FileKind.RAW}


def _reader(decoder: str) -> str:
    if decoder == "HEIF":
        return f"libheif {pillow_heif.libheif_version()}"
    if decoder == "JXL":
        return "pillow-jxl" if has_jxl() else ""
    return "Pillow" if decoder not in _PILLOW_FEATURES or features.check(_PILLOW_FEATURES[decoder]) else ""


def _raw_reader() -> str:
    if importlib.util.find_spec("rawpy"):
        return "rawpy"
    return "ExifTool (embedded previews)" if shutil.which("exiftool") else ""
