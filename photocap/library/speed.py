"""How fast a run is on this machine, what bounds it, and what the same work costs in a plain loop."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from photocap.captioning.captioner import NetworkCaptioner
from photocap.captioning.engine import CaptionEngine, GeneratedSentences, Sight
from photocap.captioning.registry import CaptionerOptions
from photocap.captioning.torch_packages import has_torch
from photocap.index import PhotoIndex
from photocap.library.indexing import IndexOptions, index_photos
from photocap.library.indexing.prefetch import in_chunks
from photocap.library.stopwatch import Stopwatch
from photocap.photos import load_image, read_facts
from photocap.photos.made_up_photos import decode_plainly
from photocap.system.workers import WorkerPool

if TYPE_CHECKING:
    from PIL import Image

_READING = ("read", "hash", "facts", "decode")
_NETWORK = ("network", "sentence")
STAGES = ("walk", *_READING, *_NETWORK, "metadata", "database")


@dataclass(frozen=True, kw_only=True)
class Speed:
    """What was measured; rates are photos a second.

    Attributes:
        photos: how many.
        megapixels: of a photo, on average.
        index: rate of a whole run, captions written into the photos.
        peak_bytes: the most memory of the process up to the end of that run; None where the system does not say.
        busy: by stage, the share of the run during which it kept its threads busy.
        plain: rate of the plain loop: full decoding, float32, one photo at a time, greedy sentences.
        decode: rate of decoding alone, in all workers.
        network: rate of the network and its sentences alone, in batches.
        shares_processors: whether decoding and the network run on the same processors.
    """

    photos: int
    megapixels: float
    index: float
    peak_bytes: int | None
    busy: Mapping[str, float]
    plain: float
    decode: float
    network: float
    shares_processors: bool

    @property
    def limit(self) -> float:
        """Return the rate that decoding and the network allow together."""
        if self.shares_processors:
            return 1 / (1 / self.decode + 1 / self.network)
        return min(self.decode, self.network)

    @property
    def bottleneck(self) -> str:
        """Return the stage that kept its threads busiest."""
        return max(self.busy, key=lambda stage: self.busy[stage])


def plain_loop(options: CaptionerOptions) -> CaptionerOptions:
    """Return how a plain loop runs the network: float32, one photo at a time, greedy sentences."""
    engine = "torch-float32" if has_torch() else "onnx-float32"
    return replace(options, engine=engine, batch_size=1, beam_size=1)


def measure_speed(
    photos: Sequence[Path],
    folder: Path,
    captioner: NetworkCaptioner,
    load_plain: Callable[[], NetworkCaptioner],
    options: IndexOptions,
    *,
    shares_processors: bool = True,
) -> Speed:
    """Index copies of photos, then do the parts of that work by themselves.

    Args:
        photos: which to take; they are copied and stay as they are.
        folder: an empty folder for the copies and the index.
        captioner: the model, loaded.
        load_plain: loads the same model for the plain loop: float32, one photo at a time, greedy.
        options: of the run.
        shares_processors: as for `Speed`.
    """
    copies = [Path(shutil.copy(path, folder / f"{number:05d}{path.suffix}")) for number, path in enumerate(photos)]
    first = load_image(copies[0], captioner.image_size_px)
    captioner.caption_batch([first] * captioner.batch_size)  # what is only done once is over
    watch = Stopwatch()
    captioner.engine, engine = _WatchedEngine(captioner.engine, watch), captioner.engine
    index = PhotoIndex.open(folder / "index.db", create=True)  # once a library, like loading the model once a run
    start = perf_counter()
    with index:
        index_photos([folder], index, lambda: captioner, options, stopwatch=watch)
    seconds = perf_counter() - start
    captioner.engine = engine
    peak_bytes = _peak_bytes()
    decode_rate, pictures = _decoding(copies, captioner, options.workers)
    return Speed(
        photos=len(copies),
        megapixels=_megapixels(copies),
        index=len(copies) / seconds,
        peak_bytes=peak_bytes,
        busy=_busy(watch, seconds, workers=options.workers, lanes=captioner.engine.lanes),
        plain=_plain_rate(copies, load_plain()),
        decode=decode_rate,
        network=_network_rate(pictures, captioner),
        shares_processors=shares_processors,
    )


@dataclass
class _WatchedEngine:
    """An engine that is measured."""

    engine: CaptionEngine
    watch: Stopwatch

    def __getattr__(self, name: str) -> Any:
        return getattr(self.engine, name)

    def see(self, squares: NDArray[np.uint8]) -> Sight:
        with self.watch.stage("network"):
            return self.engine.see(squares)

    def speak(self, sight: Sight, **rules: Any) -> GeneratedSentences:
        with self.watch.stage("sentence"):
            return self.engine.speak(sight, **rules)


def _busy(watch: Stopwatch, seconds: float, *, workers: int, lanes: int) -> dict[str, float]:
    threads = dict.fromkeys(_READING, workers) | dict.fromkeys(_NETWORK, lanes)
    return {
        stage: watch.seconds[stage] / (seconds * threads.get(stage, 1)) for stage in STAGES if stage in watch.seconds
    }


def _decoding(copies: Sequence[Path], captioner: NetworkCaptioner, workers: int) -> tuple[float, list[Image.Image]]:
    for path in copies:
        path.read_bytes()  # a run leaves them to the disk, and did not wait for it either: they had just been copied
    with WorkerPool(workers) as pool:
        start = perf_counter()
        pictures = list(pool.map(lambda path: load_image(path, captioner.image_size_px), copies))
        return len(copies) / (perf_counter() - start), pictures


def _network_rate(pictures: Sequence[Image.Image], captioner: NetworkCaptioner) -> float:
    start = perf_counter()
    for batch in in_chunks(pictures, captioner.batch_size):
        captioner.caption_batch(batch)
    return len(pictures) / (perf_counter() - start)


def _plain_rate(copies: Sequence[Path], captioner: NetworkCaptioner) -> float:
    """Caption a few photos as one writes it down at first; the first one warms up."""
    few = copies[:: max(len(copies) // 12, 1)]
    for number, path in enumerate([few[0], *few]):
        if number == 1:
            start = perf_counter()
        captioner.caption_batch([decode_plainly(path)])
    return len(few) / (perf_counter() - start)


def _megapixels(copies: Sequence[Path]) -> float:
    facts = map(read_facts, copies)
    return sum(fact.width_px * fact.height_px for fact in facts) / len(copies) / 1e6


def _peak_bytes() -> int | None:
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
