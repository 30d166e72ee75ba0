"""One run over a library: find, recognise, decode, caption, write, record."""

from photocap.library.indexing.caption import caption_photos
from photocap.library.indexing.detect_changes import count_changed
from photocap.library.indexing.options import IndexOptions, Recaption, default_workers
from photocap.library.indexing.pipeline import index_photos
from photocap.library.indexing.rest import RestingFiles

__all__ = [
    "IndexOptions",
    "Recaption",
    "RestingFiles",
    "caption_photos",
    "count_changed",
    "default_workers",
    "index_photos",
]
