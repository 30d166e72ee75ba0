"""`photocap index`: caption a library and remember it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from photocap.cli import console, options
from photocap.cli.index_options import captioner_loader, index_options, indexing_options, open_index
from photocap.cli.index_progress import IndexProgress
from photocap.cli.output_index import ResultPrinter
from photocap.library.indexing import index_photos


@click.command("index")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="PATH...")
@options.files_from_option
@indexing_options
@click.option("--dry-run", is_flag=True, help="Show each caption before and after; change nothing.")
@click.option("-v", "--verbose", is_flag=True, help="Also list what was left as it is, and why.")
@options.json_option
@options.json_progress_option
@options.quiet_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    paths: tuple[Path, ...],
    listed: tuple[Path, ...],
    db: Path,
    dry_run: bool,
    verbose: bool,
    as_json: bool,
    json_progress: bool,
    quiet: bool,
    **chosen: Any,
) -> None:
    """Caption the photos of a library and remember them.

    \b
        photocap index ~/Pictures
        photocap index ~/Pictures --dry-run
        photocap index ~/Pictures --metadata none
        find ~/Pictures -newer last-run -print0 | photocap index --files-from -

    What is known and unchanged is not opened again, so run it as often as you like; after Ctrl-C or a crash the same
    command continues. A person's caption is never replaced unless you ask for it.
    """
    if not (paths := (*paths, *listed)):
        raise click.UsageError("Missing argument 'PATH...'.")
    run_options = index_options(chosen, dry_run=dry_run)
    with open_index(db, dry_run=dry_run) as index, console.progress() as progress:
        told = IndexProgress(progress, as_records=json_progress)
        told.count_ahead(index.path, paths, run_options)
        show = ResultPrinter(
            index=index,
            as_json=as_json or json_progress,
            quiet=quiet,
            verbose=verbose,
            dry_run=dry_run,
            on_each=told,
        )
        report = index_photos(paths, index, captioner_loader(chosen), run_options, on_result=show)
    console.note(report.summary + (" (dry run: nothing was changed)" if dry_run else ""))
    if report.interrupted:
        console.note("interrupted; the same command continues from here")
    exit_code = report.exit_code if any(map(os.path.lexists, paths)) else console.COULD_NOT_RUN
    told.summarize(report, exit_code=exit_code, dry_run=dry_run)
    ctx.exit(exit_code)
