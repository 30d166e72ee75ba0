"""`photocap show`: the caption of a photo, who wrote it, and every copy of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import click

from photocap.cli import console, options
from photocap.errors import IndexNotFound, printable
from photocap.records import CaptionMemory

if TYPE_CHECKING:
    from photocap.index import PhotoRow
    from photocap.metadata import Copy, PhotoMetadata

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

    Lists every copy with its place (EXIF, XMP, IPTC, comments, sidecars, files beside the photo), whether they agree,
    the alternative text, the words that people have written besides, and what the index says.
    """
    from photocap.metadata import ExifTool, read_metadata

    with ExifTool() as exiftool:
        found = read_metadata(photo, sidecar_dir=sidecar_dir, exiftool=exiftool)
    row, labels, memory = _from_index(photo, db)
    found = found.remembering(memory)
    if as_json:
        console.emit_json(_record(photo, found, row, labels))
    else:
        click.echo("\n".join(_lines(photo, found, row, labels)))


def _from_index(photo: Path, db: Path) -> tuple[PhotoRow | None, Labels, CaptionMemory]:
    """Return what the index knows of a photo, its labels and its captions, the row None where it does not know it."""
    from photocap.cli.model_choice import photo_in_index
    from photocap.cli.open_index import open_for_reading

    try:
        with open_for_reading(db) as index:
            row = photo_in_index(index, photo)
            if row is None or row.picture_hash is None:
                return row, [], CaptionMemory()
            picture_id = index.photos.picture_id(row.id)
            labels = index.photos.labels(picture_id) if picture_id else []
            return row, labels, index.captions.memory((row.picture_hash,), row.path)
    except IndexNotFound:
        return None, [], CaptionMemory()


def _record(photo: Path, read: PhotoMetadata, row: PhotoRow | None, labels: Labels) -> dict[str, Any]:
    found = read.caption
    copies = [_copy_record(copy, "caption") | {"language": copy.language or None} for copy in found.copies]
    return {
        "path": photo,
        "caption": found.text,
        "origin": found.origin.value,
        "model_id": found.model_id,
        "agree": found.agree,
        "copies": copies,
        "alt_texts": [_copy_record(copy, "text") for copy in read.alt_texts],
        **{kind: list(texts) for kind, texts in _besides(read).items()},
        "problem": found.problem or None,
        "index": None if row is None else {"caption": row.caption, "model_id": row.model_id, "written": row.written},
        "labels": [{"name": name, "probability": probability} for name, probability in labels],
    }


def _copy_record(copy: Copy, key: str) -> dict[str, Any]:
    return {"place": copy.place.value, "file": copy.path, key: copy.text, "origin": copy.origin.value}


def _besides(read: PhotoMetadata) -> dict[str, tuple[str, ...]]:
    """Return what people have written besides descriptions."""
    words = read.words
    return {"keywords": words.keywords, "titles": words.titles, "people": words.people, "places": words.places}


def _lines(photo: Path, read: PhotoMetadata, row: PhotoRow | None, labels: Labels) -> Iterator[str]:
    found = read.caption
    by = _WHOSE[found.origin.value] + (f" ({printable(found.model_id)})" if found.model_id else "")
    yield f"photo      {printable(photo)}"
    yield f"caption    {printable(found.text) if found.text else 'none'}"
    yield f"author     {by}"
    for copy in found.copies:
        same = "the same" if copy.text == found.text else f"{printable(copy.text)} ({_WHOSE[copy.origin.value]})"
        yield f"copy       {_place(copy, photo)}: {same}"
    for copy in read.alt_texts:
        yield f"alt text   {_WHOSE[copy.origin.value]}: {printable(copy.text)}"
    if not found.agree:
        yield "warning    the copies do not agree"
    if found.problem:
        yield f"warning    {printable(found.problem)}"
    for kind, texts in _besides(read).items():
        if texts:
            yield f"{kind:<11}{printable(', '.join(texts))}"
    if row is None:
        yield "index      does not know this photo"
    else:
        yield f"index      {printable(row.caption) if row.caption else 'no caption'}"
    if labels:
        yield f"labels     {', '.join(f'{name} {probability:.2f}' for name, probability in labels)}"


def _place(copy: Copy, photo: Path) -> str:
    """Return where a copy stands: the property, its language, and the file where that is not the photo."""
    language = f" [{copy.language}]" if copy.language not in ("", "x-default") else ""
    file = f" {printable(copy.path.name)}" if copy.path != photo else ""
    shared = ", of several photos" if copy.is_shared else ""
    return f"{copy.place.value}{language}{file}{shared}"
