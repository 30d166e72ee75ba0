"""What a search gives back."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from photocap.index import PhotoRow

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class TextEncoderProtocol(Protocol):
    """Turns words into a place in the joint text-image space; numpy is all it may need."""

    def encode(self, text: str) -> NDArray[np.float32]:
        """Return a vector of unit length, as long as the pictures' embeddings."""
        ...


class MatchKind(Enum):
    """Why a photo was found.

    WORDS: it matches the query as read. RELATED: it does with other words for the same thing.
    SIMILAR: it has some of the words, or its picture looks like what the words say.
    """

    WORDS = "words"
    RELATED = "related"
    SIMILAR = "alike"


@dataclass(frozen=True)
class SearchHit:
    """A photo that was found.

    Attributes:
        photo: what the index knows of it.
        kind: why it was found.
        score: grows with relevance; comparable within one search only.
        text_rank, image_rank: its place, from 1, by words (bm25) and by embedding, where it has one.
    """

    photo: PhotoRow
    kind: MatchKind
    score: float
    text_rank: int | None = None
    image_rank: int | None = None


@dataclass(frozen=True)
class SearchResult:
    """The hits of one page and what to say about them.

    Attributes:
        hits: best first.
        total: how many photos match (kinds WORDS and RELATED); counted no further than `counted_to`.
        counted_to: where counting stops.
        explanation: how the query was read, one line each.
        suggestions: words of the index that are near those that were not found.
    """

    hits: tuple[SearchHit, ...]
    total: int
    counted_to: int
    explanation: tuple[str, ...]
    suggestions: tuple[str, ...] = ()
