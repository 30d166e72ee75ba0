"""Names and words that are near a mistyped one."""

from __future__ import annotations

from collections.abc import Iterable


def edit_distance(a: str, b: str) -> int:
    """Return how many letters to insert, drop, change or swap with their neighbour make `a` into `b`.

    The "optimal string alignment" form of the Damerau-Levenshtein distance.
    """
    before: list[int] = []
    above = list(range(len(b) + 1))
    for i, letter in enumerate(a, start=1):
        row = [i]
        for j, other in enumerate(b, start=1):
            cost = min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == b[j - 2] and a[i - 2] == other:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        before, above = above, row
    return above[-1]


def nearest_name(name: str, known: Iterable[str]) -> str | None:
    """Return the one of some names that a mistyped one stands for; None where none is near."""
    allowed = 1 if len(name) < 6 else 2
    found = sorted((edit_distance(name, other), other) for other in known) if len(name) > 2 else []
    return found[0][1] if found and found[0][0] <= allowed else None
