"""What is recognised on a picture decides which names its sentence may and must say.

A model with names has a name head: one linear layer on the direction of the standardised global feature. It is surer
than the decoder, which from few captions learns neither to say a name where it belongs nor to keep it to itself
elsewhere.

N names, V vocabulary, B photos, as in `network`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from photocap.captioning.engine import Floats32, GeneratedSentences
from photocap.captioning.names import NameSet
from photocap.captioning.vocabulary import PAD, Vocabulary

_LEAST_PROBABILITY = 1e-3


class NameRules:
    """Turns name probabilities into what `beam_search` rules out and demands.

    Args:
        names: the names that the model recognises.
        vocabulary: its words; each name is one of them.
    """

    def __init__(self, names: NameSet, vocabulary: Vocabulary) -> None:
        self._ids = np.array(vocabulary.encode(names.words))
        self._limits = np.array(names.said_from, np.float32)
        self._words = len(vocabulary)

    def word_bias(self, probabilities: Floats32) -> Floats32:
        """Return (B, V) what speaks against words: everything against the names of all who are not recognised."""
        bias = np.zeros((len(probabilities), self._words), np.float32)
        bias[:, self._ids] = np.where(probabilities < self._limits, -np.inf, 0.0)
        return bias

    def demanded(self, probabilities: Floats32) -> NDArray[np.int64] | None:
        """Return the word (B, 1) that each sentence must have, the surest name or padding; None without any name."""
        above = np.where(probabilities >= self._limits, probabilities - self._limits, -1.0)
        surest = above.argmax(axis=1)
        found = np.where(above.max(axis=1) >= 0, self._ids[surest], PAD)
        return found[:, None] if (found != PAD).any() else None

    def with_evidence(self, found: GeneratedSentences, probabilities: Floats32) -> GeneratedSentences:
        """Return sentences in which a name is as probable as that its bearer is on the photo.

        The decoder knows next to nothing of that: it was told to say the name.
        """
        known = np.log(np.maximum(probabilities, _LEAST_PROBABILITY))
        log_probs = found.log_probs.copy()
        for number, word in enumerate(self._ids.tolist()):
            rows, places = np.nonzero(found.tokens == word)
            log_probs[rows, places] = known[rows, number]
        lengths = np.maximum((found.tokens != PAD).sum(axis=1), 1)
        change = (log_probs - found.log_probs).sum(axis=1) / lengths
        mean: Floats32 = (found.mean_log_prob + change).astype(np.float32)
        return replace(found, log_probs=log_probs, mean_log_prob=mean)
