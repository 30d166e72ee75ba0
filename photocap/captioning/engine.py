"""What a captioner needs of the network, whichever library runs it; numpy only.

Letters as in `network`: B photos, T tokens, L labels, N names, S dimensions of the joint space,
V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Floats32 = NDArray[np.float32]


class OutOfDeviceMemory(Exception):
    """A batch does not fit the device's memory; a smaller one may."""


@dataclass(frozen=True, kw_only=True)
class Sight:
    """What the network sees in a batch of photos.

    Attributes:
        count: how many photos, B.
        labels: (B, L) probability of each label; None where the model has no label head.
        places: (B, S) the photos' places in the joint space, unit length; None where the model has no such space.
        names: (B, N) probability that the bearer of each name is there; None where the model has no name head.
        state: what the engine itself needs to go on with.
    """

    count: int
    labels: Floats32 | None
    places: Floats32 | None
    names: Floats32 | None
    state: Any


@dataclass(frozen=True)
class GeneratedSentences:
    """One sentence for each photo of a batch.

    Attributes:
        tokens: (B, T) word ids, ended and padded.
        mean_log_prob: (B,) mean log-probability per token.
        log_probs: (B, T) log-probability of each token, 0 where there is padding.
        likeness: (B,) cosine of sentence and photo in the joint space; 0 where the model has none.
    """

    tokens: NDArray[np.int64]
    mean_log_prob: Floats32
    log_probs: Floats32
    likeness: Floats32


class CaptionEngine(Protocol):
    """A model, ready to run.

    Attributes:
        name: the library and the precision, for people.
        batch_size: photos to run at once.
        lanes: threads among which a batch is shared out, each calling the engine with its part.
        neutral_people: whether the words about people for which `neutral_terms` has neutral ones are left out.
    """

    name: str
    batch_size: int
    lanes: int
    neutral_people: bool

    def see(self, squares: NDArray[np.uint8]) -> Sight:
        """Look at (B, S, S, 3) uint8 pictures.

        Raises:
            OutOfDeviceMemory: they are too many.
        """
        ...

    def speak(
        self, sight: Sight, *, word_bias: Floats32 | None = None, demanded: NDArray[np.int64] | None = None
    ) -> GeneratedSentences:
        """Say a sentence about each photo; `word_bias` (B, V) and `demanded` (B, D) as in `network.beam_search`.

        Raises:
            OutOfDeviceMemory: the photos are too many.
        """
        ...

    def attention(self, sight: Sight, tokens: NDArray[np.int64]) -> Floats32 | None:
        """Return where the network looks for each word of a sentence about each photo.

        Args:
            sight: the photos.
            tokens: (B, T) the sentences, as `speak` gives them.

        Returns:
            (B, T, P) weights of the grid's places row by row, what falls on labels left out; None where the
            model has no attention.
        """
        ...
