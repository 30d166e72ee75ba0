"""Mistyped words of a query: those that nothing has and nobody knows, and the nearest word that something has."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from photocap.index import PhotoIndex
from photocap.query import (
    And,
    Node,
    Not,
    Or,
    Query,
    Word,
    edit_distance,
    is_stop_word,
    searched_texts,
    synonyms,
    to_fts,
)

_OFFERED = 3  # words near a mistyped one
_COMMON = 1_000  # counting further would not tell which word is meant
_SHORTEST_PART = 4  # letters of a word that is looked for inside others: "kuchen", not "car" in "scar"
_PART_AT_MOST = 3  # letters fewer than the word it is a part of: "rain" is no part of "train"
_MOST_COMPOUNDS = 20
_FREE = 3  # letters of a word in which only a swap counts as a slip
_LONG = 8  # letters of a word that may be two letters longer or shorter than what is meant
_SHORT = 5  # letters of a word in which one slip is allowed; in a longer one two


@dataclass(frozen=True)
class Correction:
    """A word of a query, the one that is searched for in its place, and others that are as near."""

    typed: str
    meant: str
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class Corrected:
    """A query with its mistyped words corrected, what to say about that, and what else may have been meant."""

    query: Query
    remarks: tuple[str, ...] = ()
    suggestions: tuple[str, ...] = ()


class Speller:
    """Corrects queries by the words of an index and of a model.

    Args:
        index: open for reading.
        known: words that a model knows, which are right whether or not a photo has them.
    """

    def __init__(self, index: PhotoIndex, known: Collection[str] = ()) -> None:
        self._index = index
        self._known = known
        self._words: list[str] | None = None

    def compounds(self, word: str) -> list[str]:
        """Return longer words of the index of which this one is a part, where no photo has the word itself."""
        if len(word) < _SHORTEST_PART or not word.isalpha() or self._count(Word(word)):
            return []
        found = self._index.query.words_with(word.lower(), _MOST_COMPOUNDS)
        return [other for other in found if len(other) >= len(word) + _PART_AT_MOST]

    def corrected(self, query: Query) -> Corrected:
        """Correct the words of a query that nothing has and nobody knows, where it is clear what is meant."""
        corrections = self._corrections(query.tree) if query.tree else ()
        if not query.tree or not corrections:
            return Corrected(query)
        words = _corrected_words(query.words, corrections)
        return Corrected(
            replace(query, tree=_corrected(query.tree, corrections), words=words),
            tuple(f"showing {c.meant} (no photo has {c.typed})" for c in corrections),
            tuple(other for c in corrections for other in c.others),
        )

    def _corrections(self, tree: Node) -> tuple[Correction, ...]:
        near = {word.text: self._nearest(word.text.lower()) for word in self._unknown(tree)}
        return tuple(Correction(typed, words[0], tuple(words[1:])) for typed, words in near.items() if words)

    def _unknown(self, tree: Node) -> list[Word]:
        return [
            word
            for word in searched_texts(tree)
            if isinstance(word, Word)
            and not word.prefix
            and word.text.isalpha()
            and word.text.lower() not in self._known
            and not is_stop_word(word)
            and not synonyms(word.text)
            and not self._count(word)
            and not self.compounds(word.text)
        ]

    def _count(self, word: Word) -> int:
        return self._index.query.count_photos(to_fts(word), _COMMON)

    def _nearest(self, word: str) -> list[str]:
        """Return the nearest words that some photo has or the model knows, the nearest and commonest first."""
        if self._words is None:
            self._words = list(dict.fromkeys([*self._index.query.words(), *self._known]))
        near = [(distance, other) for other in self._words if (distance := _slips(word, other))]
        least = min((distance for distance, _ in near), default=0)
        # A word outlives its last photo, so each is looked for; the count also tells which is likelier meant.
        counted = [(-self._count(Word(other)), other) for distance, other in near if distance == least]
        return [other for count, other in sorted(counted) if count or other in self._known][:_OFFERED]


def _corrected(tree: Node, corrections: Iterable[Correction]) -> Node:
    """Return a tree with the corrected words in place of those that were typed."""
    meant = {correction.typed: correction.meant for correction in corrections}

    def fix(node: Node) -> Node:
        if isinstance(node, Word):
            return replace(node, text=meant.get(node.text, node.text))
        if isinstance(node, (And, Or)):
            return type(node)(tuple(fix(part) for part in node.parts))
        return Not(fix(node.part)) if isinstance(node, Not) else node

    return fix(tree)


def _corrected_words(words: str, corrections: Iterable[Correction]) -> str:
    """Return a line of text with the corrected words in place of those that were typed."""
    meant = {correction.typed: correction.meant for correction in corrections}
    return " ".join(meant.get(word, word) for word in words.split())


def _slips(word: str, other: str) -> int:
    """Return how many slips of the hand make one word of another; 0 where it is the same or too far off."""
    allowed = 1 if len(word) <= _SHORT else 2
    # Two letters too many or too few change a short word altogether: "munich" is no "much".
    longer = allowed if len(word) >= _LONG else 1
    # The cheap tests first: most words differ in more letters than that.
    if abs(len(word) - len(other)) > longer or len(set(word) ^ set(other)) > 2 * allowed or word == other:
        return 0
    is_swap = sorted(word) == sorted(other)
    # A slip in the first letter is rare, and would make "cow" of "how".
    if is_stop_word(Word(other)) or not (is_swap or word[0] == other[0]) or (len(word) <= _FREE and not is_swap):
        return 0
    distance = edit_distance(word, other)
    return distance if distance <= allowed < len(other) else 0
