"""Captions as training data: one caption is one sample, photos stay whole, pictures and words are mirrored together."""

from __future__ import annotations

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
    load_squares,
    mirror_words,
    reserve,
)

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


def test_squares_hold_the_right_photo_and_a_broken_one_costs_only_itself(tmp_path: Path) -> None:
    paths = [paint(tmp_path / f"{i}.png", (i * 20, 0, 0)) for i in range(9)]
    paths[3].write_bytes(b"no picture")
    items = [CaptionedPhoto(p, (("a",),)) for p in paths]
    squares, errors = load_squares(items, tmp_path / "squares", 32, workers=2, progress=lambda _: None)
    assert list(errors) == [3]
    assert [int(s[0, 0, 0]) for s in squares] == [0, 20, 40, 0, 80, 100, 120, 140, 160]


def test_finished_squares_are_used_again_until_a_photo_changes(tmp_path: Path) -> None:
    items = [CaptionedPhoto(paint(tmp_path / "a.png", (10, 0, 0)), (("a",),))]
    told: list[int] = []
    for _ in range(2):
        load_squares(items, tmp_path / "squares", 16, workers=1, progress=told.append)
    assert told == [1]
    paint(tmp_path / "a.png", (200, 0, 0), size=(50, 50))
    squares, _ = load_squares(items, tmp_path / "squares", 16, workers=1, progress=told.append)
    assert told == [1, 1]
    assert int(squares[0, 0, 0, 0]) == 200


def test_no_room_is_a_clear_message(tmp_path: Path) -> None:
    with pytest.raises(PhotocapError, match=r"no room for .*--output"):
        reserve(tmp_path / "huge", 1 << 60)
    assert not list(tmp_path.iterdir())


def test_normalise_follows_the_configuration() -> None:
    config = ModelConfig(image_mean=(0.0, 0.5, 1.0), image_std=(1.0, 0.5, 0.25))
    white = torch.from_numpy(np.full((1, 2, 2, 3), 255, dtype=np.uint8))
    assert normalise(white, config)[0, :, 0, 0].tolist() == [1.0, 1.0, 0.0]
