"""One run over a library: find, recognise, decode, caption, write, record."""

from photocap.indexing.captioning import caption_photos
from photocap.indexing.options import IndexOptions, Recaption, default_workers
from photocap.indexing.run import index_photos

__all__ = ["IndexOptions", "Recaption", "caption_photos", "default_workers", "index_photos"]
