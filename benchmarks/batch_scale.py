"""What Ray costs: `index --metadata none` beside `batch`, and each stage; what 100 million pictures would cost.

    python benchmarks/batch_scale.py --photos 5000

Pictures are generated. Prints pictures a second of `index` and of `batch` with one and two captioners, all over the
same pictures in one run; the rate of each stage on one core; and, for a stated cluster, how long 100 million pictures
take in each stage, the slowest of which is the bottleneck.
"""

from __future__ import annotations

import argparse
import functools
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
from PIL import Image

from photocap.captioning.registry import load_captioner, read_facts
from photocap.library.batch.stages import CaptionStage, ReadStage, WriteStage

SIZE_PX = (640, 480)
TARGET_PICTURES = 100_000_000
STAGE_PICTURES = 64

T = TypeVar("T")


def make_photos(folder: Path, count: int) -> None:
    """Write JPEGs of smooth noise, each of them different."""
    folder.mkdir()
    random_ = np.random.default_rng(0)
    for number in range(count):
        small = random_.integers(0, 256, (6, 8, 3), np.uint8)
        Image.fromarray(small).resize(SIZE_PX, Image.Resampling.BICUBIC).save(folder / f"{number:06}.jpg", quality=85)


def seconds_of(*arguments: str) -> float:
    """Run a photocap command; return its wall time."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "photocap", *arguments, "--quiet"], check=True)
    return time.perf_counter() - start


def command_rates(folder: Path, photos: int) -> dict[str, float]:
    """Return pictures a second of whole commands, their start included."""
    source = str(folder / "photos")
    rates = {"index": photos / seconds_of("index", source, "--metadata", "none", "--db", str(folder / "index.db"))}
    for captioners in (1, 2):
        output = str(folder / f"out{captioners}")
        seconds = seconds_of("batch", source, "--output", output, "--captioners", str(captioners))
        rates[f"batch, {captioners} captioner{'s' * (captioners > 1)}"] = photos / seconds
    return rates


def stage_rates(folder: Path) -> dict[str, float]:
    """Return pictures a second of each stage without Ray: reading in one thread, captioning as this machine does it."""
    paths = sorted((folder / "photos").iterdir())[:STAGE_PICTURES]
    block = pa.Table.from_pylist([{"uri": str(p), "size_bytes": 1, "version": "", "shard": "x.parquet"} for p in paths])
    read = ReadStage(read_facts().image_size_px, threads=1, timeout_s=600)
    caption = CaptionStage(functools.partial(load_captioner, device="cpu"))
    caption(read(block.slice(0, 4)))  # the first batch pays for more than itself
    pictures, reading_s = timed(lambda: read(block))
    rows, captioning_s = timed(lambda: caption(pictures))
    _, writing_s = timed(lambda: WriteStage(str(folder / "stage"))(rows))
    seconds = {"read": reading_s, "caption": captioning_s, "write": writing_s}
    return {name: len(paths) / each for name, each in seconds.items()}


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """Return what a function returns, and its processor time in this process, which other programs disturb least."""
    start = time.process_time()
    result = work()
    return result, time.process_time() - start


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=5_000)
    parser.add_argument("--devices", type=int, default=8, help="GPUs of the cluster")
    parser.add_argument("--device-rate", type=float, default=2_000.0, help="pictures a second that one GPU captions")
    parser.add_argument("--cores", type=int, default=256, help="processors of the cluster")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_photos(folder / "photos", arguments.photos)
        stages = stage_rates(folder)
        for what, rate in stages.items():
            print(f"stage {what:16} {rate:8.1f} pictures a second of processor time", flush=True)
        rates = command_rates(folder, arguments.photos)
    for what, rate in rates.items():
        print(f"{what:22} {rate:8.1f} pictures/s   {rate / rates['index']:.2f} x index")
    capacity = {
        "read": stages["read"] * arguments.cores,
        "caption": arguments.device_rate * arguments.devices,
        "write": stages["write"] * arguments.cores,
    }
    for what, rate in capacity.items():
        hours = TARGET_PICTURES / rate / 3600
        print(f"{TARGET_PICTURES:,} pictures, {what:8} {rate:10,.0f} pictures/s {hours:8.1f} hours of the cluster")
    bottleneck = min(capacity, key=lambda what: capacity[what])
    print(f"bottleneck with {arguments.devices} GPUs and {arguments.cores} cores: {bottleneck}")


if __name__ == "__main__":
    main()
