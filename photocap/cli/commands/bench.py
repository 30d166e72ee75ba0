"""`photocap bench`: how fast this machine captions, and what bounds it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from photocap.cli import console, options

if TYPE_CHECKING:
    from photocap.library.speed import Speed

_MEGAPIXELS = 12.0


@click.command("bench")
@click.argument("folder", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--photos", type=click.IntRange(min=1), default=128, show_default=True, help="How many photos to take.")
@options.model_option
@options.device_option
@options.engine_option
@options.batch_size_option
@options.workers_option
@options.json_option
def command(
    folder: Path | None,
    photos: int,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Measure how fast this machine captions, and what bounds it.

    \b
        photocap bench
        photocap bench ~/Pictures --photos 200

    Copies of some photos of FOLDER, or made-up ones of 12 megapixels, are indexed as `photocap index` does; then the
    parts of the work are measured by themselves: a plain loop (full decoding, float32, one photo at a time), decoding
    alone, the network alone. Photos and index stay as they are. Measure while nothing else is running.
    """
    with (
        tempfile.TemporaryDirectory(prefix="photocap-") as made,
        tempfile.TemporaryDirectory(prefix="photocap-") as work,
    ):
        paths = list(islice(_photos(folder, photos, Path(made)), photos))
        if not paths:
            raise click.UsageError(f"There is no photo in {folder}.")
        speed, machine = _measure(paths, Path(work), chosen)
    if as_json:
        values = {"limit": speed.limit, "bottleneck": speed.bottleneck, "machine": machine}
        console.emit_json(asdict(speed) | values)
        return
    click.echo("\n".join(_lines(speed, machine)))


def _measure(paths: Sequence[Path], work: Path, chosen: Mapping[str, Any]) -> tuple[Speed, str]:
    """Return how fast this machine is, and its name."""
    from photocap.captioning import resnet_lstm
    from photocap.captioning.engine_choice import runs_on_cpu
    from photocap.captioning.model_files import base_model_dir
    from photocap.captioning.registry import CaptionerOptions
    from photocap.cli.index_options import workers
    from photocap.evaluation.captions import machine_name
    from photocap.library.indexing import IndexOptions
    from photocap.library.speed import measure_speed, plain_loop

    engine, device, batch_size = chosen["engine"], chosen["device"], chosen["batch_size"]
    asked = CaptionerOptions(
        engine=engine, device=device, batch_size=None if isinstance(batch_size, str) else batch_size
    )
    load = partial(resnet_lstm.load, chosen["model"] or base_model_dir())
    captioner = load(asked)
    speed = measure_speed(
        paths,
        work,
        captioner,
        partial(load, plain_loop(asked)),
        IndexOptions(workers=workers(chosen["workers"])),
        shares_processors=runs_on_cpu(engine, device),
    )
    return speed, f"{machine_name()}; {captioner.engine.name}"


def _photos(folder: Path | None, count: int, made: Path) -> Iterator[Path]:
    """Find photos, or make some up."""
    if folder is None:
        from photocap.photos.made_up_photos import make_photos

        yield from make_photos(made, count, megapixels=_MEGAPIXELS)
    else:
        from photocap.photos import WalkOptions, find_photos

        yield from (photo.path for photo in find_photos([folder], WalkOptions()))


def _lines(speed: Speed, machine: str) -> Iterator[str]:
    yield machine
    yield f"{console.count(speed.photos, 'photo')} of {speed.megapixels:.1f} megapixels"
    memory = "" if speed.peak_bytes is None else f", {speed.peak_bytes / 1e6:,.0f} MB of memory at most"
    yield f"{'index':<14}{speed.index:8.1f} photos/s{memory}"
    yield f"{'plain loop':<14}{speed.plain:8.1f} photos/s; index is {speed.index / speed.plain:.1f} times as fast"
    yield f"{'decode alone':<14}{speed.decode:8.1f} photos/s"
    yield f"{'network alone':<14}{speed.network:8.1f} photos/s"
    share = f"{speed.index / speed.limit:.0%}"
    yield f"{'limit':<14}{speed.limit:8.1f} photos/s if nothing but these two cost time; index reaches {share}"
    yield "busy          " + ", ".join(f"{stage} {share:.0%}" for stage, share in speed.busy.items())
    yield f"{'bottleneck':<14}{speed.bottleneck}"
