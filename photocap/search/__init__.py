"""Searching: words, or a photo, to photos. `photocap.search(index, "dog")` calls the package itself."""

import sys
from types import ModuleType

from photocap.search.matches import Matches, find_matches
from photocap.search.results import MatchKind, SearchHit, SearchResult, TextEncoderProtocol
from photocap.search.search import COUNTED_TO, search

__all__ = [
    "COUNTED_TO",
    "MatchKind",
    "Matches",
    "SearchHit",
    "SearchResult",
    "TextEncoderProtocol",
    "find_matches",
    "search",
]


class _CallableModule(ModuleType):
    """`photocap.search` is the package as soon as any of its modules is imported, yet also a public function."""

    __call__ = staticmethod(search)


sys.modules[__name__].__class__ = _CallableModule
