"""Finding photos, telling what is the same picture, decoding small, reading what the camera wrote."""

from photocap.formats.base import FileKind
from photocap.formats.detect import kind_of
from photocap.photos.decode import fit_image, load_image
from photocap.photos.facts import read_facts
from photocap.photos.open import read_photo
from photocap.photos.picture_hash import picture_hash
from photocap.photos.thumbnail import render_jpeg
from photocap.photos.walk import (
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
    "PhotoFile",
    "Skip",
    "Skipped",
    "WalkOptions",
    "find_photos",
    "fit_image",
    "kind_of",
    "load_image",
    "newest_sidecar_mtime_ns",
    "outermost",
    "picture_hash",
    "read_facts",
    "read_photo",
    "render_jpeg",
]
