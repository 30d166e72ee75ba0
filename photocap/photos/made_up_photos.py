"""Photos made up for measuring, about as hard to decode as a camera's, and the plainest way to decode one."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

_QUALITY = 90
_GRAIN = 6.0
_AT_ONCE = 2  # each has its pixels twice in memory


def make_photos(folder: Path, count: int, *, megapixels: float, seed: int = 0) -> Iterator[Path]:
    """Write JPEGs of 4:3 with soft shapes and grain, each another picture; yield their paths."""
    generator = np.random.default_rng(seed)
    width = round((megapixels * 1e6 * 4 / 3) ** 0.5)
    size = width, round(width * 3 / 4)
    coarse = Image.fromarray(generator.integers(0, 256, (18, 24, 3), dtype=np.uint8))
    grain = generator.normal(0, _GRAIN, (size[1], size[0], 1)).astype(np.float32)
    picture = np.asarray(coarse.resize(size, Image.Resampling.BICUBIC), np.float32) + grain
    pixels = picture.clip(0, 255).astype(np.uint8)

    def save(number: int) -> Path:
        path = folder / f"{number:05d}.jpg"
        Image.fromarray(np.roll(pixels, number * 37, axis=1)).save(path, quality=_QUALITY)
        return path

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        yield from pool.map(save, range(count))


def decode_plainly(path: Path) -> Image.Image:
    """Decode a photo whole, as one writes it down at first."""
    with Image.open(path) as image:
        whole: Image.Image = image.convert("RGB")
        return whole
