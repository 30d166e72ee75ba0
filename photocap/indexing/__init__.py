"""One run over a library: find, recognise, decode, caption, write, record."""

from photocap.indexing.captioning import caption_photos
from photocap.indexing.options import IndexOptions
from photocap.indexing.run import index_photos

__all__ = ["IndexOptions", "caption_photos", "index_photos"]
