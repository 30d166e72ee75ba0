"""The photographs and captions of the base model, as the steps of the recipe share them.

SHARED holds `flickr8k/`, `extra-captions/` and `everyday/`, each with `captions.csv` and `images/`, further
`everyday/labels.csv`, `extra-captions/sentences.txt` and `weights/resnet50-imagenet.safetensors`. WORK takes what the
steps compute.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from photocap.captioning.checkpoint import Checkpoint, load_checkpoint
from photocap.captioning.network import CaptionModel, normalise
from photocap.captioning.preprocess import to_square
from photocap.datasets.label_tables import COCO_LABELS, read_known_labels
from photocap.photos import load_image
from photocap.tokenizer import tokenize
from photocap.training.dataset import CaptionedPhoto

BASE = Path(__file__).parent.parent / "photocap-base"
Words = tuple[str, ...]

_MINED_FROM = 1.5  # how well a mined sentence must fit, see `mine_captions`
_MOST_CAPTIONS = 7


@dataclass(frozen=True)
class Photo:
    """A photograph and what is said of it.

    Attributes:
        path: the file.
        source: "flickr8k", "extra" or "everyday".
        by_people: captions by people.
        written: captions written for this project; the first says what the picture shows, the others name details.
    """

    path: Path
    source: str
    by_people: tuple[Words, ...]
    written: tuple[Words, ...]


class Data:
    """Everything that the steps read.

    Args:
        shared, work: the two folders.
    """

    def __init__(self, shared: Path, work: Path) -> None:
        self.shared, self.work = shared, work
        work.mkdir(parents=True, exist_ok=True)
        self.train: list[Photo] = []
        self.dev: list[Photo] = []
        for name, source in (("flickr8k", "flickr8k"), ("extra-captions", "extra"), ("everyday", "everyday")):
            for split, photo in _read(shared / name, source):
                {"train": self.train, "dev": self.dev}.get(split, []).append(photo)
        self.known_labels = read_known_labels(shared / "everyday/labels.csv")
        self.nouns = _nouns(shared / "everyday/labels.csv")

    @property
    def sentences(self) -> Path:
        """Return the file of sentences without pictures."""
        return self.shared / "extra-captions/sentences.txt"

    @cached_property
    def mined(self) -> Mapping[str, list[tuple[float, str]]]:
        """Return by file name the sentences that `mine_captions` found, the best first."""
        found: dict[str, list[tuple[float, str]]] = json.loads((self.work / "mined.json").read_text(encoding="utf-8"))
        return found

    def captions(self, photo: Photo, *, details: bool = False, mined: int = 2) -> tuple[Words, ...]:
        """Return what is said of a photo.

        Args:
            photo: the photo.
            details: take all captions written for this project, not only the first.
            mined: how many mined sentences to take at most.
        """
        said = [*photo.by_people, *(photo.written if details else photo.written[:1])]
        if mined:
            fitting = self.mined.get(photo.path.name, [])[:mined]
            said += [tuple(text.split()) for score, text in fitting if score >= _MINED_FROM]
        return tuple(dict.fromkeys(said))[:_MOST_CAPTIONS]

    def captioned(self, photos: Sequence[Photo], *, details: bool = False, mined: int = 2) -> list[CaptionedPhoto]:
        """Return photos with their captions as `photocap.training` takes them."""
        return [CaptionedPhoto(photo.path, self.captions(photo, details=details, mined=mined)) for photo in photos]

    def squares(self, photos: Sequence[Photo], name: str, side_px: int) -> NDArray[np.uint8]:
        """Return photos as (n, S, S, 3) uint8, decoded once into a file of that name and size."""
        path = self.work / f"{name}-{side_px}.npy"
        if not path.exists():
            decoding = path.with_suffix(".decoding.npy")
            shape = (len(photos), side_px, side_px, 3)
            pixels = np.lib.format.open_memmap(decoding, mode="w+", dtype=np.uint8, shape=shape)
            for row, photo in enumerate(photos):
                pixels[row] = to_square(load_image(photo.path, side_px), side_px)
            pixels.flush()
            decoding.rename(path)
        decoded: NDArray[np.uint8] = np.load(path, mmap_mode="r")
        return decoded


def open_data() -> Data:
    """Read the two folders that every step is given."""
    parser = argparse.ArgumentParser()
    parser.add_argument("shared", type=Path)
    parser.add_argument("work", type=Path)
    folders = parser.parse_args()
    return Data(folders.shared, folders.work)


def start_model(words: float = 0.5, features: float = 0.3, slots: float = 0.1) -> tuple[Checkpoint, CaptionModel]:
    """Return the base model that is there, as a checkpoint and as a network with dropout to train further.

    Prototypes belong to features that change now; `fit_prototypes` fits them again.
    """
    start = load_checkpoint(BASE)
    model = CaptionModel(replace(start.info.config, prototype_count=0), len(start.vocabulary), words, features, slots)
    model.load_state_dict({n: v for n, v in start.model.state_dict().items() if ".prototypes." not in n})
    return start, model


def pixels_of(squares: NDArray[np.uint8], rows: Sequence[int], model: CaptionModel) -> Tensor:
    """Return normalised pixels (B, 3, S, S) of some photos."""
    return normalise(torch.from_numpy(squares[np.asarray(rows)]), model.config)


def coco_first(labels: Sequence[str]) -> tuple[str, ...]:
    """Return labels with COCO's categories, for which the label head has prototypes, before the others."""
    return tuple(sorted(labels, key=lambda name: name not in COCO_LABELS))


def _read(folder: Path, source: str) -> Iterator[tuple[str, Photo]]:
    """Yield the photos of a folder with their split."""
    rows: dict[str, list[dict[str, str]]] = {}
    with open(folder / "captions.csv", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            rows.setdefault(row["image"], []).append(row)
    for image, said in rows.items():
        by_people = [tuple(tokenize(row["caption"])) for row in said if row.get("author", "person") == "person"]
        written = [tuple(tokenize(row["caption"])) for row in said if row.get("author") == "written"]
        captions = (tuple(filter(None, each)) for each in (by_people, written))
        yield said[0].get("split", "train"), Photo(folder / "images" / image, source, *captions)


def _nouns(table: Path) -> Mapping[str, list[Words]]:
    with open(table, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {row["image"]: [tuple(tokenize(noun)) for noun in row["nouns"].split(";") if noun] for row in rows}
