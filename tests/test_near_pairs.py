"""Near pairs by hashing, against comparing each with each."""

from pathlib import Path

import numpy as np

from photocap.index import PhotoIndex, PhotoRecord
from photocap.search import near_pairs as module
from photocap.search.near_pairs import near_pairs
from photocap.search.similar import near_duplicates


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)


def planted(count, pairs):
    """Return vectors around a few themes, and which of them are almost another one."""
    chance = np.random.default_rng(3)
    themes = chance.normal(size=(40, 256))
    vectors = themes[chance.integers(40, size=count)] + chance.normal(size=(count, 256)) + 0.5
    places = chance.choice(count, 2 * pairs, replace=False)
    first, second = places[:pairs], places[pairs:]
    noise = chance.normal(size=(pairs, 256)) * 0.013 * np.linalg.norm(vectors[first], axis=1, keepdims=True)
    vectors[second] = vectors[first] + noise
    return unit(vectors), {tuple(sorted(pair)) for pair in zip(first.tolist(), second.tolist(), strict=True)}


def found(vectors, least=0.97):
    return {tuple(sorted(pair)) for pairs in near_pairs(vectors, least) for pair in pairs.tolist()}


def test_hashing_finds_what_comparing_each_with_each_finds(monkeypatch):
    vectors, pairs = planted(3_000, 200)
    exact = found(vectors)
    assert pairs <= exact
    monkeypatch.setattr(module, "_EXACT_TO", 10)
    hashed = found(vectors)
    assert hashed <= exact
    assert len(hashed) >= 0.98 * len(exact)


def test_a_hundred_copies_are_joined(monkeypatch):
    monkeypatch.setattr(module, "_EXACT_TO", 10)
    vectors = unit(np.repeat(np.random.default_rng(0).normal(size=(1, 256)), 100, axis=0))
    joined = {0}
    for a, b in sorted(found(vectors)):
        joined |= {a, b} if joined & {a, b} else set()
    assert len(joined) == 100


def test_nothing_and_one():
    assert found(np.empty((0, 256), np.float16)) == set()
    assert found(unit(np.ones((1, 256)))) == set()


def test_a_group_has_every_copy_of_its_pictures(tmp_path):
    with PhotoIndex.open(tmp_path / "index.db", create=True) as index:
        like = np.full(256, 1 / 16).astype("<f2").tobytes()
        names = {"a": 4, "b": 2}  # copies of two pictures that look the same
        records = [
            PhotoRecord(path=Path(f"/{h}{n}.jpg"), size_bytes=1, mtime_ns=1, picture_hash=h, embedding=like)
            for h, copies in names.items()
            for n in range(copies)
        ]
        index.record_batch(index.runs.start("test"), records)
        assert list(map(sorted, near_duplicates(index))) == [[record.path for record in records]]
