"""Caption the photos of an evaluation, and measure how fast that is."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from photocap.captioning.isolation import caption_each
from photocap.errors import ReadError, unexpected
from photocap.photos import load_image
from photocap.records import Caption, CaptionerProtocol
from photocap.system.workers import Overdue, WorkerPool

if TYPE_CHECKING:
    from PIL import Image

_DECODERS = 2


@dataclass(frozen=True)
class CaptionRun:
    """What came of captioning some photos.

    Attributes:
        captions: one for each photo that could be read.
        errors: one for each photo that could not.
        seconds: wall time, decoding included.
    """

    captions: dict[Path, Caption]
    errors: dict[Path, ReadError]
    seconds: float

    @property
    def images_per_second(self) -> float:
        """Return the rate, decoding included."""
        return len(self.captions) / self.seconds if self.seconds else 0.0


def caption_photos(
    captioner: CaptionerProtocol, paths: Sequence[Path], progress: Callable[[int, int], None] | None = None
) -> CaptionRun:
    """Caption photos in batches; the next batch is decoded while the network has this one."""
    captions: dict[Path, Caption] = {}
    errors: dict[Path, ReadError] = {}
    batches = [paths[i : i + captioner.batch_size] for i in range(0, len(paths), captioner.batch_size)]
    start = perf_counter()
    with WorkerPool(_DECODERS) as pool:

        def decode(batch: Sequence[Path]) -> list[Future[Image.Image]]:
            return [pool.submit(load_image, path, captioner.image_size_px) for path in batch]

        decoding = decode(batches[0]) if batches else []
        for number, batch in enumerate(batches):
            ready, decoding = decoding, decode(batches[number + 1]) if number + 1 < len(batches) else []
            images: dict[Path, Image.Image] = {}
            for path, future in zip(batch, ready, strict=True):
                try:
                    images[path] = pool.result(future)
                except ReadError as error:
                    errors[path] = error
                except Overdue as error:
                    errors[path] = ReadError(path, str(error))
            if images:
                for path, answer in zip(images, caption_each(captioner, list(images.values())), strict=True):
                    if isinstance(answer, Exception):
                        errors[path] = ReadError(path, unexpected(answer))
                    else:
                        captions[path] = answer
            if progress:
                progress(len(captions) + len(errors), len(paths))
    return CaptionRun(captions, errors, perf_counter() - start)


def machine_name() -> str:
    """Name the machine that a rate belongs to: processor and cores this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return f"{_processor()}, {cores} cores"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
