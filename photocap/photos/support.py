"""Which kinds of photos can be read on this machine."""

from __future__ import annotations

import importlib.util
import shutil

import pillow_heif
from PIL import features

from photocap.photos.jxl import has_jxl

_PILLOW_FEATURES = {"JPEG": "jpg", "PNG": "zlib", "TIFF": "libtiff", "WebP": "webp", "AVIF": "avif"}


def readable_formats() -> dict[str, str]:
    """Return for each format what reads it here; an empty text where nothing does."""
    formats = {name: "Pillow" if features.check(feature) else "" for name, feature in _PILLOW_FEATURES.items()}
    formats["HEIC"] = f"libheif {pillow_heif.libheif_version()}"
    formats["JPEG XL"] = "pillow-jxl" if has_jxl() else ""
    formats["camera raw"] = _raw_reader()
    return formats


def _raw_reader() -> str:
    if importlib.util.find_spec("rawpy"):
        return "rawpy"
    return "ExifTool (embedded previews)" if shutil.which("exiftool") else ""
