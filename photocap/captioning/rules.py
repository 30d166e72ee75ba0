"""What a picture's labels allow a sentence to say: no word for what is surely not there, a word for what surely is.

L labels, V vocabulary, B photos, as in `network`.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from photocap.captioning.labels import LabelSet, labels_in, most_specific, with_broader, words_of
from photocap.captioning.vocabulary import PAD, UNK, Vocabulary
from photocap.records import Label
from photocap.tokenizer import tokenize

_PHRASE_FROM = 0.2  # a phrase's label this likely keeps its words: "dog" where there may be a "hot dog"


class LabelRules:
    """Turns label probabilities into what `beam_search` forbids and demands.

    Args:
        labels: the model's labels with their thresholds.
        vocabulary: its words.
        demand_from: the probability from which a label must be said; above 1 none ever is.
    """

    def __init__(self, labels: LabelSet, vocabulary: Vocabulary, demand_from: float = 2.0) -> None:
        self.labels, self._vocabulary, self._demand_from = labels, vocabulary, demand_from
        self._limits = np.array(labels.absent_below, np.float32)
        guarded = [name if limit > 0 else None for name, limit in zip(labels.names, labels.absent_below, strict=True)]
        self._says = self._matrix([words_of(n, narrower=True) if n else () for n in guarded], phrases=False)
        self._in_phrase = self._matrix([words_of(n) for n in labels.names], phrases=True)

    def _matrix(self, words: Iterable[Iterable[str]], *, phrases: bool) -> NDArray[np.float32]:
        """Return (L, V) ones for the vocabulary's words that say each label, or that its phrases consist of."""
        rows = np.zeros((len(self.labels.names), len(self._vocabulary)), np.float32)
        for row, each in zip(rows, words, strict=True):
            parts = [tokenize(word) for word in each]
            row[self._vocabulary.encode(w for p in parts if (len(p) > 1) == phrases for w in p)] = 1.0
        rows[:, [PAD, UNK]] = 0.0
        return rows

    def forbidden(self, probabilities: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Return the words (B, V) that sentences must not have, for label probabilities (B, L)."""
        absent = (probabilities < self._limits).astype(np.float32) @ self._says > 0
        kept = (probabilities >= _PHRASE_FROM).astype(np.float32) @ self._in_phrase > 0
        ruled_out: NDArray[np.bool_] = absent & ~kept
        return ruled_out

    def demanded(
        self, probabilities: NDArray[np.float32], sentences: Iterable[Iterable[str]]
    ) -> NDArray[np.int64] | None:
        """Return the words (B, D) of which a new sentence must have one; None where no sentence lacks anything.

        Args:
            probabilities: (B, L) of the labels.
            sentences: the words of the sentences found without any demand.
        """
        rows = [self._lacking(p, list(s)) for p, s in zip(probabilities.tolist(), sentences, strict=True)]
        longest = max(map(len, rows), default=0)
        if not longest:
            return None
        padded = [row + [PAD] * (longest - len(row)) for row in rows]
        return np.array(padded)

    def _lacking(self, probabilities: list[float], sentence: list[str]) -> list[int]:
        """Return the ids of the words that say the surest label that a sentence leaves out."""
        sure = [Label(n, p) for n, p in zip(self.labels.names, probabilities, strict=True) if p >= self._demand_from]
        said = with_broader(labels_in(sentence))
        for label in sorted(most_specific(sure), key=lambda label: -label.probability):
            ids = self._vocabulary.encode(w for w in words_of(label.name) if w in self._vocabulary)
            if ids and label.name not in said:
                return ids
        return []
