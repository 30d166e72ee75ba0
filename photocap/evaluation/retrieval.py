"""Text-to-image retrieval: recall@k with human captions as queries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from photocap.evaluation import EvaluatedPhoto
from photocap.index import CaptionRecord, PhotoIndex, PhotoRecord
from photocap.metrics import Interval
from photocap.metrics.bootstrap import bootstrap
from photocap.tokenizer import tokenize

FIRST = 10  # nobody looks further
Find = Callable[[str, int], Sequence[Path]]
"""Gives the absolute paths of the first so many photos for a query."""


@dataclass(frozen=True, kw_only=True)
class Retrieval:
    """The share of queries (x 100) whose photo is the first hit, among the first five, among the first ten.

    Attributes:
        queries: how many there were.
        at_10_interval: 95 % interval over photos; None for fewer than two.
    """

    at_1: float
    at_5: float
    at_10: float
    at_10_interval: Interval | None
    queries: int


def measure_retrieval(
    photos: Sequence[EvaluatedPhoto], find: Find, progress: Callable[[int, int], None] | None = None
) -> Retrieval:
    """Look for each photo with each of its references.

    Args:
        photos: the photos; the search goes over all of them.
        find: the search.
        progress: called with how many photos of how many are done.
    """
    rows = []
    for done, photo in enumerate(photos, start=1):
        # Without punctuation: to the search language a minus or a quotation mark would be a command.
        places = [_place(photo.path.absolute(), find(" ".join(tokenize(text)), FIRST)) for text in photo.references]
        rows.append([*(sum(place < k for place in places) for k in (1, 5, FIRST)), len(places)])
        if progress:
            progress(done, len(photos))
    at_1, at_5, at_10, queries = (sum(column) for column in zip(*rows, strict=True))
    interval = bootstrap(rows, lambda sums: 100 * sums[2] / sums[3])
    return Retrieval(
        at_1=100 * at_1 / queries,
        at_5=100 * at_5 / queries,
        at_10=100 * at_10 / queries,
        at_10_interval=interval,
        queries=queries,
    )


def _place(path: Path, found: Sequence[Path]) -> int:
    return found.index(path) if path in found else FIRST


def fill_index(index: PhotoIndex, photos: Sequence[EvaluatedPhoto], model_id: str) -> None:
    """Put captions, labels and embeddings into an index, as `photocap index` would; the files are not opened."""
    index.record_batch(
        index.runs.start("evaluate"),
        [
            PhotoRecord(
                path=photo.path.absolute(),
                size_bytes=0,
                mtime_ns=0,
                inode=number,
                picture_hash=f"{number:064x}",
                caption=CaptionRecord(text=photo.caption.text, model_id=model_id, confidence=photo.caption.confidence),
                embedding=photo.caption.embedding,
                labels=photo.caption.labels,
                likely_labels=photo.caption.likely_labels,
            )
            for number, photo in enumerate(photos, start=1)
        ],
    )


def by_look(photos: Sequence[EvaluatedPhoto], encode: Callable[[str], NDArray[np.float32]]) -> Find | None:
    """Return a search by the joint text-image space alone; None where the photos have no place in it."""
    vectors = [photo.caption.embedding for photo in photos]
    if not all(vectors):
        return None
    matrix = np.stack([np.frombuffer(vector or b"", dtype="<f2") for vector in vectors]).astype(np.float32)

    def find(text: str, count: int) -> list[Path]:
        return [photos[i].path.absolute() for i in np.argsort(-(matrix @ encode(text)), kind="stable")[:count]]

    return find
