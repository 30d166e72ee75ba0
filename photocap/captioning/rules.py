"""What a picture's labels have a sentence say: no word for what is surely not there, rather one for what surely is.

L labels, V vocabulary, B photos, as in `network`.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from photocap.captioning.engine import Floats32
from photocap.captioning.labels import LabelSet, labels_in, most_specific, with_broader, words_of
from photocap.captioning.vocabulary import PAD, UNK, Vocabulary
from photocap.records import Label
from photocap.tokenizer import tokenize

# Measured on both dev sets: the sentences' CIDEr-D, and how often they name what is not there.
_AGAINST = 0.5  # what the log-probability of a label counts below _EVEN ...
_FOR = 1.0  # ... and above
_EVEN = 0.5
_LEAST_EVIDENCE = 0.1  # a label less likely than this speaks no louder against its words

_PHRASE_FROM = 0.2  # a phrase's label this likely keeps its words: "dog" where there may be a "hot dog"


class LabelRules:
    """Turns label probabilities into what `beam_search` favours, rules out and demands.

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
        names, self._in_phrase = (self._matrix(map(words_of, labels.names), phrases=p) for p in (False, True))
        self._named, self._first, self._naming = _by_column(names)

    def _matrix(self, words: Iterable[Iterable[str]], *, phrases: bool) -> Floats32:
        """Return (L, V) ones for the vocabulary's words that say each label, or that its phrases consist of."""
        rows = np.zeros((len(self.labels.names), len(self._vocabulary)), np.float32)
        for row, each in zip(rows, words, strict=True):
            parts = [tokenize(word) for word in each]
            row[self._vocabulary.encode(w for p in parts if (len(p) > 1) == phrases for w in p)] = 1.0
        rows[:, [PAD, UNK]] = 0.0
        return rows

    def word_bias(self, probabilities: Floats32) -> Floats32:
        """Return what label probabilities (B, L) say for or against each word (B, V), see `network.beam_search`.

        The decoder saw the labels too, but trusts its habits more: this is evidence that it counts too little.
        """
        absent = (probabilities < self._limits).astype(np.float32) @ self._says > 0
        kept = (probabilities >= _PHRASE_FROM).astype(np.float32) @ self._in_phrase > 0
        bias = np.where(absent & ~kept, -np.inf, 0.0).astype(np.float32)
        likeliest = np.maximum.reduceat(probabilities[:, self._naming], self._first, axis=1)  # of a word's labels
        evidence = np.log(np.maximum(likeliest, _LEAST_EVIDENCE) / _EVEN)
        bias[:, self._named] += np.where(evidence > 0, _FOR, _AGAINST) * evidence
        return bias

    def demanded(self, probabilities: Floats32, sentences: Iterable[Iterable[str]]) -> NDArray[np.int64] | None:
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


def _by_column(matrix: Floats32) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the columns with entries; where each one's rows begin among all rows; these, column by column."""
    rows, columns = np.nonzero(matrix)
    order = np.argsort(columns, kind="stable")  # the transposed matrix would take five times as long
    rows, columns = rows[order], columns[order]
    found, first = np.unique(columns, return_index=True)
    return found, first, rows
