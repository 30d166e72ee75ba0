"""A made-up library of any size in an index, queries for it, and what their times come to.

The captions are drawn from a small grammar whose words are as unevenly common as in real captions (a third
of the photos show a man, a quarter a dog, names are rare); every photo has an embedding, near one of a
thousand centres as real photos are, and nearly every one a folder of its own, which is the most there can be.
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import statistics
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from photocap.captioning.labels import label_table
from photocap.captioning.model_files import base_model_dir, read_model_info
from photocap.index import PhotoIndex
from photocap.index.embeddings import BLOCK_PICTURES
from photocap.index.search_text import refresh

SUBJECTS = {
    "man": 30, "dog": 24, "woman": 16, "boy": 12, "girl": 12, "people": 8, "child": 8, "player": 5, "baby": 3,
    "couple": 3, "horse": 2, "cat": 2, "bird": 1, "cow": 1, "skier": 1, "surfer": 1, "biker": 1,
}  # fmt: skip
COLOURS = {"": 40, "black": 10, "white": 10, "brown": 8, "red": 8, "blue": 8, "young": 8, "little": 6, "yellow": 3}
ACTIONS = {
    "is standing": 12, "is sitting": 10, "is running": 10, "is walking": 8, "is playing": 8, "is jumping": 8,
    "holds a ball": 4, "is smiling": 4, "rides a bike": 4, "is swimming": 3, "climbs a rock": 3, "is sleeping": 1,
    "rides a skateboard": 2, "looks at the camera": 3, "is eating ice cream": 1, "wears a hat": 3,
}  # fmt: skip
PLACES = {
    "in the grass": 12, "on the beach": 8, "in the water": 10, "in the snow": 6, "on a street": 10, "in a park": 6,
    "in front of a building": 6, "on a mountain": 3, "in a field": 6, "near a lake": 2, "in a kitchen": 1,
    "at night": 1, "in the forest": 2, "at the market": 1, "on a sofa": 1, "under a bridge": 1, "in a boat": 1,
}  # fmt: skip
CAMERAS = [("PENTAX K-5", 3), ("Canon EOS 80D", 30), ("Apple iPhone 8", 60), ("FUJIFILM X-T2", 7), (None, 20)]
NAME_PARTS = (
    ["an", "be", "cl", "do", "em"], ["na", "ri", "lo", "mu"], list("bdfgklmnst"), list("aeiou"),
    ["", "n", "s", "ra", "li", "x", "m", "t"],
)  # fmt: skip
LABELS = [
    f"{first}{second}"
    for first in ("tele", "micro", "auto", "photo")
    for second in NAME_PARTS[0] + NAME_PARTS[1] + NAME_PARTS[2]
]
RARE_LABELS = sorted(label_table().keys() - SUBJECTS.keys())
LIKELY = 8  # such labels of a picture
CENTRES = 1_000
DIMENSIONS = 256


class Encoder:
    """Stands in for the text side of a model: the same words lead to the same place, near a centre."""

    similarity_floor = 0.0
    description_floor = 0.0

    def __init__(self, centres: np.ndarray) -> None:
        self._centres = centres
        parts = {*SUBJECTS, *COLOURS, *ACTIONS, *PLACES}
        self.words = {word for part in [*parts, *RARE_LABELS] for word in part.split()}

    def similarity(self, cosine: float) -> float:
        """Return the cosine itself, where it is positive."""
        return max(0.0, cosine)

    def encode(self, text: str) -> np.ndarray:
        """Return a unit vector."""
        seed = zlib.crc32(text.encode())
        noise = np.random.default_rng(seed).normal(size=DIMENSIONS) / DIMENSIONS**0.5
        return unit(self._centres[seed % CENTRES] + noise).astype(np.float32)


def unit(vectors: np.ndarray) -> np.ndarray:
    """Return vectors of length one."""
    scaled: np.ndarray = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return scaled


def pick(random_: random.Random, weights: dict[str, int]) -> str:
    """Return one of the words, the heavier the likelier."""
    return random_.choices(list(weights), list(weights.values()))[0]


def sentence(random_: random.Random, *, named: bool = False) -> str:
    """Return a caption; `named` as a person would write it."""
    words = f"a {pick(random_, COLOURS)} {pick(random_, SUBJECTS)} {pick(random_, ACTIONS)} {pick(random_, PLACES)}"
    if random_.random() < 0.1:
        words += f" with {random_.choice(['a', 'another'])} {pick(random_, SUBJECTS)}"
    names = f"{name(random_).title()} and {name(random_).title()}, " if named else ""
    return names + " ".join(words.split())


def name(random_: random.Random) -> str:
    """Return one of some 8,000 names."""
    return "".join(random_.choice(parts) for parts in NAME_PARTS)


def make_index(path: Path, count: int, centres: np.ndarray) -> None:
    """Fill an index; by bulk statements, since recording photo by photo would take most of the time."""
    start = time.perf_counter()
    with PhotoIndex.open(path, create=True) as index:
        index.embeddings.set_space(read_model_info(base_model_dir()).space_id or "")  # which `photocap search` reads
    connection = sqlite3.connect(path)
    # Only while it is made: it is read as any other index.
    connection.executescript("PRAGMA synchronous = OFF; PRAGMA cache_size = -1000000")
    connection.executemany(
        "INSERT INTO camera VALUES (?, ?)", [(n, name) for n, (name, _) in enumerate(CAMERAS) if name]
    )
    connection.executemany("INSERT INTO label_name VALUES (?, ?)", enumerate(RARE_LABELS))
    random_, generator = random.Random(1), np.random.default_rng(1)
    for first in range(0, count, BLOCK_PICTURES):
        numbers = range(max(first, 1), min(first + BLOCK_PICTURES, count + 1))
        fill(connection, random_, numbers)
        vectors = make_vectors(generator, centres)
        block = vectors.astype("<f2")
        connection.executemany(
            "INSERT INTO embedding VALUES (?, ?)", [(n, block[n - first].tobytes()) for n in numbers]
        )
        signs = np.packbits(vectors >= 0, axis=1)
        signs[: numbers[0] - first] = 0
        signs[numbers[-1] + 1 - first :] = 0
        connection.execute("INSERT INTO sign_block VALUES (?, ?)", (first // BLOCK_PICTURES, signs.tobytes()))
        connection.commit()
    connection.close()
    print(f"{count:,} photos in {path.stat().st_size / 1e6:,.0f} MB, made in {time.perf_counter() - start:.0f} s")


def fill(connection: sqlite3.Connection, random_: random.Random, numbers: Sequence[int]) -> None:
    """Write made-up photos with these numbers into the tables."""
    captions, pictures, photos, labels, likely = [], [], [], [], []
    for n in numbers:
        person = sentence(random_, named=True) if random_.random() < 0.03 else None
        model = None if person else sentence(random_)
        confidence = None if person else random_.random()
        source = "person" if person else "model"
        captions.append((n, n, person or model, source, None if person else "base", confidence, "2026-01-01T00:00:00Z"))
        pictures.append((n, f"{n:064x}", person, model, n, confidence))
        photos.append((n, make_path(random_, n), n, 4_000_000, n, n, 1, *facts(random_)))
        labels += [(n, label, 0.9) for label in {random_.choice(LABELS), random_.choice(LABELS)}]
        likely += [(label, random_.randrange(40, 99), n) for label in random_.sample(range(len(RARE_LABELS)), LIKELY)]
    connection.executemany(
        "INSERT INTO caption (id, picture_id, text, source, model_id, confidence, created)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        captions,
    )
    connection.executemany("INSERT INTO picture VALUES (?, ?, ?, ?, ?, ?)", pictures)
    connection.executemany(
        "INSERT INTO photo (id, path, picture_id, size_bytes, mtime_ns, inode, device, taken, camera_id, latitude,"
        " longitude, rating) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        photos,
    )
    connection.executemany("INSERT INTO picture_label VALUES (?, ?, ?)", labels)
    connection.executemany("INSERT INTO likely_label VALUES (?, ?, ?)", likely)
    refresh(connection, numbers)


def make_path(random_: random.Random, number: int) -> str:
    """Return a path; nearly every one is in a folder of its own."""
    return f"/photos/{2005 + number % 19}/{number // 500 % 400:03}-{name(random_)}/IMG_{number:07}.jpg"


def facts(random_: random.Random) -> tuple[str | None, int | None, float | None, float | None, int | None]:
    """Return when, with which camera and where a photo was taken, and its stars."""
    taken = datetime(2005, 1, 1) + timedelta(minutes=random_.randrange(10_000_000))
    camera = random_.choices(range(len(CAMERAS)), [weight for _, weight in CAMERAS])[0]
    place = (random_.uniform(-60, 70), random_.uniform(-180, 180)) if random_.random() < 0.4 else (None, None)
    return (
        taken.isoformat(timespec="seconds") if random_.random() < 0.9 else None,
        camera if CAMERAS[camera][0] else None,
        *place,
        random_.choice([None, None, None, 3, 5]),
    )


def make_vectors(generator: np.random.Generator, centres: np.ndarray) -> np.ndarray:
    """Return a block of embeddings, each near a centre."""
    noise = generator.normal(size=(BLOCK_PICTURES, DIMENSIONS)) * 0.8 / DIMENSIONS**0.5
    return unit(centres[generator.integers(CENTRES, size=BLOCK_PICTURES)] + noise)


def queries(random_: random.Random) -> dict[str, list[str]]:
    """Return queries by kind; each kind has the same share."""

    def subject() -> str:
        return pick(random_, SUBJECTS)

    def place() -> str:
        return pick(random_, PLACES).split()[-1]

    kinds: dict[str, Callable[[], str]] = {
        "one word": subject,
        "two words": lambda: f"{subject()} {place()}",
        "three words": lambda: f"{pick(random_, COLOURS)} {subject()} {place()}",
        "a rare word": lambda: name(random_),
        "a likely label": lambda: random_.choice(RARE_LABELS),
        "a sentence": lambda: sentence(random_),
        "a phrase": lambda: f'"{pick(random_, ACTIONS).split()[-1]} {pick(random_, PLACES)}"',
        "without": lambda: f"{subject()} -{place()}",
        "or": lambda: f"({subject()} OR {subject()}) {place()}",
        "a prefix": lambda: f"{subject()[:3]}* {place()}",
        "word and date": lambda: f"{subject()} date:{random_.randrange(2005, 2024)}-{random_.randrange(1, 13):02}",
        "word and camera": lambda: f"{place()} camera:pentax",
        "date alone": lambda: f"date:{random_.randrange(2005, 2024)}-{random_.randrange(1, 13):02}",
        "a slip": lambda: f"{subject()}{random_.choice('zqx')}{place()}",
    }
    return {kind: [make() for _ in range(60)] for kind, make in kinds.items()}


def line(times: list[tuple[float, float]]) -> str:
    """Return what a list of times by the clock and of the processor comes to."""
    clock, cpu = zip(*times, strict=True)
    return (
        f"median {statistics.median(clock):6.1f} ms   p95 {p95(clock):6.1f} ms   longest {max(clock):6.1f} ms"
        f"   (processor: median {statistics.median(cpu):6.1f} ms   p95 {p95(cpu):6.1f} ms   longest {max(cpu):6.1f} ms)"
    )


def p95(times: Sequence[float]) -> float:
    """Return the time that 95 of 100 do not exceed."""
    return statistics.quantiles(times, n=20)[18]


@contextmanager
def index_of_arguments(description: str | None) -> Iterator[tuple[Path, int, Encoder]]:
    """Read the command line; yield the index that it names or asks for, its number of photos, and an encoder."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=100_000)
    parser.add_argument("--db", type=Path, help="where to make the index, or to find it from an earlier run")
    arguments = parser.parse_args()
    centres = unit(np.random.default_rng(0).normal(size=(CENTRES, DIMENSIONS)))
    with tempfile.TemporaryDirectory() as folder:
        path = arguments.db or Path(folder, "index.db")
        if not path.exists():
            make_index(path, arguments.photos, centres)
        yield path, arguments.photos, Encoder(centres)
