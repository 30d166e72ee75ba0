"""`photocap prune`: forget photos that are gone."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from photocap.cli import console, options


@click.command("prune")
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@options.db_option
@click.option("--dry-run", is_flag=True, help="List what would be forgotten; change nothing.")
@click.option("--yes", is_flag=True, help="Also forget captions by people, without asking.")
@options.json_option
@options.quiet_option
def command(
    folder: Path | None,
    db: Path,
    dry_run: bool,
    yes: bool,
    as_json: bool,
    quiet: bool,  # noqa: ARG001 - remembered by the option itself
) -> None:
    """Forget photos that are gone.

    \b
        photocap prune --dry-run
        photocap prune ~/Pictures/old

    Photos that the last `photocap index` did not find any more are kept in mind, in case their drive
    comes back. This forgets them (below FOLDER, if given), with the captions of pictures that no photo
    shows any more. Before a person's captions are forgotten you are asked; where nobody can answer, --yes is needed.
    No file is touched.
    """
    from photocap.cli.open_index import open_for_reading, open_for_writing
    from photocap.errors import PhotocapError

    below = Path(os.path.abspath(folder)) if folder else None
    with open_for_reading(db) if dry_run else open_for_writing(db) as index:
        gone = index.photos.missing(below)
        by_persons = index.photos.persons_captions_to_forget(below)
        if by_persons and not dry_run and not yes:
            _ask(by_persons)
        if not dry_run:
            with index.writing():
                if index.photos.persons_captions_to_forget(below) > by_persons:  # another program wrote meanwhile
                    raise PhotocapError("more captions by people would be forgotten by now; nothing was, start again")
                index.photos.prune(below)
    for path in gone:
        if as_json:
            console.emit_json({"path": path, "outcome": "would be forgotten" if dry_run else "forgotten"})
        elif dry_run:
            console.emit_path(path)
    told = f", with {console.count(by_persons, 'caption')} by people" if by_persons else ""
    console.note(f"{console.count(len(gone), 'photo')} {'would be ' if dry_run else ''}forgotten{told}")


def _ask(by_persons: int) -> None:
    """Ask whether captions by people may be forgotten; where nobody can answer, refuse."""
    what = f"{console.count(by_persons, 'caption')} by people, which stand nowhere else in the index"
    if not _can_answer():
        raise click.UsageError(f"this forgets {what} (is a drive unplugged?); with --yes it does.")
    if not click.confirm(f"Forget {what}?", default=False, err=True):
        console.note("nothing was forgotten")
        raise click.exceptions.Exit(console.COULD_NOT_RUN)


def _can_answer() -> bool:
    return sys.stdin.isatty()
