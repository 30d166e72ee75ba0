"""How fast a machine captions, as a Markdown table for docs/speed.md: small images, 12 and 24 megapixels.

The photos are made up; each row is one run of what `photocap bench` measures.

python benchmarks/speed.py [--photos 128] [--device auto] [--engine auto]
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from photocap.captioning import resnet_lstm
from photocap.captioning.engine_choice import load_engine, runs_on_cpu
from photocap.captioning.model_files import base_model_dir, read_model_info
from photocap.captioning.registry import CaptionerOptions
from photocap.evaluation.captions import machine_name
from photocap.library.indexing import IndexOptions
from photocap.library.speed import Speed, measure_speed, plain_loop
from photocap.photos.made_up_photos import make_photos

SIZES_MEGAPIXELS = (0.19, 12.0, 24.0)
HEAD = ("megapixels", "index", "plain loop", "times", "decode alone", "network alone", "limit", "reached", "bottleneck")


def measure(photos: int, megapixels: float, device: str, engine: str) -> Speed:
    """Measure photos of one size."""
    asked = CaptionerOptions(engine=engine, device=device)
    load = partial(resnet_lstm.load, base_model_dir())
    with tempfile.TemporaryDirectory() as made, tempfile.TemporaryDirectory() as work:
        return measure_speed(
            list(make_photos(Path(made), photos, megapixels=megapixels)),
            Path(work),
            load(asked),
            partial(load, plain_loop(asked)),
            IndexOptions(),
            shares_processors=runs_on_cpu(engine, device),
        )


def rows(photos: int, device: str, engine: str) -> Iterator[tuple[str, ...]]:
    """Yield the table's rows."""
    for megapixels in SIZES_MEGAPIXELS:
        speed = measure(photos, megapixels, device, engine)
        rates = (speed.index, speed.plain, speed.index / speed.plain, speed.decode, speed.network, speed.limit)
        reached = f"{speed.index / speed.limit:.0%}"
        yield f"{speed.megapixels:.2g}", *(f"{rate:.1f}" for rate in rates), reached, speed.bottleneck


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--photos", type=int, default=128)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--engine", default="auto")
    asked = parser.parse_args()
    name = load_engine(read_model_info(base_model_dir()), asked.engine, device=asked.device).name
    print(f"{machine_name()}; {name}; {asked.photos} photos a row, photos a second\n")
    for row in (HEAD, ("---",) * len(HEAD), *rows(asked.photos, asked.device, asked.engine)):
        print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
