"""What is recognised on a picture decides which names its sentence may and must say.

A model with names has a name head: one linear layer on the direction of the standardised global feature. It is surer
than the decoder, which from few captions learns neither to say a name where it belongs nor to keep it to itself
elsewhere. Where a label that its bearer was always shown with is surely not there, a name is not believed: who has
seen few photos of a cat takes a sofa for it, but the label head has seen thousands.

N names, V vocabulary, L labels, B photos, as in `network`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from photocap.captioning.engine import Floats32, GeneratedSentences
from photocap.captioning.names import NameSet
from photocap.captioning.vocabulary import PAD, Vocabulary

LEAST_NEEDED = 0.3  # a label less likely than this is not there
_LEAST_PROBABILITY = 1e-3


class NameRules:
    """Turns name probabilities into what `beam_search` rules out and demands.

    Args:
        names: the names that the model recognises.
        vocabulary: its words; each name is one of them.
        labels: the labels that it knows, of which some names need some.
    """

    def __init__(self, names: NameSet, vocabulary: Vocabulary, labels: Sequence[str] = ()) -> None:
        self._ids = np.array(vocabulary.encode(names.words))
        self._limits = np.array(names.said_from, np.float32)
        self._words = len(vocabulary)
        column = {name: i for i, name in enumerate(labels)}
        most = max(map(len, names.needs), default=0)
        self._needs = np.full((len(names.words), most), len(labels))  # (N, n), padded by a label that is always there
        for row, needed in zip(self._needs, names.needs, strict=False):
            row[: len(needed)] = [column[name] for name in needed]

    def believed(self, probabilities: Floats32, labels: Floats32 | None) -> Floats32:
        """Return name probabilities (B, N), 0 where a label that the name needs is not there, by those (B, L)."""
        if labels is None or not self._needs.size:
            return probabilities
        there = np.pad(labels, ((0, 0), (0, 1)), constant_values=1.0)[:, self._needs].min(axis=2)  # (B, N, n) -> (B, N)
        believed: Floats32 = np.where(there < LEAST_NEEDED, 0.0, probabilities).astype(np.float32)
        return believed

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
