"""`photocap status`: what the index holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from photocap.cli import console, options
from photocap.errors import printable

if TYPE_CHECKING:
    from photocap.index import IndexCounts, PhotoIndex

_RUNS = 3


@click.command("status")
@options.db_option
@click.option("--failed", is_flag=True, help="List the photos that could not be read, and why.")
@click.option("--missing", is_flag=True, help="List the photos that are gone.")
@options.json_option
def command(db: Path, failed: bool, missing: bool, as_json: bool) -> None:
    """Show what the index contains.

    \b
        photocap status
        photocap status --failed

    Counts photos, captions and who wrote them, and what can be taken back. Changes nothing.
    """
    from photocap.cli.open_index import open_for_reading

    with open_for_reading(db) as index:
        counts = index.counts()
        if as_json:
            runs = [asdict(run) for run in index.runs.latest(_RUNS)]
            console.emit_json({"db": db, "size_bytes": db.stat().st_size, **asdict(counts), "runs": runs})
        else:
            click.echo("\n".join([f"{printable(db)}, {_size(db.stat().st_size)}", *_lines(counts), *_runs(index)]))
        _list(index, failed=failed, missing=missing, as_json=as_json)


def _lines(counts: IndexCounts) -> Iterator[str]:
    yield f"{counts.present:>10,}  photos"
    optional = {
        "missing (photocap status --missing)": counts.missing,
        "could not be read (photocap status --failed)": counts.failed,
        "captions by a person": counts.by_person,
        **{f"captions by {printable(model)}": count for model, count in counts.by_model.items()},
        "pictures without a caption": counts.without_caption,
        "pictures that can be found by look": counts.embeddings,
        "writes that can be taken back (photocap restore)": counts.undo_records,
    }
    for what, count in optional.items():
        if count:
            yield f"{count:>10,}  {what}"


def _runs(index: PhotoIndex) -> Iterator[str]:
    for run in index.runs.latest(_RUNS):
        end = run.outcome if run.finished else "did not end (running, or killed)"
        yield printable(f"run {run.id}: {run.command}, {run.started.replace('T', ' ').rstrip('Z')} UTC, {end}")


def _list(index: PhotoIndex, *, failed: bool, missing: bool, as_json: bool) -> None:
    if failed:
        for path, error in index.photos.failed():
            if as_json:
                console.emit_json({"path": path, "state": "failed", "error": error})
            else:
                click.echo(f"{printable(path)}: {printable(error)}")
    if missing:
        for path in index.photos.missing():
            if as_json:
                console.emit_json({"path": path, "state": "missing"})
            else:
                console.emit_path(path)


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:,.1f} MB"
