"""A batch run: list, read on CPUs, caption on devices, write shards; Ray Data schedules, retries and bounds memory."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

import pyarrow as pa

from photocap.captioning.registry import ModelFacts
from photocap.errors import PhotocapError
from photocap.library.batch.inputs import ListedObject, list_inputs
from photocap.library.batch.output import Output
from photocap.library.batch.stages import CaptionStage, ReadStage, WriteStage
from photocap.records import CaptionerProtocol

_WAVE = 2_000  # shards that are planned at a time, so that the plan of 100 million pictures is never in memory
_LARGEST_BLOCK_BYTES = 4 << 30  # Ray must not cut a shard's block in two


@dataclass(frozen=True, kw_only=True)
class BatchOptions:
    """How a batch runs.

    Attributes:
        ray_address: of a running cluster; None starts one on this machine for the run.
        gpus_per_worker: share of a GPU that each captioner takes; 0 captions on CPUs.
        workers: captioners; None is one for each share of a GPU, or one on CPUs.
        shard_rows: pictures in a shard.
        read_threads: pictures that one task reads at the same time.
        read_timeout_s: a picture that takes longer is a row with an error.
        resume: continue a run; what finished shards hold is not read again.
    """

    ray_address: str | None = None
    gpus_per_worker: float | None = None
    workers: int | None = None
    shard_rows: int = 256
    read_threads: int = 4
    read_timeout_s: float = 120.0
    resume: bool = False


@dataclass
class BatchReport:
    """Counts of a run: pictures captioned, failed, and found in shards that were finished before."""

    captioned: int = 0
    failed: int = 0
    finished_before: int = 0

    @property
    def exit_code(self) -> int:
        """Return 3 where pictures failed, else 0."""
        return 3 if self.failed else 0


def run_batch(
    inputs: Sequence[str],
    output: str,
    model: ModelFacts,
    load: Callable[[], CaptionerProtocol],
    options: BatchOptions | None = None,
    *,
    on_shard: Callable[[BatchReport], object] = lambda _: None,
) -> BatchReport:
    """Caption what the inputs name into Parquet shards.

    Args:
        inputs: as for `list_inputs`.
        output: the URI or folder of the shards.
        model: of the captioner that `load` returns.
        load: loads the captioner in a worker; must be picklable.
        options: see there.
        on_shard: called after each shard.

    Raises:
        PhotocapError: the inputs cannot be listed, the output is another run's, or the cluster fails.
    """
    options = options or BatchOptions()
    target = Output(output)
    run = target.begin({"model_id": model.model_id, "weights_sha256": model.weights_sha256}, resume=options.resume)
    finished = target.finished() if run > 1 else ()
    report = BatchReport(finished_before=len(finished))
    left = (item for item in list_inputs(inputs) if item not in finished)
    shards = _plan(left, run, options.shard_rows)
    with _cluster(options.ray_address):
        while wave := list(islice(shards, _WAVE)):
            for row in _run_wave(wave, output, model, load, options):
                report.captioned += row["rows"] - row["failed"]
                report.failed += row["failed"]
                on_shard(report)
    target.finish()
    return report


def _plan(items: Iterable[ListedObject], run: int, shard_rows: int) -> Iterator[pa.Table]:
    """Yield the listing of each shard; its name depends on its place alone, so that a retry writes the same file."""
    iterator = iter(items)
    number = 0
    while chunk := list(islice(iterator, shard_rows)):
        name = f"part-{run:03}-{number:08}.parquet"
        yield pa.Table.from_pylist(
            [{"uri": i.uri, "size_bytes": i.size_bytes, "version": i.version, "shard": name} for i in chunk]
        )
        number += 1


def _run_wave(
    shards: Sequence[pa.Table],
    output: str,
    model: ModelFacts,
    load: Callable[[], CaptionerProtocol],
    options: BatchOptions,
) -> Iterator[dict[str, Any]]:
    import ray

    context = ray.data.DataContext.get_current()
    context.target_max_block_size = _LARGEST_BLOCK_BYTES
    context.enable_progress_bars = False
    for name in ("ray.data", "ray"):
        logging.getLogger(name).setLevel(logging.ERROR)
    read = ReadStage(model.image_size_px, options.read_threads, options.read_timeout_s)
    # `batch_size=None` hands whole blocks on: one block is one shard from here to its file.
    dataset = (
        ray.data.from_arrow(list(shards))
        .map_batches(read, batch_size=None, batch_format="pyarrow", num_cpus=1)
        .map_batches(
            CaptionStage, fn_constructor_args=(load,), batch_size=None, batch_format="pyarrow", **_placement(options)
        )
        .map_batches(WriteStage(output), batch_size=None, batch_format="pyarrow", num_cpus=0.1)
    )
    try:
        yield from dataset.iter_rows()
    except ray.exceptions.RayError as error:
        cause = getattr(error, "cause", None)
        if isinstance(cause, PhotocapError):
            raise cause from error
        raise PhotocapError(f"the cluster failed: {error} (continue with --resume)") from error


def _placement(options: BatchOptions) -> dict[str, Any]:
    """Return where the captioners run: on shares of the cluster's GPUs, or on CPUs where there are none."""
    import ray

    gpus = ray.cluster_resources().get("GPU", 0.0)  # type: ignore[no-untyped-call]
    share = options.gpus_per_worker if options.gpus_per_worker is not None else float(gpus > 0)
    if share > gpus:
        raise PhotocapError(f"each worker is to have {share:g} GPUs, and the cluster has {gpus:g}")
    workers = options.workers or (max(1, int(gpus / share)) if share else 1)
    pool = ray.data.ActorPoolStrategy(size=workers)
    return {"compute": pool, "num_gpus": share} if share else {"compute": pool, "num_cpus": 0.5}


@contextmanager
def _cluster(address: str | None) -> Iterator[None]:
    """Connect to a cluster, or start one on this machine that ends with the run."""
    import ray

    if ray.is_initialized():
        yield
        return
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # leave CUDA_VISIBLE_DEVICES alone without GPUs
    try:
        ray.init(address=address, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, ValueError) as error:
        raise PhotocapError(f"no Ray cluster answers at {address}: {error}") from error
    try:
        yield
    finally:
        ray.shutdown()
