"""BLEU: how many of a caption's n-grams a reference has, over a whole set of captions.

Papineni, Roukos, Ward, Zhu: BLEU, a Method for Automatic Evaluation of Machine Translation (ACL 2002).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from math import exp, log

N = 4
Words = Sequence[str]


def corpus_bleu(candidates: Sequence[Words], references: Sequence[Sequence[Words]]) -> tuple[float, ...]:
    """Return BLEU-1 to BLEU-4 (x 100) with the closest reference length, the shorter one of two as close."""
    matches, totals = [0] * N, [0] * N
    candidate_length = reference_length = 0
    for candidate, sentences in zip(candidates, references, strict=True):
        candidate_length += len(candidate)
        reference_length += min((abs(len(s) - len(candidate)), len(s)) for s in sentences)[1]
        for n in range(N):
            counts = Counter(_ngrams(candidate, n + 1))
            allowed: Counter[tuple[str, ...]] = Counter()
            for sentence in sentences:
                allowed |= Counter(_ngrams(sentence, n + 1))
            matches[n] += (counts & allowed).total()
            totals[n] += counts.total()
    brevity = min(0.0, 1 - reference_length / candidate_length) if candidate_length else 0.0
    return tuple(100 * exp(brevity) * value for value in _geometric_means(matches, totals))


def _geometric_means(matches: Sequence[int], totals: Sequence[int]) -> Iterator[float]:
    """Yield the mean precision of the n-grams up to 1, 2, 3 and 4; zero once a length has no match."""
    logs = 0.0
    for n in range(N):
        if not matches[n]:
            yield from [0.0] * (N - n)
            return
        logs += log(matches[n] / totals[n])
        yield exp(logs / (n + 1))


def _ngrams(words: Words, n: int) -> Iterator[tuple[str, ...]]:
    return zip(*(words[i:] for i in range(n)), strict=False)
