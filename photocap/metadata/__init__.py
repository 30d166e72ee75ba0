"""Captions inside photo files: reading them, writing them without harm, and taking them back."""

from photocap.metadata.captions import NO_MEMORY, Copy, FoundCaption, Origin, Place
from photocap.metadata.decision import NO_EXTRAS, SWITCHED_OFF, Extras
from photocap.metadata.exiftool import ExifTool
from photocap.metadata.placement import check_replaceable
from photocap.metadata.policy import Also, DryRun, MetadataMode, Mtime, Overwrite, Signature, WritePolicy, may_replace
from photocap.metadata.prepared_write import PreparedWrite
from photocap.metadata.reader import PhotoMetadata, read_caption, read_metadata
from photocap.metadata.sidecar import SidecarName, is_sidecar
from photocap.metadata.undo import PatchError, matches_after, matches_before, revert
from photocap.metadata.writer import prepare_removal, prepare_write

__all__ = [
    "NO_EXTRAS",
    "NO_MEMORY",
    "SWITCHED_OFF",
    "Also",
    "Copy",
    "DryRun",
    "ExifTool",
    "Extras",
    "FoundCaption",
    "MetadataMode",
    "Mtime",
    "Origin",
    "Overwrite",
    "PatchError",
    "PhotoMetadata",
    "Place",
    "PreparedWrite",
    "SidecarName",
    "Signature",
    "WritePolicy",
    "check_replaceable",
    "is_sidecar",
    "matches_after",
    "matches_before",
    "may_replace",
    "prepare_removal",
    "prepare_write",
    "read_caption",
    "read_metadata",
    "revert",
]
