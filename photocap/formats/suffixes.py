"""Which files are photos, raw photos and videos, told by the ends of their names.

The walk opens no file, so it goes by names; decoding goes by content and does not care what a file is called.
"""

from __future__ import annotations

import os
from enum import Enum
from pathlib import Path


class FileKind(Enum):
    """What a file is, going by its name."""

    PICTURE = "picture"
    RAW = "raw"
    VIDEO = "video"
    OTHER = "other"


_ENDINGS = {
    FileKind.PICTURE: "jpg jpeg jpe jfif mpo png apng webp tif tiff heic heif hif avif jxl gif bmp jp2 j2k",
    FileKind.RAW: "3fr ari arw bay cr2 cr3 crw dcr dng erf fff gpr iiq k25 kdc mef mos mrw nef nrw orf pef raf raw rw2 "
    "rwl sr2 srf srw x3f",
    FileKind.VIDEO: "3g2 3gp asf avi flv m2ts m4v mkv mov mp4 mpeg mpg mts mxf ogv vob webm wmv",
}
_KIND_OF_SUFFIX = {f".{ending}": kind for kind, endings in _ENDINGS.items() for ending in endings.split()}


def kind_of(path: Path | str) -> FileKind:
    """Tell what a file is from the end of its name, in any case."""
    name = os.fspath(path)  # plain string work: this runs once per file of a library
    return _KIND_OF_SUFFIX.get(name[name.rfind(".") :].lower(), FileKind.OTHER)
