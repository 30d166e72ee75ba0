"""`photocap caption`: sentences for photos, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from photocap.cli import console, options
from photocap.cli.index_options import captioner_loader, workers
from photocap.cli.output_index import ResultPrinter
from photocap.errors import ReadError
from photocap.library.indexing import caption_photos
from photocap.library.report import Report
from photocap.photos import Skip, Skipped, find_photos


@click.command("caption")
@click.argument("photos", nargs=-1, type=click.Path(path_type=Path), metavar="PHOTO...")
@options.files_from_option
@options.model_option
@options.device_option
@options.engine_option
@options.batch_size_option
@options.beam_size_option
@options.neutral_people_option
@options.hedge_below_option
@options.workers_option
@options.max_pixels_option
@options.json_option
@click.pass_context
def command(
    ctx: click.Context, /, photos: tuple[Path, ...], listed: tuple[Path, ...], as_json: bool, **chosen: Any
) -> None:
    """Print a caption for each photo; write nothing.

    \b
        photocap caption cat.jpg
        photocap caption --json holidays/

    A folder stands for all photos in it.
    """
    if not (photos or listed):
        raise click.UsageError("Missing argument 'PHOTO...'.")
    problems: list[Skipped] = []
    paths = [photo.path for given in (*photos, *listed) for photo in find_photos([given], on_skip=problems.append)]
    unreadable = [skip for skip in problems if skip.why in (Skip.GONE, Skip.UNREADABLE)]
    for skip in unreadable:
        console.show_error(ReadError(skip.path, skip.error))
    report = Report()
    if paths:
        show = ResultPrinter(as_json=as_json)
        for result in caption_photos(paths, captioner_loader(chosen)(), workers(chosen["workers"])):
            report.add(result)
            show(result)
    elif not unreadable:
        console.note(report.summary)
    failed_to_start = unreadable and not paths
    ctx.exit(console.COULD_NOT_RUN if failed_to_start else 3 if unreadable else report.exit_code)
