"""Words of the index that are near a word it does not have."""

from __future__ import annotations

import re
from collections.abc import Iterable

from photocap.index import PhotoIndex
from photocap.query import Word, to_fts

_SUGGESTIONS = 3
_TAIL = 3  # letters that stemming may have taken from the end of an indexed word


def suggestions(index: PhotoIndex, words: Iterable[Word]) -> tuple[str, ...]:
    """Return words to try instead of those that no caption has."""
    missing = [word.text.lower() for word in words if not index.count_word(to_fts(word), 1)]
    if not missing:
        return ()
    stems = index.indexed_words()
    found = [_whole_word(index, stem, word) for word in missing for stem in _nearest(word, stems)]
    return tuple(dict.fromkeys(found))


def _nearest(word: str, stems: Iterable[str]) -> list[str]:
    letters = set(word)
    near: list[tuple[int, int, str]] = []
    for stem in stems:
        allowed = 1 if min(len(word), len(stem)) <= 4 else 2
        too_long = not -allowed <= len(word) - len(stem) <= allowed + _TAIL
        if too_long or len(letters ^ set(stem)) > 2 * allowed + _TAIL:
            continue
        ends = range(max(1, len(word) - _TAIL), len(word) + 1)
        distance, tail = min((edit_distance(word[:end], stem), len(word) - end) for end in ends)
        if distance <= allowed < len(stem):
            near.append((distance, tail, stem))
    return [stem for _, _, stem in sorted(near)[:_SUGGESTIONS]]


def edit_distance(a: str, b: str) -> int:
    """Return how many letters to insert, drop, change or swap with their neighbour make `a` into `b`.

    The "optimal string alignment" form of the Damerau-Levenshtein distance.
    """
    before: list[int] = []
    above = list(range(len(b) + 1))
    for i, letter in enumerate(a, start=1):
        row = [i]
        for j, other in enumerate(b, start=1):
            cost = min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == b[j - 2] and a[i - 2] == other:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        before, above = above, row
    return above[-1]


def _whole_word(index: PhotoIndex, stem: str, wanted: str) -> str:
    """Return a word as captions write it, from its stem in the text index."""
    caption = index.a_caption_with(f'"{stem}"') or ""
    words = re.findall(r"\w+", caption.lower())
    return min(words, key=lambda word: edit_distance(word, stem) + edit_distance(word, wanted), default=stem)
