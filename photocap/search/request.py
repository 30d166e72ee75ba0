"""What is asked for: the options of a search, and the parts of its query."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from photocap.index import Sort
from photocap.query import And, Node, Word, is_text
from photocap.search.results import TextEncoderProtocol
from photocap.tokenizer import tokenize

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class SearchOptions:
    """The arguments of `search`, which says what they mean."""

    limit: int
    offset: int
    sort: Sort
    min_score: float | None
    words_only: bool
    unique: bool
    like: NDArray[np.float32] | None


def is_known(word: Word, encoder: TextEncoderProtocol) -> bool:
    """Return whether a model knows a word, or each part of a word with a hyphen."""
    parts = tokenize(word.text)
    return bool(parts) and all(part in encoder.words for part in parts if part)


def filters_of(tree: Node) -> Node:
    """Return what a plain query asks besides words."""
    parts = tree.parts if isinstance(tree, And) else (tree,)
    return And(tuple(part for part in parts if not is_text(part)))
