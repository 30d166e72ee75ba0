"""`photocap prune`: forget photos that are gone."""

from __future__ import annotations

import os
from pathlib import Path

import click

from photocap.cli import console, options


@click.command("prune")
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@options.db_option
@click.option("--dry-run", is_flag=True, help="List what would be forgotten; change nothing.")
@options.json_option
@options.quiet_option
def command(
    folder: Path | None,
    db: Path,
    dry_run: bool,
    as_json: bool,
    quiet: bool,  # noqa: ARG001 - remembered by the option itself
) -> None:
    """Forget photos that are gone.

    \b
        photocap prune --dry-run
        photocap prune ~/Pictures/old

    Photos that the last `photocap index` did not find any more are kept in mind, in case their drive
    comes back. This forgets them (below FOLDER, if given), with the captions of pictures that no photo
    shows any more, a person's captions too. No file is touched.
    """
    from photocap.index import PhotoIndex

    below = Path(os.path.abspath(folder)) if folder else None
    with PhotoIndex.open(db, read_only=dry_run) as index:
        gone = index.photos.missing(below)
        if not dry_run:
            index.photos.prune(below)
    for path in gone:
        if as_json:
            console.emit_json({"path": path, "outcome": "would be forgotten" if dry_run else "forgotten"})
        elif dry_run:
            console.emit_path(path)
    console.note(f"{len(gone):,} photos {'would be ' if dry_run else ''}forgotten")
