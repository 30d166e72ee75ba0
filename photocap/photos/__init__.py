"""Finding photos, telling what is the same picture, decoding small, reading what the camera wrote."""

from photocap.photos.decoding import load_image
from photocap.photos.facts import PhotoFacts, read_facts
from photocap.photos.formats import FileKind, kind_of
from photocap.photos.hashing import picture_hash
from photocap.photos.walking import (
    PhotoFile,
    Skip,
    Skipped,
    WalkOptions,
    find_photos,
    newest_sidecar_mtime_ns,
    outermost,
)

__all__ = [
    "FileKind",
    "PhotoFacts",
    "PhotoFile",
    "Skip",
    "Skipped",
    "WalkOptions",
    "find_photos",
    "kind_of",
    "load_image",
    "newest_sidecar_mtime_ns",
    "outermost",
    "picture_hash",
    "read_facts",
]
