"""BLEU: how many of a caption's n-grams a reference has, over a whole set of captions.

Papineni, Roukos, Ward, Zhu: BLEU, a Method for Automatic Evaluation of Machine Translation (ACL 2002).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from math import exp, log

from photocap.tokenizer import Words

N = 4


def bleu_counts(candidate: Words, references: Sequence[Words]) -> tuple[int, ...]:
    """Count one caption's part in BLEU: matches of 1 to 4 words, n-grams of 1 to 4 words, both lengths.

    The reference length is the closest one, the shorter of two as close.
    """
    matches, totals = [], []
    for n in range(1, N + 1):
        counts = Counter(_ngrams(candidate, n))
        allowed: Counter[tuple[str, ...]] = Counter()
        for reference in references:
            allowed |= Counter(_ngrams(reference, n))
        matches.append((counts & allowed).total())
        totals.append(counts.total())
    closest = min((abs(len(r) - len(candidate)), len(r)) for r in references)[1]
    return *matches, *totals, len(candidate), closest


def bleu_of_counts(counts: Sequence[float]) -> tuple[float, ...]:
    """Return BLEU-1 to BLEU-4 (x 100) from the counts of all captions, added up."""
    matches, totals, (candidate_length, reference_length) = counts[:N], counts[N : 2 * N], counts[2 * N :]
    brevity = min(0.0, 1 - reference_length / candidate_length) if candidate_length else 0.0
    return tuple(100 * exp(brevity) * mean for mean in _geometric_means(matches, totals))


def _geometric_means(matches: Sequence[float], totals: Sequence[float]) -> Iterator[float]:
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
