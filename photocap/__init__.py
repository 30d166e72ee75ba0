"""photocap: captions for a photo library, written into the photos and found again by words.

The names in `__all__` are the public API (docs/python-api.md). They are imported when they are first used, so that
`import photocap` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from photocap.errors import (
        CaptionFileError,
        CheckpointError,
        FileProblem,
        IndexBusy,
        IndexNotFound,
        IndexUnusable,
        PhotocapError,
        QueryError,
        ReadError,
        TrainingError,
        WriteError,
    )
    from photocap.index import PhotoIndex
    from photocap.library.api import load_text_encoder, restore, write_caption
    from photocap.library.captioner import Captioner, load_captioner
    from photocap.library.indexing import IndexOptions, index_photos
    from photocap.metadata import MetadataMode, Overwrite, WritePolicy, read_caption
    from photocap.records import Caption
    from photocap.search import search

__version__ = "0.1.0"

_HOMES = {
    "photocap.errors": (
        "CaptionFileError",
        "CheckpointError",
        "FileProblem",
        "IndexBusy",
        "IndexNotFound",
        "IndexUnusable",
        "PhotocapError",
        "QueryError",
        "ReadError",
        "TrainingError",
        "WriteError",
    ),
    "photocap.index": ("PhotoIndex",),
    "photocap.library.api": ("load_text_encoder", "restore", "write_caption"),
    "photocap.library.captioner": ("Captioner", "load_captioner"),
    "photocap.library.indexing": ("IndexOptions", "index_photos"),
    "photocap.metadata": ("MetadataMode", "Overwrite", "WritePolicy", "read_caption"),
    "photocap.records": ("Caption",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Caption",
    "CaptionFileError",
    "Captioner",
    "CheckpointError",
    "FileProblem",
    "IndexBusy",
    "IndexNotFound",
    "IndexOptions",
    "IndexUnusable",
    "MetadataMode",
    "Overwrite",
    "PhotoIndex",
    "PhotocapError",
    "QueryError",
    "ReadError",
    "TrainingError",
    "WriteError",
    "WritePolicy",
    "__version__",
    "index_photos",
    "load_captioner",
    "load_text_encoder",
    "read_caption",
    "restore",
    "search",
    "write_caption",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used (PEP 562)."""
    if name == "search":  # a package that can be called
        return importlib.import_module("photocap.search")
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
