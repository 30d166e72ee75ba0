"""`photocap explain`: where the caption of a photo comes from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from photocap.cli import console, options
from photocap.errors import printable
from photocap.records import Written

if TYPE_CHECKING:
    from photocap.index import CaptionVersion, PhotoRow


_TAKEN_FROM = {"filename": " (by the file name)", "takeout": " (by Google Takeout)"}


@click.command("explain")
@click.argument("photo", type=click.Path(path_type=Path))
@options.db_option
@options.json_option
def command(photo: Path, db: Path, as_json: bool) -> None:
    """Explain where the caption of a photo comes from.

    \b
        photocap explain holiday/IMG_2041.jpg

    Lists every caption that the picture ever had: who wrote it (a person, or which model with which
    weights), when, in which run, how sure, and what became of it; and what else the index knows.
    """
    from photocap.cli.model_choice import photo_in_index
    from photocap.cli.open_index import open_for_reading

    with open_for_reading(db) as index:
        row = photo_in_index(index, photo)
        history = index.captions.history(row.picture_hash) if row.picture_hash else []
        known = index.photos.find_picture(row.picture_hash) if row.picture_hash else None
        copies = [path for path in known.paths if path != row.path] if known else []
        writes = len(list(index.undo.rows([row.path])))
    if as_json:
        console.emit_json(_record(row, history, copies, writes))
    else:
        click.echo("\n".join([*_facts(row, copies, writes), *_history(history)]))


def _record(row: PhotoRow, history: Sequence[CaptionVersion], copies: Sequence[Path], writes: int) -> dict[str, Any]:
    captions = [asdict(caption) for caption in history]
    return asdict(row) | {"captions": captions, "copies": list(copies), "writes": writes}


def _facts(row: PhotoRow, copies: Sequence[Path], writes: int) -> Iterator[str]:
    yield f"photo      {printable(row.path)}"
    yield f"state      {row.state.value}" + (f": {printable(row.error)}" if row.error else "")
    yield f"caption    {printable(row.caption) if row.caption else 'none'}"
    yield f"in file    {'no, only in the index' if row.written is Written.NONE else row.written.value}"
    yield f"picture    {row.picture_hash or 'unknown'}"
    facts = {
        "size": f"{row.width_px} x {row.height_px}" if row.width_px else None,
        "taken": row.taken and row.taken.replace("T", " ") + _TAKEN_FROM.get(row.taken_source or "", ""),
        "camera": row.camera,
        "lens": row.lens,
        "place": f"{row.latitude}, {row.longitude}" if row.latitude is not None else None,
        "rating": row.rating,
        "undo": f"{writes} writes can be taken back (photocap restore)" if writes else None,
    }
    for name, value in facts.items():
        if value is not None:
            yield f"{name:<10} {printable(str(value))}"
    for copy in copies:
        yield f"{'copy':<10} {printable(copy)}"


def _history(history: Sequence[CaptionVersion]) -> Iterator[str]:
    if history:
        yield "captions, oldest first:"
    for caption in history:
        mark = "*" if caption.current else " "
        yield f" {mark} {printable(caption.text)}"
        yield f"   {_provenance(caption)}"


def _provenance(caption: CaptionVersion) -> str:
    weights = f", weights {caption.weights_sha256[:12]}" if caption.weights_sha256 else ""
    sure = f", confidence {caption.confidence:.2f}" if caption.confidence is not None else ""
    who = "a person" if caption.source.value == "person" else f"model {caption.model_id}{weights}"
    run = f", run {caption.run_id}" if caption.run_id else ""
    verdict = f", {caption.verdict.value} by a person" if caption.verdict else ""
    return f"by {who}{sure}, {caption.created.replace('T', ' ').rstrip('Z')} UTC{run}{verdict}"
