"""Combine two rankings by reciprocal ranks (Cormack, Clarke and Buettcher, SIGIR 2009)."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

_K = 60
_RARE = 1_000  # photos with a word; what is much commoner than this tells little


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


def fuse(ids: Sequence[int], text_ranks: Mapping[int, int], look_ranks: Mapping[int, int]) -> list[Fused]:
    """Return photos by their fused score, best first; where that is equal, in the order given.

    Args:
        ids: the photos.
        text_ranks: their places by words, where they have one.
        look_ranks: their places by look, where they have one.
    """
    best = (bool(text_ranks) + bool(look_ranks)) / (_K + 1) or 1.0
    fused = []
    for id_ in ids:
        text_rank, image_rank = text_ranks.get(id_), look_ranks.get(id_)
        score = 1.0 / (_K + text_rank) if text_rank else 0.0
        score += 1.0 / (_K + image_rank) if image_rank else 0.0
        fused.append(Fused(id_, score / best, text_rank, image_rank))
    return sorted(fused, key=lambda item: -item.score)


def share_of_words(
    ids: Sequence[int], having: Mapping[str, Collection[int]], counts: Mapping[str, int]
) -> dict[int, float]:
    """Return for each photo the share in [0, 1] that it has of some words, the rarer ones counting more.

    Args:
        ids: the photos.
        having: for each word the photos that have it.
        counts: for each word how many photos of the library have it; words that none has do not count.
    """
    weights = {word: math.log(1 + _RARE / count) for word, count in counts.items() if count}
    total = sum(weights.values()) or 1.0
    return {id_: sum(weight for word, weight in weights.items() if id_ in having[word]) / total for id_ in ids}
