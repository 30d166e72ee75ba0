"""Putting two rankings together by reciprocal ranks (Cormack, Clarke and Buettcher, SIGIR 2009)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_K = 60


@dataclass(frozen=True)
class Fused:
    """A photo's place in both rankings, counted from 1, and its score in (0, 1]."""

    photo_id: int
    score: float
    text_rank: int | None
    image_rank: int | None


def ranks(scores: Sequence[tuple[int, float]]) -> dict[int, int]:
    """Return the rank of each id in a list that is sorted by falling score; equal scores share a rank."""
    found: dict[int, int] = {}
    rank, last = 0, None
    for place, (id_, score) in enumerate(scores, start=1):
        if score != last:
            rank, last = place, score
        found.setdefault(id_, rank)
    return found


def fuse(
    ids: Sequence[int], text_ranks: Mapping[int, int], look_ranks: Mapping[int, int], *, text_weight: float = 1.0
) -> list[Fused]:
    """Return photos by their fused score, best first; where that is equal, in the order given.

    Args:
        ids: the photos.
        text_ranks: their places by words, where they have one.
        look_ranks: their places by look, where they have one.
        text_weight: what a place by words counts beside one by look.
    """
    best = (text_weight * bool(text_ranks) + bool(look_ranks)) / (_K + 1) or 1.0
    fused = []
    for id_ in ids:
        text_rank, image_rank = text_ranks.get(id_), look_ranks.get(id_)
        score = text_weight / (_K + text_rank) if text_rank else 0.0
        score += 1.0 / (_K + image_rank) if image_rank else 0.0
        fused.append(Fused(id_, score / best, text_rank, image_rank))
    return sorted(fused, key=lambda item: -item.score)
