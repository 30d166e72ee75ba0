"""What a search gives back."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from photocap.index import PhotoRow
from photocap.query import Query

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class TextEncoderProtocol(Protocol):
    """Turns words into embeddings of the joint text-image space; numpy is all it may need."""

    @property
    def words(self) -> Collection[str]:
        """Return the words that the model knows, in lower case."""
        ...

    @property
    def similarity_floor(self) -> float:
        """Return the similarity below which a picture hardly ever shows what the words say."""
        ...

    @property
    def description_floor(self) -> float:
        """Return the same for a whole description of a picture."""
        ...

    def encode(self, text: str) -> NDArray[np.float32]:
        """Return a vector of unit length, as long as the pictures' embeddings."""
        ...

    def similarity(self, cosine: float) -> float:
        """Return a cosine of words and picture as a probability in [0, 1] that they belong together."""
        ...


class MatchKind(Enum):
    """Why a photo was found.

    WORDS: it matches the query as read. RELATED: it does with other words for the same thing.
    SIMILAR: its picture looks like what the words say, or it has some of the words.
    """

    WORDS = "words"
    RELATED = "related"
    SIMILAR = "alike"


@dataclass(frozen=True, kw_only=True)
class SearchHit:
    """A photo that was found.

    Attributes:
        photo: what the index knows of it.
        kind: why it was found.
        score: grows with relevance; comparable within one search only.
        text_rank, image_rank: its rank, from 1, by words (bm25) and by embedding, where it has one.
        similarity: of the picture to the words, calibrated, in [0, 1]; None where it is not known.
    """

    photo: PhotoRow
    kind: MatchKind
    score: float
    text_rank: int | None = None
    image_rank: int | None = None
    similarity: float | None = None


@dataclass(frozen=True, kw_only=True)
class SearchResult:
    """The hits of one page and what to say about them.

    Attributes:
        query: as it was read, mistyped words corrected.
        hits: best first.
        total: how many photos match (kinds WORDS and RELATED); counted no further than `counted_to`.
        counted_to: where counting stops.
        explanation: how the query was read, one line each.
        remarks: what a user wants to know in any case: corrected words, words that the model does not know.
        suggestions: other words that may have been meant where one was corrected.
        filled: whether photos may have been added by similarity.
    """

    query: Query
    hits: tuple[SearchHit, ...] = ()
    total: int = 0
    counted_to: int
    explanation: tuple[str, ...]
    remarks: tuple[str, ...] = ()
    suggestions: tuple[str, ...] = ()
    filled: bool = False
