"""The index: the SQLite file that remembers photos, pictures and captions, and all SQL."""

from photocap.index.photo_index import PhotoIndex
from photocap.index.records import (
    CaptionRecord,
    CaptionRow,
    CaptionSource,
    Facts,
    KnownPicture,
    PhotoRecord,
    PhotoRow,
    PhotoState,
    RunRow,
    Stamp,
    UndoRow,
    UndoState,
)

__all__ = [
    "CaptionRecord",
    "CaptionRow",
    "CaptionSource",
    "Facts",
    "KnownPicture",
    "PhotoIndex",
    "PhotoRecord",
    "PhotoRow",
    "PhotoState",
    "RunRow",
    "Stamp",
    "UndoRow",
    "UndoState",
]
