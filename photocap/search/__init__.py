"""Searching: words, or a photo, to photos."""

from photocap.search.results import MatchKind, SearchHit, SearchResult, TextEncoderProtocol
from photocap.search.search import COUNTED_TO, search

__all__ = ["COUNTED_TO", "MatchKind", "SearchHit", "SearchResult", "TextEncoderProtocol", "search"]
