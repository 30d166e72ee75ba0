"""Captions as training data: one caption is one sample, photos stay whole, pictures and words are mirrored together."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from photocap.captioning.config import ModelConfig
from photocap.captioning.network import normalise
from photocap.captioning.vocabulary import END, PAD, START, UNK, Vocabulary
from photocap.datasets import CaptionRow
from photocap.errors import PhotocapError
from photocap.training.dataset import (
    CaptionDataset,
    CaptionedPhoto,
    augment,
    collate_captions,
    group_by_photo,
    mirror_words,
    reserve,
)
from photocap.training.pictures import Pictures
from photocap.training.row_store import open_store

VOCABULARY = Vocabulary(["a", "dog", "left", "right", "runs"])
A, DOG, LEFT, RIGHT, RUNS = range(4, 9)


def paint(path: Path, colour: tuple[int, int, int], size: tuple[int, int] = (64, 48)) -> Path:
    Image.new("RGB", size, colour).save(path)
    return path


def test_every_caption_is_a_sample_of_its_own() -> None:
    tokens, targets, lengths = collate_captions([("a", "dog"), ("a", "cat", "runs")], VOCABULARY, 20)
    assert [row[:n] for row, n in zip(tokens.tolist(), lengths.tolist(), strict=True)] == [
        [START, A, DOG],
        [START, A, UNK, RUNS],
    ]
    assert targets.tolist() == [[A, DOG, END, PAD], [A, UNK, RUNS, END]]
    assert lengths.tolist() == [3, 4]


def test_a_caption_that_was_cut_does_not_claim_to_end() -> None:
    _, targets, _ = collate_captions([("a", "dog", "runs", "left")], VOCABULARY, 3)
    assert targets.tolist() == [[A, DOG, RUNS]]


def photos(count: int) -> list[CaptionedPhoto]:
    return [CaptionedPhoto(Path(f"{i}.jpg"), (("a", "dog"),) * (1 + i % 3)) for i in range(count)]


def test_batches_bring_every_photo_once_with_all_its_captions() -> None:
    data = CaptionDataset(photos(10), VOCABULARY, 20, unusable=[4])
    seen = []
    for batch in data.batches(4, shuffle_seed=1):
        assert batch.counts.tolist() == [1 + i % 3 for i in batch.photos.tolist()]
        assert len(batch.tokens) == int(batch.counts.sum())
        seen += batch.photos.tolist()
    assert sorted(seen) == [0, 1, 2, 3, 5, 6, 7, 8, 9]
    assert seen != sorted(seen)


def test_the_seed_fixes_order_and_mirroring() -> None:
    data = CaptionDataset(photos(30), VOCABULARY, 20)

    def signature(seed: int) -> list[tuple[list[int], list[bool]]]:
        return [(b.photos.tolist(), b.mirrored.tolist()) for b in data.batches(8, shuffle_seed=seed, mirror=True)]

    assert signature(1) == signature(1)
    assert signature(1) != signature(2)


def test_mirrored_photos_have_left_and_right_swapped() -> None:
    assert mirror_words(("a", "dog", "left", "of", "a", "right")) == ("a", "dog", "right", "of", "a", "left")
    data = CaptionDataset([CaptionedPhoto(Path("x"), (("a", "left"),))], VOCABULARY, 20)
    batch = data.collate(torch.tensor([0]), torch.tensor([True]))
    assert batch.targets.tolist() == [[A, RIGHT, END]]


def test_augment_mirrors_the_pixels_of_mirrored_photos() -> None:
    ramp = torch.linspace(-1, 1, 32).expand(2, 3, 32, 32)
    seen = augment(ramp, torch.tensor([False, True]), torch.Generator().manual_seed(0))
    rising = seen[:, :, :, -1] - seen[:, :, :, 0]
    assert bool((rising[0] > 0).all())
    assert bool((rising[1] < 0).all())


def test_augmented_pictures_are_smaller_by_what_the_crops_lack() -> None:
    pixels = torch.zeros(2, 3, 224, 224)
    assert augment(pixels, torch.tensor([False, True]), torch.Generator()).shape == (2, 3, 192, 192)


def test_photos_are_looked_for_in_each_folder_and_missing_ones_reported(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    paint(tmp_path / "one" / "a.png", (1, 2, 3))
    paint(tmp_path / "two" / "b.png", (1, 2, 3))
    rows = [
        CaptionRow("a.png", "A dog.", None, 2),
        CaptionRow("gone.png", "A cat.", None, 3),
        CaptionRow("b.png", "Runs!", None, 4),
        CaptionRow("a.png", "...", None, 5),
        CaptionRow("a.png", "A dog runs.", None, 6),
    ]
    found, problems = group_by_photo(rows, [tmp_path / "one", tmp_path / "two"])
    assert [(p.path.name, p.captions) for p in found] == [
        ("a.png", (("a", "dog"), ("a", "dog", "runs"))),
        ("b.png", (("runs",),)),
    ]
    assert [p.line for p in problems] == [3, 5]


def load(items: list[CaptionedPhoto], folder: Path, side_px: int, told: list[int]) -> Pictures:
    store = open_store([folder], "pictures", 3 * side_px**2, len(items), 1 << 30)
    pictures = Pictures(items, store, side_px, workers=2)
    pictures.load(range(len(items)), told.append)
    store.close()
    return pictures


def test_squares_hold_the_right_photo_and_a_broken_one_costs_only_itself(tmp_path: Path) -> None:
    paths = [paint(tmp_path / f"{i}.png", (i * 20, 0, 0)) for i in range(9)]
    paths[3].write_bytes(b"no picture")
    paths[4].unlink()
    items = [CaptionedPhoto(p, (("a",),)) for p in paths]
    pictures = load(items, tmp_path, 32, [])
    assert list(pictures.errors) == [3, 4]
    others = np.array([8, 0, 1, 2, 5, 6, 7])
    assert [int(s[0, 0, 0]) for s in pictures[others]] == [20 * n for n in others]
    readable, squares = pictures.squares_of(range(9))
    assert sorted(readable) == sorted(others)
    assert [int(s[0, 0, 0]) for s in squares] == [20 * n for n in readable]


def test_decoded_photos_are_used_again_until_one_changes(tmp_path: Path) -> None:
    items = [CaptionedPhoto(paint(tmp_path / f"{i}.png", (10, 0, 0)), (("a",),)) for i in range(3)]
    told: list[int] = []
    load(items[:2], tmp_path, 16, told)
    load(items, tmp_path, 16, told)  # a third one
    assert told == [1, 2, 3]
    paint(tmp_path / "1.png", (200, 0, 0), size=(50, 50))
    pictures = load(items, tmp_path, 16, told)
    assert told == [1, 2, 3, 3]
    assert [int(s[0, 0, 0]) for s in pictures[np.arange(3)]] == [10, 200, 10]


def test_an_interruption_costs_only_the_photo_in_hand(tmp_path: Path) -> None:
    items = [CaptionedPhoto(paint(tmp_path / f"{i}.png", (i, 0, 0)), (("a",),)) for i in range(20)]
    store = open_store([tmp_path], "pictures", 3 * 16**2, 20, 1 << 30)

    def stop(done: int) -> None:
        if done == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Pictures(items, store, 16, workers=2).load(range(20), stop)
    store.close()
    with open(tmp_path / "pictures.rows", "ab") as rows, open(tmp_path / "pictures.keys", "ab") as keys:
        rows.write(b"half a row")  # as a kill leaves it
        keys.write(b"0123")
    told: list[int] = []
    pictures = load(items, tmp_path, 16, told)
    assert told == list(range(8, 21))
    assert [int(s[0, 0, 0]) for s in pictures[np.arange(20)]] == list(range(20))


def test_a_cache_keeps_within_its_size_and_the_oldest_makes_way(tmp_path: Path) -> None:
    def fill(name: str, rows: int) -> Path:
        store = open_store([tmp_path / "cache", tmp_path / "own"], name, 100, rows, 1000)
        for i in range(rows):
            store.add(f"{name}{i}", np.zeros(100, np.uint8))
        store.close()
        return store.file

    first, second = fill("first", 4), fill("second", 5)
    os.utime(f"{first}.rows", (1, 1))
    third = fill("third", 3)
    assert first.parent == second.parent == third.parent == tmp_path / "cache"
    assert {f.name for f in third.parent.glob("*.rows")} == {"second.rows", "third.rows"}
    fill("second", 8)  # it starts anew: with what it had it would be too large
    assert {f.name: f.stat().st_size for f in third.parent.glob("*.rows")} == {"second.rows": 800}
    assert fill("huge", 11).parent == tmp_path / "own"


def test_two_trainings_do_not_write_into_each_others_cache(tmp_path: Path) -> None:
    folders = [tmp_path / "cache", tmp_path / "own"]
    first, second = (open_store(folders, "pictures", 10, 1, 1000) for _ in range(2))
    assert [first.file.parent, second.file.parent] == folders
    with pytest.raises(PhotocapError, match="another training is using"):
        open_store(folders, "pictures", 10, 1, 1000)
    for store in (first, second):
        store.close()


def test_no_room_is_a_clear_message(tmp_path: Path) -> None:
    with pytest.raises(PhotocapError, match=r"no room for .*--output"):
        reserve(tmp_path / "huge", 1 << 60)
    assert not list(tmp_path.iterdir())


def test_normalise_follows_the_configuration() -> None:
    config = ModelConfig(image_mean=(0.0, 0.5, 1.0), image_std=(1.0, 0.5, 0.25))
    white = torch.from_numpy(np.full((1, 2, 2, 3), 255, dtype=np.uint8))
    assert normalise(white, config)[0, :, 0, 0].tolist() == [1.0, 1.0, 0.0]
