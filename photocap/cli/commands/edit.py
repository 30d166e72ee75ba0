"""`photocap edit`: put your own words on a photo."""

from __future__ import annotations

from pathlib import Path

import click

from photocap.cli import console, options

_SOME_FAILED = 3


@click.command("edit")
@click.argument("photo", type=click.Path(path_type=Path))
@click.argument("words")
@options.db_option
@options.metadata_option
@click.option("--dry-run", is_flag=True, help="Show the caption before and after; change nothing.")
@options.json_option
@options.quiet_option
@click.pass_context
def command(
    ctx: click.Context,
    photo: Path,
    words: str,
    db: Path,
    metadata: str,
    dry_run: bool,
    as_json: bool,
    quiet: bool,  # noqa: ARG001 - remembered by the option itself
) -> None:
    """Put your own words on a photo.

    \b
        photocap edit holiday/IMG_2041.jpg "Anna and Ben at the lake"

    The words go into the photo, and into every copy of it that the index knows, in place of what was
    there. From then on no model replaces them; `photocap restore` takes them out of the files again.
    """
    from photocap.cli.model_choice import photo_in_index
    from photocap.cli.output_edit import show_corrected
    from photocap.errors import ReadError
    from photocap.index import PhotoIndex
    from photocap.library.edit import correct
    from photocap.metadata import DryRun, MetadataMode, WritePolicy
    from photocap.records import Verdict

    if not words.strip():
        raise click.UsageError("the words are empty; to take a caption away use: photocap review, or photocap restore")
    policy = WritePolicy(MetadataMode(metadata))
    with PhotoIndex.open(db, read_only=dry_run) as index:
        row = photo_in_index(index, photo, by_picture=False)
        if row.picture_hash is None:
            raise ReadError(photo, f"it has no caption to change: {row.error or 'it was never read'}")
        run_id = 0 if dry_run else index.runs.start("edit")
        mode = DryRun.YES if dry_run else DryRun.NO
        files = correct(index, run_id, row.picture_hash, words.strip(), policy, verdict=Verdict.EDITED, dry_run=mode)
        if not dry_run:
            index.runs.finish(run_id, f"{len(files)} files")
    failed = show_corrected(files, words.strip(), as_json=as_json)
    if dry_run:
        console.note("dry run: nothing was changed")
    ctx.exit(_SOME_FAILED if failed else 0)
