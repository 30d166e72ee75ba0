"""The index: the SQLite file that remembers photos, pictures and captions, and all SQL."""

from photocap.index.conditions import Condition, Plan, plan
from photocap.index.finding import RANKED_AT_MOST, Match, Sort
from photocap.index.life import IndexCounts
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
    "RANKED_AT_MOST",
    "CaptionRecord",
    "CaptionRow",
    "CaptionSource",
    "Condition",
    "Facts",
    "IndexCounts",
    "KnownPicture",
    "Match",
    "PhotoIndex",
    "PhotoRecord",
    "PhotoRow",
    "PhotoState",
    "Plan",
    "RunRow",
    "Sort",
    "Stamp",
    "UndoRow",
    "UndoState",
    "plan",
]
