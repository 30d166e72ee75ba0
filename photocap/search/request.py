"""What is asked for: a query with its options, and what the model makes of its words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from photocap.captioning.labels import label_named
from photocap.index import Sort
from photocap.query import And, Node, Query, Word, is_stop_word, is_text, searched_texts
from photocap.search.results import TextEncoderProtocol
from photocap.tokenizer import tokenize

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_DESCRIPTION_WORDS = 4  # from here on a query describes a picture rather than naming things
_PHRASE_WORDS = 3  # so do these with a small word among them, "a train blowing smoke"; without one, they are keywords
_MOST_UNKNOWN = 1 / 3  # share of words unknown to the model from which on it hardly knows what is meant
_MOST_UNKNOWN_OF_DESCRIPTION = 1 / 2  # a description with more unknown words than that means nothing to it


@dataclass(frozen=True, kw_only=True)
class SearchOptions:
    """The arguments of `search`, which says what they mean."""

    limit: int
    offset: int
    sort: Sort
    min_score: float | None
    words_only: bool
    sure_only: bool
    unique: bool
    like: NDArray[np.float32] | None


class Request:
    """What is looked for.

    Attributes:
        query, options: as given.
        encoder: gives words a place among the pictures; None without a model that can.
        tree: the query; of no words, one that every photo meets.
        filters: what the query asks besides words.
        words: the words that tell something, in whatever column.
        unknown: those that the model does not know.
        shown: those of them that say what a picture shows, rather than what must stand in a certain place.
        describes: whether the words describe a picture, rather than name a thing or two.
        is_understood: whether the model knows most of the words.
        is_guessed: whether it does not, but enough for a description that a picture may fit all the same.
        vector: the embedding of the words, of the picture to be like, or between them (float32, unit length).

    Args:
        query: mistyped words corrected.
        options: how to answer it.
        encoder: of the model.
        typed: the words of the query before they were corrected.
    """

    def __init__(
        self, query: Query, options: SearchOptions, encoder: TextEncoderProtocol | None, *, typed: str = ""
    ) -> None:
        self.query, self.options, self.encoder = query, options, encoder
        self.tree: Node = query.tree or And(())
        self.filters = _filters_of(self.tree)
        texts = searched_texts(self.tree)
        self.words = [text for text in texts if isinstance(text, Word) and not is_stop_word(text)]
        # What must stand in a certain place, and a date, is no description of a picture.
        self.shown = shown = [word for word in self.words if not word.column]
        self.unknown = [word.text for word in shown if encoder and not _is_known(word, encoder)]
        is_phrase = len(shown) >= _PHRASE_WORDS and len(query.words.split()) > len(shown)
        self.describes = query.plain and (len(shown) >= _DESCRIPTION_WORDS or is_phrase)
        self.is_understood = len(self.unknown) < len(shown) * _MOST_UNKNOWN
        may_guess = self.describes and len(self.unknown) <= len(shown) * _MOST_UNKNOWN_OF_DESCRIPTION
        self.is_guessed = may_guess and not self.is_understood
        # A rare word may have been right: a description goes halfway with a correction, and finds more than by either.
        texts_meant = (query.words, typed) if self.describes else (query.words,)
        self.vector = _between([*map(self._embedding, dict.fromkeys(texts_meant)), options.like])

    def _embedding(self, text: str) -> NDArray[np.float32] | None:
        vector = self.encoder.encode(text) if self.encoder and text else None
        return vector if vector is not None and vector.any() else None  # words that the model does not know have none

    @property
    def label(self) -> str | None:
        """Return the label that is looked for, where it is one and nothing besides."""
        if self.options.like is not None or not self.query.plain or not self.shown:
            return None
        return label_named(" ".join(word.text for word in self.shown))

    @property
    def ranks_by_look(self) -> bool:
        """Return whether look decides and words help, rather than the other way round."""
        if self.vector is None or self.options.sort is not Sort.RELEVANCE or self.options.words_only:
            return False
        return self.options.like is not None or (self.describes and (self.is_understood or self.is_guessed))

    @property
    def may_fill(self) -> bool:
        """Return whether photos without the words may follow those that have them."""
        if self.options.words_only or not self.query.plain or not self.words:
            return False
        return self.describes if self.vector is None else self.is_understood


def _between(vectors: Sequence[NDArray[np.float32] | None]) -> NDArray[np.float32] | None:
    """Return the unit vector in the middle of those that there are."""
    found = [vector for vector in vectors if vector is not None]
    if len(found) < 2:
        return found[0] if found else None
    middle: NDArray[np.float32] = sum(found[1:], found[0])
    return middle / float((middle @ middle) ** 0.5 or 1.0)


def _is_known(word: Word, encoder: TextEncoderProtocol) -> bool:
    """Return whether a model knows a word, or each part of a word with a hyphen."""
    parts = tokenize(word.text)
    return bool(parts) and all(part in encoder.words for part in parts if part)


def _filters_of(tree: Node) -> Node:
    parts = tree.parts if isinstance(tree, And) else (tree,)
    return And(tuple(part for part in parts if not is_text(part)))
