"""`photocap edit`: put your own words on a photo."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from photocap.cli import console, options
from photocap.cli.writing_options import write_policy, writing_options
from photocap.errors import printable

if TYPE_CHECKING:
    from photocap.index import PhotoIndex, PhotoRow
    from photocap.library.edit import CorrectedFile
    from photocap.metadata import WritePolicy

_SOME_FAILED = 3


@click.command("edit")
@click.argument("photo", type=click.Path(path_type=Path))
@click.argument("words", nargs=-1, required=True)
@options.db_option
@click.option("--all-copies", is_flag=True, help="Also replace other words of a person on copies of the photo.")
@writing_options
@click.option("--dry-run", is_flag=True, help="Show the caption before and after; change nothing.")
@options.json_option
@options.quiet_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    photo: Path,
    words: tuple[str, ...],
    db: Path,
    all_copies: bool,
    dry_run: bool,
    as_json: bool,
    quiet: bool,  # noqa: ARG001 - remembered by the option itself
    **chosen: Any,
) -> None:
    """Put your own words on a photo.

    \b
        photocap edit holiday/IMG_2041.jpg "Anna and Ben at the lake"
        photocap edit holiday/IMG_2041.jpg Anna and Ben at the lake

    The words go into the photo, and into every copy of it that the index knows, in place of what was
    there. A copy on which a person says something else is named first: it keeps its words unless you say yes
    (--all-copies says so beforehand). From then on no model replaces them; `photocap restore` takes them out of
    the files again.
    """
    from photocap.cli.model_choice import photo_in_index
    from photocap.cli.open_index import open_for_reading, open_for_writing
    from photocap.cli.output_edit import show_corrected
    from photocap.errors import ReadError

    text = " ".join(words).strip()
    if not text:
        raise click.UsageError("the words are empty; to take a caption away use: photocap review, or photocap restore")
    with open_for_reading(db) if dry_run else open_for_writing(db) as index:
        row = photo_in_index(index, photo, by_picture=False)
        if row.picture_hash is None:
            raise ReadError(photo, f"it has no caption to change: {row.error or 'it was never read'}")
        files = _correct(index, row, text, write_policy(chosen), all_copies=all_copies, dry_run=dry_run)
    failed = show_corrected(files, text, as_json=as_json)
    if dry_run:
        console.note("dry run: nothing was changed")
    ctx.exit(_SOME_FAILED if failed else 0)


def _correct(
    index: PhotoIndex, row: PhotoRow, text: str, policy: WritePolicy, *, all_copies: bool, dry_run: bool
) -> list[CorrectedFile]:
    """Write the words into the copies of a picture, those left out on which a person's other words are to stay."""
    from photocap.library.edit import copies_with_other_words, correct
    from photocap.metadata import DryRun
    from photocap.records import Verdict

    assert row.picture_hash is not None
    others = {} if all_copies else copies_with_other_words(index, row, policy)
    given_up = others if others and _wants_all(others) else {}
    with nullcontext() if dry_run else index.writing():
        if not all_copies:  # others may have written while we waited for an answer
            now = copies_with_other_words(index, row, policy)
            others = {path: said for path, said in now.items() if given_up.get(path) != said}
        run_id = 0 if dry_run else index.runs.start("edit")
        files = correct(
            index,
            run_id,
            row.picture_hash,
            text,
            policy,
            verdict=Verdict.EDITED,
            sparing=others,
            dry_run=DryRun.YES if dry_run else DryRun.NO,
        )
        if not dry_run:
            index.runs.finish(run_id, f"{len(files)} files")
    return files


def _wants_all(others: Mapping[Path, str]) -> bool:
    """Name the copies on which a person says something else, and ask where somebody can answer."""
    for path, text in others.items():
        console.warn(f"{printable(path)}: a person says: {printable(text)}")
    if not sys.stdin.isatty():
        console.note("these copies keep their words; --all-copies replaces them")
        return False
    return click.confirm("Replace these words too?", default=False, err=True)
