"""Captions inside photo files: reading them, writing them without harm, and taking them back."""

from photocap.metadata.captions import Copy, FoundCaption, Origin, Place
from photocap.metadata.exiftool import ExifTool
from photocap.metadata.policy import DryRun, MetadataMode, Mtime, Overwrite, Signature, WritePolicy, may_replace
from photocap.metadata.reader import read_caption
from photocap.metadata.sidecar import is_sidecar
from photocap.metadata.undo import PatchError, matches_after, matches_before, revert
from photocap.metadata.writer import PreparedWrite, check_replaceable, prepare_write

__all__ = [
    "Copy",
    "DryRun",
    "ExifTool",
    "FoundCaption",
    "MetadataMode",
    "Mtime",
    "Origin",
    "Overwrite",
    "PatchError",
    "Place",
    "PreparedWrite",
    "Signature",
    "WritePolicy",
    "check_replaceable",
    "is_sidecar",
    "matches_after",
    "matches_before",
    "may_replace",
    "prepare_write",
    "read_caption",
    "revert",
]
