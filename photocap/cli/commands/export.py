"""`photocap export`: write the captions of the index to a file."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING

import click

from photocap.cli import console, options
from photocap.cli.batch_import import import_batch
from photocap.datasets.spreadsheet import as_cell
from photocap.errors import WriteError, printable

if TYPE_CHECKING:
    from photocap.index import PhotoIndex, PhotoRow


@click.command("export")
@options.db_option
@click.option(
    "--captions",
    type=click.Path(dir_okay=False, path_type=Path),
    help='The CSV table to write; "-" for standard output.',
)
@click.option("--parquet", metavar="URI", help="A new folder for Parquet files in the layout of `photocap batch`.")
@click.option("--all", "also_generated", is_flag=True, help="Also the captions that models wrote.")
@options.quiet_option
def command(
    db: Path,
    captions: Path | None,
    parquet: str | None,
    also_generated: bool,
    quiet: bool,  # noqa: ARG001 - remembered by the option itself
) -> None:
    """Write the captions of the index to a file.

    \b
        photocap export --captions captions.csv
        photocap train captions.csv --images /
        photocap export --parquet captions

    The table has the columns image (the full path) and caption, one row for each picture: the captions
    that people wrote or accepted, which is what a model should learn from. The Parquet files hold every photo with
    its facts, caption, labels and embedding.
    """
    from photocap.cli.open_index import open_for_reading

    if (captions is None) == (parquet is None):
        raise click.UsageError("give either --captions FILE or --parquet URI")
    with open_for_reading(db) as index:
        if parquet is not None:
            rows = import_batch().export_index(index, parquet)
            console.note(console.count(rows, "photo"))
            return
        text, rows = _table(index, also_generated=also_generated)
    if str(captions) == "-":
        console.emit_text(text)
    elif captions is not None:
        _write(captions, text)
    console.note(console.count(rows, "caption"))


def _table(index: PhotoIndex, *, also_generated: bool) -> tuple[str, int]:
    """Return the CSV table and how many captions it holds."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("image", "caption"))
    rows = 0
    for photo in index.captions.one_photo_each(by_person_only=not also_generated):
        if _is_utf8(photo):
            table.writerow((as_cell(str(photo.path)), as_cell(photo.caption)))
            rows += 1
        else:
            console.warn(f"photocap: {printable(photo.path)}: its name is not UTF-8 and cannot stand in a table")
    return text.getvalue(), rows


def _is_utf8(photo: PhotoRow) -> bool:
    try:
        str(photo.path).encode()
    except UnicodeEncodeError:
        return False
    return True


def _write(path: Path, text: str) -> None:
    """Write the table whole or not at all.

    Raises:
        WriteError: it cannot be written, or something stands there that is no such table.
    """
    from photocap.system.atomicfile import replace_file

    try:
        if path.exists() and not path.read_bytes().startswith(b"image,caption"):
            raise WriteError(path, "exists and is not a table of captions", "give --captions another name")
        replace_file(path, text.encode())
    except OSError as error:
        raise WriteError(path, f"cannot be written: {error.strerror}") from error
