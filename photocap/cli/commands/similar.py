"""`photocap similar`: find photos that look like one."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from photocap.cli import console, options


@click.command("similar")
@click.argument("photo", type=click.Path(path_type=Path))
@options.db_option
@options.model_option
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="How many photos to show.")
@options.json_option
@options.null_option
@click.pass_context
def command(
    ctx: click.Context, photo: Path, db: Path, model: Path | None, limit: int, as_json: bool, end_with_null: bool
) -> None:
    """Find photos that look like this one.

    \b
        photocap similar holiday/IMG_2041.jpg

    Goes by what the model saw when the photos were indexed. The photo itself need not be in the library: then the
    model looks at it now, and nothing is written down. The likeness is the cosine of two embeddings: 1 for the same
    picture. `photocap search --like PHOTO WORDS` goes by words as well. Exit code 4: nothing was found.
    """
    from photocap.cli import output_search
    from photocap.cli.model_choice import look_at
    from photocap.cli.open_index import open_for_reading
    from photocap.search.similar import similar_to

    with open_for_reading(db) as index:
        look, picture_id = look_at(index, photo, model)
        hits = similar_to(index, look, limit=limit, without=picture_id)
        if as_json or end_with_null or not sys.stdout.isatty():
            output_search.emit(hits, as_json=as_json, end_with_null=end_with_null)
        else:
            output_search.print_table(index, None, hits, in_full=False)
    ctx.exit(0 if hits else console.NOTHING_FOUND)
