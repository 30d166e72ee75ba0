"""What Ray costs: `index --metadata none` and `batch` with one and two captioners, over the same pictures in one run.

    python benchmarks/batch_scale.py --photos 1000

Pictures are generated. Prints pictures a second for each, relative to `index`, and the device hours that 100 million
pictures cost on devices of a given speed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

SIZE_PX = (640, 480)
TARGET_PICTURES = 100_000_000


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


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=5_000)
    parser.add_argument("--device-rate", type=float, default=2_000.0, help="pictures a second of one device")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_photos(folder / "photos", arguments.photos)
        photos = str(folder / "photos")
        rates = {"index": arguments.photos / seconds_of("index", photos, "--metadata", "none", "--db", f"{name}/i.db")}
        for captioners in (1, 2):
            output = str(folder / f"out{captioners}")
            seconds = seconds_of("batch", photos, "--output", output, "--captioners", str(captioners))
            rates[f"batch, {captioners} captioner{'s' * (captioners > 1)}"] = arguments.photos / seconds
    for what, rate in rates.items():
        print(f"{what:22} {rate:8.1f} pictures/s   {rate / rates['index']:.2f} x index")
    hours = TARGET_PICTURES / arguments.device_rate / 3600
    print(f"{TARGET_PICTURES:,} pictures at {arguments.device_rate:,.0f}/s a device: {hours:,.1f} device hours")


if __name__ == "__main__":
    main()
