"""What a picture's labels have a sentence say: no word for what is surely not there, rather one for what surely is.

L labels, V vocabulary, B photos, as in `network`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from photocap.captioning.engine import Floats32
from photocap.captioning.labels import LabelSet, labels_in, most_specific, with_broader, words_of
from photocap.captioning.vocabulary import PAD, UNK, Vocabulary
from photocap.records import Label

T = TypeVar("T", bound=np.generic)

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
        limits = zip(labels.names, labels.absent_below, strict=True)
        guarded = [words_of(name, narrower=True) if limit > 0 else frozenset() for name, limit in limits]
        said = [words_of(name) for name in labels.names]
        self._guarded = _LabelsOfWords(guarded, vocabulary, phrases=False)
        self._saying = _LabelsOfWords(said, vocabulary, phrases=False)
        self._in_phrases = _LabelsOfWords(said, vocabulary, phrases=True)

    def word_bias(self, probabilities: Floats32) -> Floats32:
        """Return what label probabilities (B, L) say for or against each word (B, V), see `network.beam_search`.

        The decoder saw the labels too, but trusts its habits more: this is evidence that it counts too little.
        """
        shape = (len(probabilities), len(self._vocabulary))
        absent, kept = np.zeros(shape, np.bool_), np.zeros(shape, np.bool_)
        absent[:, self._guarded.words] = self._guarded.most(probabilities < self._limits)
        kept[:, self._in_phrases.words] = self._in_phrases.most(probabilities >= _PHRASE_FROM)
        bias = np.where(absent & ~kept, -np.inf, 0.0).astype(np.float32)
        evidence = np.log(np.maximum(self._saying.most(probabilities), _LEAST_EVIDENCE) / _EVEN)
        bias[:, self._saying.words] += np.where(evidence > 0, _FOR, _AGAINST) * evidence
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


class _LabelsOfWords:
    """Which labels each word of the vocabulary says, or each word that is part of a phrase.

    Args:
        words: for each label the words and phrases that say it.
        vocabulary: the words that count.
        phrases: take the words of phrases, not those that stand alone.

    Attributes:
        words: (W,) the words that say any label.
    """

    def __init__(self, words: Sequence[Iterable[str]], vocabulary: Vocabulary, *, phrases: bool) -> None:
        pairs = set()
        for label, each in enumerate(words):
            parts = (tokens for word in each if (len(tokens := word.split()) > 1) == phrases)
            pairs |= {(word, label) for tokens in parts for word in vocabulary.encode(tokens) if word not in (PAD, UNK)}
        ordered = np.array(sorted(pairs), np.int64).reshape(-1, 2)
        self.words, self._first = np.unique(ordered[:, 0], return_index=True)
        self._labels = ordered[:, 1]

    def most(self, values: NDArray[T]) -> NDArray[T]:
        """Return the greatest value (B, W) of the labels of each word, given one for each label (B, L)."""
        if not len(self.words):
            return values[:, :0]
        greatest: NDArray[T] = np.maximum.reduceat(values[:, self._labels], self._first, axis=1)
        return greatest
