"""What writing a caption into a 4 MB JPEG costs: processor time per photo, verification included; fsync apart.

python benchmarks/metadata_cost.py
"""

from __future__ import annotations

import io
import math
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import piexif
from blake3 import blake3
from PIL import Image

from photocap.metadata import Signature, WritePolicy, prepare_write

SIZE_BYTES = 4_000_000
ROUNDS = 40


def sample() -> bytes:
    """Return a JPEG of noise with a camera's EXIF block: 30 tags, a maker note of 10 kB and a thumbnail."""
    noise = Image.frombytes("RGB", (1500, 1200), os.urandom(5_400_000)).resize((3000, 2400))
    thumbnail = io.BytesIO()
    noise.resize((160, 120)).save(thumbnail, "JPEG")
    zeroth = {piexif.ImageIFD.Make: b"Maker", piexif.ImageIFD.Model: b"Model", piexif.ImageIFD.Orientation: 1}
    lens = {piexif.ExifIFD.MakerNote: os.urandom(10_000), piexif.ExifIFD.LensModel: b"a lens"}
    numbers = {tag: (1, 100) for tag, kind in piexif.TAGS["Exif"].items() if kind["type"] == piexif.TYPES.Rational}
    exif = piexif.dump(
        {"0th": zeroth, "Exif": lens | dict(list(numbers.items())[:20]), "1st": {}, "thumbnail": thumbnail.getvalue()}
    )
    whole = _encoded(noise, exif)
    rows = math.ceil(noise.height * SIZE_BYTES / len(whole) * 1.01)
    data = _encoded(noise.crop((0, 0, noise.width, rows)), exif)
    assert SIZE_BYTES <= len(data) < SIZE_BYTES * 1.02
    return data


def _encoded(image: Image.Image, exif: bytes) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85, exif=exif)
    return buffer.getvalue()


class Fsync:
    """Counts what waiting for the disk takes, apart from all else."""

    def __init__(self) -> None:
        self.cpu_s = self.wall_s = 0.0
        self.restored = os.fsync

    def __call__(self, fd: Any) -> None:
        """Flush a file as `os.fsync` does."""
        cpu_s, wall_s = time.process_time(), time.perf_counter()
        self.restored(fd)
        self.cpu_s += time.process_time() - cpu_s
        self.wall_s += time.perf_counter() - wall_s


def least_work(path: Path) -> None:
    """Do what no safe writer can do without: read, copy, compare, hash, write beside, read back, replace."""
    data = path.read_bytes()
    new = data[:2] + b"\xff\xfe\0\x02" + data[2:]
    assert new.endswith(memoryview(data)[2:])
    blake3(new).hexdigest()
    temporary = path.with_suffix(".tmp")
    temporary.write_bytes(new)
    assert temporary.read_bytes() == new
    temporary.replace(path)


def main() -> None:
    """Print the median and the best of some rounds, and what the least work takes that is safe."""
    data = sample()
    marking = Signature("photocap-base", "1.0", 0.5, "2026-01-01T00:00:00+00:00")
    seconds, waits, least = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "photo.jpg"
        for _ in range(ROUNDS):
            path.write_bytes(data)
            os.fsync = fsync = Fsync()
            start = time.process_time()
            prepare_write(path, "a dog runs along the beach", marking=marking, policy=WritePolicy()).commit()
            seconds.append(time.process_time() - start - fsync.cpu_s)
            waits.append(fsync.wall_s)
            os.fsync = fsync.restored
        for _ in range(ROUNDS):
            path.write_bytes(data)
            start = time.process_time()
            least_work(path)
            least.append(time.process_time() - start)
    median, best = statistics.median(seconds) * 1000, min(seconds) * 1000
    print(f"{len(data) / 1e6:.1f} MB: {median:.1f} ms of processor time a photo (best {best:.1f} ms)")
    print(f"of which reading, hashing, writing and reading back once: {statistics.median(least) * 1000:.1f} ms")
    print(f"fsync, apart: {statistics.median(waits) * 1000:.1f} ms of waiting (best {min(waits) * 1000:.1f} ms)")


if __name__ == "__main__":
    main()
