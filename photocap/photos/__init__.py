"""Find photos, recognise the same picture, decode small, read what the camera wrote.

What decodes and what walks is imported when it is first asked for: a search needs neither.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from photocap.formats.base import FileKind
from photocap.formats.detect import kind_of
from photocap.photos.open import read_photo
from photocap.photos.picture_hash import picture_hash

if TYPE_CHECKING:
    from photocap.photos.decode import fit_image, load_image
    from photocap.photos.facts import read_facts
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

_HOMES = {"fit_image": "decode", "load_image": "decode", "read_facts": "facts", "render_jpeg": "thumbnail"}


def __getattr__(name: str) -> Any:
    """Import what has not been asked for yet."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_HOMES.get(name, 'walk')}"), name)
    globals()[name] = found
    return found
