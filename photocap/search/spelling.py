"""Words of the index that are near a word it does not have."""

from __future__ import annotations

from collections.abc import Iterable

from photocap.index import PhotoIndex
from photocap.query import Word, edit_distance, to_fts

_SUGGESTIONS = 3


def suggestions(index: PhotoIndex, words: Iterable[Word]) -> tuple[str, ...]:
    """Return words to try instead of those that no caption has."""
    missing = [word.text.lower() for word in words if not index.query.count_photos(to_fts(word), 1)]
    if not missing:
        return ()
    known = index.query.words()
    found = [
        near for word in missing for near in _nearest(word, known) if index.query.count_photos(to_fts(Word(near)), 1)
    ]
    return tuple(dict.fromkeys(found))


def _nearest(word: str, known: Iterable[str]) -> list[str]:
    letters = set(word)
    near: list[tuple[int, str]] = []
    for other in known:
        allowed = 1 if min(len(word), len(other)) <= 4 else 2
        # The cheap tests first: most words differ in more letters than that.
        if abs(len(word) - len(other)) > allowed or len(letters ^ set(other)) > 2 * allowed:
            continue
        distance = edit_distance(word, other)
        if distance <= allowed < len(other):
            near.append((distance, other))
    return [other for _, other in sorted(near)[:_SUGGESTIONS]]
