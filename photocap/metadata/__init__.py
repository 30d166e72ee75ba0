"""Captions inside photo files: reading them, writing them without harm, and taking them back."""

from photocap.metadata.captions import Copy, FoundCaption, Origin, Place
from photocap.metadata.exiftool import ExifTool
from photocap.metadata.policy import (
    DryRun,
    Marking,
    MetadataMode,
    Mtime,
    Overwrite,
    WritePolicy,
    Written,
    may_replace,
)
from photocap.metadata.reading import read_caption
from photocap.metadata.sidecar import sidecar_under
from photocap.metadata.undoing import PatchError, stands_after, stands_before, taken_back
from photocap.metadata.writing import PreparedWrite, check_replaceable, prepare_write

__all__ = [
    "Copy",
    "DryRun",
    "ExifTool",
    "FoundCaption",
    "Marking",
    "MetadataMode",
    "Mtime",
    "Origin",
    "Overwrite",
    "PatchError",
    "Place",
    "PreparedWrite",
    "WritePolicy",
    "Written",
    "check_replaceable",
    "may_replace",
    "prepare_write",
    "read_caption",
    "sidecar_under",
    "stands_after",
    "stands_before",
    "taken_back",
]
