"""`photocap similar`: find photos that look like one."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from photocap.cli import options


@click.command("similar")
@click.argument("photo", type=click.Path(path_type=Path))
@options.db_option
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="How many photos to show.")
@options.json_option
@options.null_option
def command(photo: Path, db: Path, limit: int, as_json: bool, end_with_null: bool) -> None:
    """Find photos that look like this one.

    \b
        photocap similar holiday/IMG_2041.jpg

    Goes by what the model saw when the photos were indexed; runs no model itself. The likeness is the
    cosine of two embeddings: 1 for the same picture.
    """
    from photocap.cli import output_search
    from photocap.cli.model_choice import photo_in_index
    from photocap.index import PhotoIndex
    from photocap.search.similar import similar

    with PhotoIndex.open(db, read_only=True) as index:
        hits = similar(index, photo_in_index(index, photo), limit=limit)
        if as_json or end_with_null or not sys.stdout.isatty():
            output_search.emit(hits, as_json=as_json, end_with_null=end_with_null)
        else:
            output_search.print_table(index, None, hits, in_full=False)
