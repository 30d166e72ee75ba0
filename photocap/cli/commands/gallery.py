"""`photocap gallery`: photos in a folder that anybody can open in a browser."""

from __future__ import annotations

from pathlib import Path

import click

from photocap.cli import console, options
from photocap.errors import printable

_SOME_FAILED = 3


@click.command("gallery")
@click.argument("words", nargs=-1, metavar="[QUERY]")
@click.option(
    "--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="The folder, new or of a gallery."
)
@options.db_option
@options.model_option
@options.quiet_option
@click.pass_context
def command(
    ctx: click.Context,
    words: tuple[str, ...],
    out: Path,
    db: Path,
    model: Path | None,
    quiet: bool,  # noqa: ARG001 - remembered by the option itself
) -> None:
    """Write a gallery that opens from the disk and searches in the browser.

    \b
        photocap gallery --out beach-photos "dog on a beach"
        photocap gallery --out everything

    The folder holds a page, smaller copies of the photos and their captions as JSON, and needs neither a server nor
    a connection. Folders and places of the photos are left out. The gallery shows what `photocap search` finds for
    the QUERY; without one, all photos.
    """
    from photocap.cli.model_choice import text_encoder_for
    from photocap.cli.open_index import open_for_reading
    from photocap.web.gallery import check_folder, photos_for, write_gallery_to

    text = " ".join(words).strip()
    check_folder(out)
    with open_for_reading(db) as index:
        rows = photos_for(index, text, text_encoder_for(index, model) if text else None)
    failed = 0
    with console.progress() as progress:
        task = progress.add_task("gallery", total=len(rows))
        for problem in write_gallery_to(out, rows, text or "Photos"):
            progress.advance(task)
            if problem:
                failed += 1
                console.warn(f"photocap: {problem}")
    console.note(f"{len(rows) - failed:,} photos: {printable(out / 'index.html')}")
    ctx.exit(_SOME_FAILED if failed else 0)
