"""Divide captioned images for training: what is learned from, what is checked against."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from photocap.datasets.rows import CaptionRow

DEV_SHARE = 0.1
_LEAST_DEV = 30  # images; of fewer no score says much
_LARGEST_DEV_SHARE = 0.25


def split_by_image(
    rows: Iterable[CaptionRow], *, dev_share: float | None = None, seed: int = 0
) -> dict[str, list[CaptionRow]]:
    """Divide rows into "train", "dev" and "test"; all captions of an image fall on one side.

    A split given in the file is respected; where dev images are named, all images without a split
    are for training. Else these are divided by a hash of their name, so that an image that was once for
    training stays so when rows are added, moved or read again.

    Args:
        rows: the captions.
        dev_share: share of the images that go to dev; None is a tenth, and more of a small set, up to a quarter,
            so that dev has 30 images.
        seed: another one gives another division.
    """
    splits: dict[str, list[CaptionRow]] = {"train": [], "dev": [], "test": []}
    rows = list(rows)
    given = {row.image: row.split for row in rows if row.split}
    places = {row.image: _place(row.image, seed) for row in rows if row.image not in given}
    dev: set[str] = set()
    if "dev" not in given.values() and len(places) > 1:
        dev = _lowest(places, dev_share)
    for row in rows:
        splits[given.get(row.image) or ("dev" if row.image in dev else "train")].append(row)
    return splits


def _lowest(places: Mapping[str, float], share: float | None) -> set[str]:
    """Return the images with the lowest places, at least one."""
    dev = {image for image, place in places.items() if place < (DEV_SHARE if share is None else share)}
    least = min(_LEAST_DEV, int(_LARGEST_DEV_SHARE * len(places))) if share is None else 1
    if len(dev) >= max(least, 1):
        return dev
    return set(sorted(places, key=places.__getitem__)[: max(least, 1)])


def _place(image: str, seed: int) -> float:
    digest = hashlib.sha256(f"{seed}:{image}".encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
