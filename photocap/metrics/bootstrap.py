"""How far a score would move if other photos of the same kind had been scored.

Efron, Tibshirani: An Introduction to the Bootstrap (1993), percentile intervals.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_RESAMPLES = 1000


@dataclass(frozen=True)
class Interval:
    """The range that holds 95 in 100 of the resampled scores."""

    low: float
    high: float


def bootstrap(rows: Sequence[Sequence[float]], score: Callable[[Sequence[float]], float]) -> Interval | None:
    """Return the 95 % interval of a score over photos drawn again with replacement.

    Args:
        rows: for each photo the numbers that are added up over photos.
        score: makes the score from the sums of each column.

    Returns:
        The interval; None for fewer than two photos.
    """
    if len(rows) < 2:
        return None
    chance = random.Random(0)  # so that the same photos give the same interval
    columns = list(zip(*rows, strict=True))
    scores = []
    for _ in range(_RESAMPLES):
        drawn = chance.choices(range(len(rows)), k=len(rows))
        scores.append(score([sum(map(column.__getitem__, drawn)) for column in columns]))
    scores.sort()
    return Interval(scores[round(0.025 * _RESAMPLES)], scores[round(0.975 * _RESAMPLES) - 1])


def bootstrap_mean(values: Sequence[float]) -> Interval | None:
    """Return the 95 % interval of a mean over photos."""
    return bootstrap([(value,) for value in values], lambda sums: sums[0] / len(values))
