"""The index: the SQLite file that remembers photos, pictures and captions, and all SQL."""

from photocap.index.browse import FolderEntry, MonthCount, ReviewItem
from photocap.index.counts import IndexCounts
from photocap.index.facets import PhotoValues
from photocap.index.filter_sql import Condition, Plan, plan
from photocap.index.photo_index import PhotoIndex
from photocap.index.rows import (
    FACTS_VERSION,
    CaptionRecord,
    CaptionVersion,
    FileState,
    KnownPicture,
    PhotoRecord,
    PhotoRow,
    PhotoState,
    RunRow,
    UndoRow,
    UndoState,
)
from photocap.index.search_sql import RANKED_AT_MOST, Match, Sort

__all__ = [
    "FACTS_VERSION",
    "RANKED_AT_MOST",
    "CaptionRecord",
    "CaptionVersion",
    "Condition",
    "FileState",
    "FolderEntry",
    "IndexCounts",
    "KnownPicture",
    "Match",
    "MonthCount",
    "PhotoIndex",
    "PhotoRecord",
    "PhotoRow",
    "PhotoState",
    "PhotoValues",
    "Plan",
    "ReviewItem",
    "RunRow",
    "Sort",
    "UndoRow",
    "UndoState",
    "plan",
]
