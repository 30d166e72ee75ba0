"""How long a search takes in a large index: a made-up library, a mix of queries, the 95th percentile.

    python benchmarks/search_scale.py --photos 100000
    python benchmarks/search_scale.py --photos 1000000 --db /tmp/million.db

The captions are drawn from a small grammar whose words are as unevenly common as in real captions (a third
of the photos show a man, a quarter a dog, names are rare); every photo has an embedding, near one of a
thousand centres as real photos are. Times are of `search` in an open process, the start of Python apart.
"""

from __future__ import annotations

import argparse
import random
import resource
import statistics
import tempfile
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from photocap.index import CaptionRecord, CaptionSource, PhotoIndex, PhotoRecord
from photocap.searching import search

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
CENTRES = 1_000
DIMENSIONS = 256
BATCH = 2_000


@dataclass(frozen=True)
class Facts:
    """What a made-up photo says about itself."""

    width_px: int
    height_px: int
    taken: datetime | None
    camera: str | None
    lens: str | None
    latitude: float | None
    longitude: float | None
    rating: int | None


class Encoder:
    """Stands in for the text side of a model: the same words lead to the same place, near a centre."""

    def __init__(self, centres: np.ndarray) -> None:
        self._centres = centres

    def encode(self, text: str) -> np.ndarray:
        """Return a unit vector."""
        seed = zlib.crc32(text.encode())
        noise = np.random.default_rng(seed).normal(size=DIMENSIONS) / DIMENSIONS**0.5
        return unit(self._centres[seed % CENTRES] + noise).astype(np.float32)


def unit(vectors: np.ndarray) -> np.ndarray:
    """Return vectors of length one."""
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def pick(random_: random.Random, weights: dict[str, int]) -> str:
    """Return one of the words, the heavier the likelier."""
    return random_.choices(list(weights), list(weights.values()))[0]


def sentence(random_: random.Random) -> str:
    """Return a caption."""
    words = f"a {pick(random_, COLOURS)} {pick(random_, SUBJECTS)} {pick(random_, ACTIONS)} {pick(random_, PLACES)}"
    if random_.random() < 0.1:
        words += f" with {random_.choice(['a', 'another'])} {pick(random_, SUBJECTS)}"
    return " ".join(words.split())


def name(random_: random.Random) -> str:
    """Return one of some 8,000 names."""
    return "".join(random_.choice(parts) for parts in NAME_PARTS)


def make_records(random_: random.Random, count: int, centres: np.ndarray) -> Iterator[list[PhotoRecord]]:
    """Yield batches of photos."""
    generator = np.random.default_rng(1)
    for start in range(0, count, BATCH):
        size = min(BATCH, count - start)
        noise = generator.normal(size=(size, DIMENSIONS)) * 0.8 / DIMENSIONS**0.5
        vectors = unit(centres[generator.integers(CENTRES, size=size)] + noise).astype("<f2")
        yield [make_record(random_, start + n, vectors[n].tobytes()) for n in range(size)]


def make_record(random_: random.Random, number: int, embedding: bytes) -> PhotoRecord:
    """Return one photo."""
    by_person = random_.random() < 0.03
    text = sentence(random_)
    if by_person:
        caption = CaptionRecord(f"{name(random_).title()} and {name(random_).title()}, {text}", CaptionSource.PERSON)
    else:
        caption = CaptionRecord(text, CaptionSource.MODEL, "base", None, round(random_.random(), 4))
    place = random_.random() < 0.4
    facts = Facts(
        4000,
        3000,
        datetime(2005, 1, 1) + timedelta(minutes=random_.randrange(10_000_000)) if random_.random() < 0.9 else None,
        random_.choices([c for c, _ in CAMERAS], [w for _, w in CAMERAS])[0],
        None,
        random_.uniform(-60, 70) if place else None,
        random_.uniform(-180, 180) if place else None,
        random_.choice([None, None, None, 3, 5]),
    )
    path = Path(f"/photos/{2005 + number % 19}/{number // 500 % 400:03}-{name(random_)}/IMG_{number:07}.jpg")
    return PhotoRecord(
        path, 4_000_000, number, number, 1, f"{number:064x}", facts=facts, caption=caption, embedding=embedding
    )


def make_index(path: Path, count: int, centres: np.ndarray) -> None:
    """Record the photos in batches, as indexing does."""
    random_ = random.Random(1)
    start = time.perf_counter()
    with PhotoIndex.open(path, create=True) as index:
        run = index.start_run("benchmark")
        for records in make_records(random_, count, centres):
            index.record_batch(run, records)
    seconds = time.perf_counter() - start
    size_mb = path.stat().st_size / 1e6
    print(f"recorded {count:,} photos in {seconds:.0f} s ({count / seconds:,.0f} a second), {size_mb:,.0f} MB")


def queries(random_: random.Random) -> dict[str, list[str]]:
    """Return queries by kind; each kind has the same share."""

    def subject() -> str:
        return pick(random_, SUBJECTS)

    def place() -> str:
        return pick(random_, PLACES).split()[-1]

    kinds = {
        "one word": lambda: subject(),
        "two words": lambda: f"{subject()} {place()}",
        "three words": lambda: f"{pick(random_, COLOURS)} {subject()} {place()}",
        "a rare word": lambda: name(random_),
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


def measure(path: Path, encoder: Encoder | None) -> None:
    """Print how long each kind of query takes."""
    everything: list[tuple[float, float]] = []
    with PhotoIndex.open(path, read_only=True) as index:
        search(index, "warm up", text_encoder=encoder)
        for kind, texts in queries(random.Random(2)).items():
            times = []
            for text in texts:
                start, cpu_start = time.perf_counter(), time.process_time()
                search(index, text, text_encoder=encoder)
                times.append((1_000 * (time.perf_counter() - start), 1_000 * (time.process_time() - cpu_start)))
            everything += times
            print(f"  {kind:<16} {line(times)}")
    print(f"  {'all':<16} {line(everything)}")


def line(times: list[tuple[float, float]]) -> str:
    """Return what a list of times by the clock and of the processor comes to."""
    clock, cpu = zip(*times, strict=True)
    return (
        f"median {statistics.median(clock):6.1f} ms   p95 {p95(clock):6.1f} ms   longest {max(clock):6.1f} ms"
        f"   (processor: median {statistics.median(cpu):6.1f} ms   p95 {p95(cpu):6.1f} ms)"
    )


def p95(times: Sequence[float]) -> float:
    """Return the time that 95 of 100 do not exceed."""
    return statistics.quantiles(times, n=20)[18]


def main() -> None:
    """Make an index and search in it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=100_000)
    parser.add_argument("--db", type=Path, help="where to make the index, or to find it from an earlier run")
    arguments = parser.parse_args()
    centres = unit(np.random.default_rng(0).normal(size=(CENTRES, DIMENSIONS)))
    with tempfile.TemporaryDirectory() if arguments.db is None else nullcontext() as folder:
        path = arguments.db or Path(folder, "index.db")
        if not path.exists():
            make_index(path, arguments.photos, centres)
        print("by words alone:")
        measure(path, None)
        print("by words and look:")
        measure(path, Encoder(centres))
    print(f"most memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB")


if __name__ == "__main__":
    main()
