"""Pairs of vectors that are almost the same, without comparing each with each.

Locality-sensitive hashing by random signs (Charikar, STOC 2002): vectors at a small angle share most of the signs of
their centred dimensions, so that in one of many draws of a few dimensions they share all. Up to some thousand vectors
each is compared with each.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

_EXACT_TO = 4_096  # vectors
_ROWS_AT_ONCE = 1_024
_DRAWS = 40
_BITS = 20  # of two vectors with a cosine of 0.97, 999 pairs in 1,000 agree in all bits of some draw
_MOST_FLIPPED = 72  # signs that differ, of 256: more than any near pair has
_FARTHEST = 64  # places behind each vector in its bucket that are looked at

Pairs = NDArray[np.int64]


def near_pairs(vectors: NDArray[np.float16], least: float) -> Iterator[Pairs]:
    """Yield pairs (n, 2) of rows whose product is at least `least`; a pair may come several times.

    Args:
        vectors: rows of unit length.
        least: the cosine.
    """
    if len(vectors) <= _EXACT_TO:
        yield from _exactly(vectors, least)
        return
    centred = vectors - vectors.mean(axis=0, dtype=np.float32)
    signs = centred > 0
    packed = np.packbits(signs, axis=1)
    chance = np.random.default_rng(0)
    for _ in range(_DRAWS):
        bits = chance.choice(signs.shape[1], min(_BITS, signs.shape[1]), replace=False)
        keys = signs[:, bits] @ (1 << np.arange(len(bits), dtype=np.int64))
        for pairs in _of_equal_keys(keys):
            flipped = np.bitwise_count(packed[pairs[:, 0]] ^ packed[pairs[:, 1]]).sum(axis=1, dtype=np.int64)
            yield _near_enough(vectors, pairs[flipped <= _MOST_FLIPPED * signs.shape[1] // 256], least)


def _exactly(vectors: NDArray[np.float16], least: float) -> Iterator[Pairs]:
    for start in range(0, len(vectors), _ROWS_AT_ONCE):
        rows = vectors[start : start + _ROWS_AT_ONCE].astype(np.float32)
        found = np.argwhere(rows @ vectors[start:].astype(np.float32).T >= least) + start
        yield found[found[:, 0] < found[:, 1]]


def _of_equal_keys(keys: NDArray[np.int64]) -> Iterator[Pairs]:
    """Yield pairs of rows with the same key: each row with the next few of its bucket."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    for step in range(1, _FARTHEST + 1):
        same = np.flatnonzero(ordered[step:] == ordered[:-step])
        if not same.size:
            return
        yield np.stack([order[same], order[same + step]], axis=1)


def _near_enough(vectors: NDArray[np.float16], pairs: Pairs, least: float) -> Pairs:
    """Return those pairs whose product is large enough."""
    near = [pairs[:0]]
    for start in range(0, len(pairs), _ROWS_AT_ONCE):
        some = pairs[start : start + _ROWS_AT_ONCE]
        products = np.einsum("ij,ij->i", vectors[some[:, 0]].astype(np.float32), vectors[some[:, 1]].astype(np.float32))
        near.append(some[products >= least])
    return np.concatenate(near)
