"""`photocap batch`: caption pictures on a Ray cluster, into Parquet files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from photocap.cli import console, options
from photocap.cli.batch_import import import_batch
from photocap.cli.index_options import captioner_loader, model_facts

if TYPE_CHECKING:
    from photocap.library.batch import BatchOptions, BatchReport

_WHOLE = click.IntRange(min=1)


@click.command("batch")
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@click.option("--output", required=True, metavar="URI", help="The folder or object-store prefix of the Parquet files.")
@click.option("--ray", "ray_address", metavar="ADDRESS", help="A running Ray cluster; without it one starts here.")
@click.option("--gpus-per-worker", type=click.FloatRange(min=0), help="Share of a GPU for each captioner; 0: on CPUs.")
@click.option("--captioners", type=_WHOLE, help="How many captioners; without it one for each share of a GPU.")
@click.option("--shard-size", type=_WHOLE, default=256, show_default=True, help="Pictures in a Parquet file.")
@click.option("--resume", is_flag=True, help="Continue a run: what its finished files hold is not read again.")
@options.model_option
@options.device_option
@options.engine_option
@options.batch_size_option
@options.beam_size_option
@options.neutral_people_option
@options.hedge_below_option
@options.json_option
@options.quiet_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    inputs: tuple[str, ...],
    output: str,
    as_json: bool,
    quiet: bool,  # noqa: ARG001 - remembered by the option itself
    **chosen: Any,
) -> None:
    """Caption millions of pictures on a Ray cluster, into Parquet files.

    \b
        photocap batch ~/Pictures --output captions
        photocap batch s3://bucket/photos --output s3://bucket/captions --ray auto
        photocap index ~/Pictures --captions s3://bucket/captions

    INPUT is a folder, a glob, a prefix of an object store (s3://, gs://), or a manifest: Parquet or CSV with a column
    uri, or text with one URI a line. Captions are those of `photocap index`. A picture that cannot be read is a row
    with an error. After an interruption the same command with --resume continues. `photocap index --captions` brings
    the captions into a library, by picture.
    """
    batch = import_batch()
    progress = console.progress()

    def on_shard(report: BatchReport) -> None:
        progress.update(task, completed=report.captioned + report.failed)

    with progress:
        task = progress.add_task("Captioning", total=None)
        report = batch.run_batch(
            inputs,
            output,
            model_facts(chosen),
            captioner_loader(chosen),
            _batch_options(chosen),
            on_shard=on_shard,
        )
    counts = {"captioned": report.captioned, "failed": report.failed, "finished_before": report.finished_before}
    if as_json:
        console.emit_json({"output": output, **counts})
    else:
        console.note(", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items() if count))
    ctx.exit(report.exit_code)


def _batch_options(chosen: Mapping[str, Any]) -> BatchOptions:
    made: BatchOptions = import_batch().BatchOptions(
        ray_address=chosen["ray_address"],
        gpus_per_worker=chosen["gpus_per_worker"],
        workers=chosen["captioners"],
        shard_rows=chosen["shard_size"],
        resume=chosen["resume"],
    )
    return made
