"""Photos that look alike, by the embeddings that the index holds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from photocap.errors import QueryError, printable
from photocap.index import Condition, PhotoIndex, PhotoRow
from photocap.search.near_pairs import near_pairs
from photocap.search.results import MatchKind, SearchHit
from photocap.search.vector_search import nearest

NEAR_DUPLICATE_COSINE = 0.97
_PRESENT = Condition("photo.state = 'present'")


def look_of(index: PhotoIndex, photo: PhotoRow) -> NDArray[np.float32] | None:
    """Return the embedding of a photo that the index knows; None where it has none."""
    picture_id = index.photos.picture_id(photo.id)
    vector = index.embeddings.get([picture_id]).get(picture_id) if picture_id else None
    return None if vector is None else np.frombuffer(vector, dtype="<f2").astype(np.float32)


def similar(index: PhotoIndex, photo: PhotoRow, *, limit: int = 20) -> list[SearchHit]:
    """Return the photos that look most like one that the index knows, nearest first, other files of it left out.

    Raises:
        QueryError: the index has no embedding of this photo.
    """
    vector = look_of(index, photo)
    if vector is None:
        folder = printable(photo.path.parent)
        way_out = f"run: photocap index {folder}, with a model that embeds"
        raise QueryError(f"{printable(photo.path)}: the index does not know what this photo looks like ({way_out})")
    return similar_to(index, vector, limit=limit, without=index.photos.picture_id(photo.id))


def similar_to(
    index: PhotoIndex, look: NDArray[np.float32], *, limit: int = 20, without: int | None = None
) -> list[SearchHit]:
    """Return the photos whose embedding is nearest to one, nearest first; one picture may be left out by its number."""
    near = [(id_, cosine) for id_, cosine in nearest(index, look, limit + 1) if id_ != without]
    cosine = dict(near)
    matches = index.query.photos_of([id_ for id_, _ in near], _PRESENT, limit)
    rows = index.photos.by_id([match.photo_id for match in matches])
    return [
        SearchHit(photo=row, kind=MatchKind.SIMILAR, score=round(cosine[match.picture_id], 4), image_rank=place)
        for place, (match, row) in enumerate(zip(matches, rows, strict=True), start=1)
    ]


def near_duplicates(index: PhotoIndex) -> Iterator[list[Path]]:
    """Yield groups of present photos whose pictures look almost the same, or are the same."""
    ids, vectors = _all_vectors(index)
    groups = _Groups(len(ids))
    for pairs in near_pairs(vectors, NEAR_DUPLICATE_COSINE):
        for a, b in pairs.tolist():
            groups.join(a, b)
    listed: set[Path] = set()
    for members in groups.larger_than_one():
        photos = index.query.photos_of([ids[member] for member in members], _PRESENT)
        paths = [row.path for row in index.photos.by_id([match.photo_id for match in photos])]
        if len(paths) > 1:
            listed.update(paths)
            yield paths
    yield from (paths for paths in index.photos.duplicates() if paths[0] not in listed)


def _all_vectors(index: PhotoIndex) -> tuple[list[int], NDArray[np.float16]]:
    pairs = list(index.embeddings.all())
    size = len(pairs[0][1]) if pairs else 0
    pairs = [pair for pair in pairs if len(pair[1]) == size]
    data = np.frombuffer(b"".join(vector for _, vector in pairs), dtype="<f2")
    return [id_ for id_, _ in pairs], data.reshape(len(pairs), -1) if pairs else data.reshape(0, 0)


class _Groups:
    """Numbers that are joined into groups (union-find with path halving)."""

    def __init__(self, count: int) -> None:
        self._parent = list(range(count))

    def _root(self, member: int) -> int:
        while self._parent[member] != member:
            self._parent[member] = self._parent[self._parent[member]]
            member = self._parent[member]
        return member

    def join(self, a: int, b: int) -> None:
        """Make one group of the groups of two numbers; the smaller number names it."""
        first, second = sorted((self._root(a), self._root(b)))
        self._parent[second] = first

    def larger_than_one(self) -> list[list[int]]:
        """Return the groups that have more than one member, in order."""
        groups: dict[int, list[int]] = {}
        for member in range(len(self._parent)):
            groups.setdefault(self._root(member), []).append(member)
        return [members for members in groups.values() if len(members) > 1]
