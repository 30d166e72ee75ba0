"""Searching: words, or a photo, to photos."""

from photocap.searching.results import Kind, SearchHit, SearchResult, TextEncoder
from photocap.searching.search import COUNTED_TO, search

__all__ = ["COUNTED_TO", "Kind", "SearchHit", "SearchResult", "TextEncoder", "search"]
