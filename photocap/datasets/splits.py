"""Dividing captioned images for training: what is learned from, what is checked against."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from photocap.datasets.rows import CaptionRow


def split_by_image(
    rows: Iterable[CaptionRow], *, dev_fraction: float = 0.1, seed: int = 0
) -> dict[str, list[CaptionRow]]:
    """Divide rows into "train", "dev" and "test"; all captions of an image fall on one side.

    A split given in the file is respected; where dev images are named, all images without a split
    are for training. Else these are divided by a hash of their name, so that an image stays on its
    side when rows are added, moved or read again.
    """
    splits: dict[str, list[CaptionRow]] = {"train": [], "dev": [], "test": []}
    rows = list(rows)
    given = {row.image: row.split for row in rows if row.split}
    places = {row.image: _place(row.image, seed) for row in rows if row.image not in given}
    dev: set[str] = set()
    if "dev" not in given.values() and len(places) > 1:
        first = min(places, key=places.__getitem__)  # a small set has a dev image too
        dev = {image for image, place in places.items() if place < dev_fraction or image == first}
    for row in rows:
        splits[given.get(row.image) or ("dev" if row.image in dev else "train")].append(row)
    return splits


def _place(image: str, seed: int) -> float:
    digest = hashlib.sha256(f"{seed}:{image}".encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
