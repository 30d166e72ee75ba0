"""`photocap show`: the caption inside a photo, whose it is, and where each copy stands."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import click

from photocap.cli import console, options
from photocap.errors import IndexNotFound, printable

if TYPE_CHECKING:
    from photocap.index import PhotoRow
    from photocap.metadata import FoundCaption

Labels: TypeAlias = "list[tuple[str, float]]"

_WHOSE = {
    "person": "a person",
    "photocap": "photocap",
    "junk": "the camera or a program, by itself",
    "nobody": "nobody",
}


@click.command("show")
@click.argument("photo", type=click.Path(path_type=Path))
@options.db_option
@options.sidecar_dir_option
@options.json_option
def command(photo: Path, db: Path, sidecar_dir: Path | None, as_json: bool) -> None:
    """Show the caption inside a photo and who wrote it.

    \b
        photocap show holiday/IMG_2041.jpg

    Lists every copy (EXIF, XMP, IPTC, sidecar), whether they agree, and what the index says beside them.
    """
    from photocap.metadata import read_caption

    found = read_caption(photo, sidecar_dir=sidecar_dir)
    row, labels = _from_index(photo, db)
    if as_json:
        console.emit_json(_record(photo, found, row, labels))
    else:
        click.echo("\n".join(_lines(photo, found, row, labels)))


def _from_index(photo: Path, db: Path) -> tuple[PhotoRow | None, Labels]:
    """Return what the index knows of a photo and its labels, None where there is no index or it does not know it."""
    from photocap.cli.model_choice import photo_in_index
    from photocap.index import PhotoIndex

    try:
        with PhotoIndex.open(db, read_only=True) as index:
            row = photo_in_index(index, photo)
            picture_id = index.photos.picture_id(row.id) if row else None
            return row, index.photos.labels(picture_id) if picture_id else []
    except IndexNotFound:
        return None, []


def _record(photo: Path, found: FoundCaption, row: PhotoRow | None, labels: Labels) -> dict[str, Any]:
    copies = [
        {"place": copy.place.value, "file": copy.path, "caption": copy.text, "origin": copy.origin.value}
        for copy in found.copies
    ]
    return {
        "path": photo,
        "caption": found.text,
        "origin": found.origin.value,
        "model_id": found.model_id,
        "agree": found.agree,
        "copies": copies,
        "problem": found.problem or None,
        "index": None if row is None else {"caption": row.caption, "model_id": row.model_id, "written": row.written},
        "labels": [{"name": name, "probability": probability} for name, probability in labels],
    }


def _lines(photo: Path, found: FoundCaption, row: PhotoRow | None, labels: Labels) -> Iterator[str]:
    by = _WHOSE[found.origin.value] + (f" ({printable(found.model_id)})" if found.model_id else "")
    yield f"photo      {printable(photo)}"
    yield f"caption    {printable(found.text) if found.text else 'none'}"
    yield f"words of   {by}"
    for copy in found.copies:
        place = f"{copy.place.value} {printable(copy.path.name)}" if copy.place.value == "sidecar" else copy.place.value
        same = "the same" if copy.text == found.text else printable(copy.text)
        yield f"copy       {place}: {same}"
    if not found.agree:
        yield "warning    the copies do not agree"
    if found.problem:
        yield f"warning    {printable(found.problem)}"
    if row is None:
        yield "index      does not know this photo"
    else:
        yield f"index      {printable(row.caption) if row.caption else 'no caption'}"
    if labels:
        yield f"labels     {', '.join(f'{name} {probability:.2f}' for name, probability in labels)}"
