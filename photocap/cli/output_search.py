"""The forms in which photos that were found are shown; shared by `search` and `similar`."""

from __future__ import annotations

import csv
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from photocap.cli import console
from photocap.errors import printable
from photocap.query import Phrase, Query, Word, any_of, searched_texts
from photocap.search.results import MatchKind

if TYPE_CHECKING:
    from rich.text import Text

    from photocap.index import PhotoIndex
    from photocap.search import SearchHit, SearchResult

_START, _END = "\x02", "\x03"  # around highlighted words; captions hold no control characters
_COLUMNS = ("path", "caption", "score", "kind", "source", "confidence", "taken", "camera", "rating")


def explain(result: SearchResult, *, in_full: bool) -> None:
    """Say on stderr how the query was read: all of it when asked, else only what may surprise."""
    lines = result.explanation if in_full else result.explanation[1:]
    for line in (*lines, *result.remarks):
        console.note(line)


def summarise(result: SearchResult, offset: int) -> None:
    """Say on stderr how many photos there are, and what to try where there are none."""
    last = offset + len(result.hits)
    alike = sum(hit.kind is MatchKind.SIMILAR for hit in result.hits)
    if result.total:
        capped = result.total >= result.counted_to
        total = f"at least {result.counted_to:,} photos" if capped else console.count(result.total, "photo")
        shown = f"{offset + 1:,} to {last - alike:,} of " if len(result.hits) > alike else ""
        console.note(f"{shown}{total}" + (f", and {alike:,} that may fit" if alike else ""))
    elif result.hits:
        console.note(f"no photo has all these words; {alike:,} that may fit")
    else:
        console.note("no photos found" + (" (--min-score 0 shows what comes nearest)" if result.filled else ""))
    if result.suggestions:
        console.note(f"did you mean: {', '.join(result.suggestions)}")


def as_record(hit: SearchHit) -> dict[str, Any]:
    """Return a hit as a JSON object."""
    photo = hit.photo
    return {
        "path": photo.path,
        "caption": photo.caption,
        "score": hit.score,
        "kind": hit.kind.value,
        "source": photo.source.value if photo.source else None,
        "confidence": photo.confidence,
        "taken": photo.taken,
        "camera": photo.camera,
        "rating": photo.rating,
        "text_rank": hit.text_rank,
        "image_rank": hit.image_rank,
        "similarity": hit.similarity,
    }


def print_csv(hits: Sequence[SearchHit]) -> None:
    """Print hits as CSV; names that are not UTF-8 are escaped."""
    from photocap.datasets.spreadsheet import as_cell

    writer = csv.DictWriter(sys.stdout, _COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for hit in hits:
        record = as_record(hit)
        record["path"] = str(hit.photo.path).encode("utf-8", "backslashreplace").decode()
        writer.writerow({name: as_cell(value) for name, value in record.items()})


def print_table(index: PhotoIndex, query: Query | None, hits: Sequence[SearchHit], *, in_full: bool) -> None:
    """Print hits as a table as wide as the terminal; words of the query highlighted, what is only alike dimmed."""
    from rich.style import Style
    from rich.table import Table
    from rich.text import Text

    if not hits:
        return
    captions = _highlighted(index, query, hits)
    table = Table(box=None, pad_edge=False)
    table.add_column("caption", ratio=3)
    table.add_column("photo", ratio=2, overflow="fold")
    table.add_column("taken", no_wrap=True)
    if in_full:
        table.add_column("why", no_wrap=True)
    for hit in hits:
        marked = captions.get(hit.photo.id, printable(hit.photo.caption or ""))
        style = "dim" if hit.kind is MatchKind.SIMILAR else ""
        # A long path is broken into lines; the link stays whole.
        photo = Text(printable(hit.photo.path), Style(link=hit.photo.path.as_uri()))
        cells: list[str | Text] = [_styled(marked), photo, (hit.photo.taken or "")[:10]]
        table.add_row(*cells, *([_why(hit)] if in_full else []), style=style)
    console.stdout().print(table)


def _why(hit: SearchHit) -> str:
    parts = [hit.kind.value, *([f"words {hit.text_rank}"] if hit.text_rank else [])]
    parts += [f"look {hit.image_rank}"] if hit.image_rank else []
    parts += [f"similarity {hit.similarity:.2f}"] if hit.similarity is not None else []
    return ", ".join(parts)


def _highlighted(index: PhotoIndex, query: Query | None, hits: Sequence[SearchHit]) -> Mapping[int, str]:
    texts = searched_texts(query.tree) if query else ()
    searched = [item for item in texts if isinstance(item, (Word, Phrase))]
    if not searched:
        return {}
    return index.query.highlighted([hit.photo.id for hit in hits], any_of(searched), _START, _END)


def _styled(marked: str) -> Text:
    from rich.text import Text

    text = Text()
    for piece in marked.split(_START):
        word, end, rest = piece.partition(_END)
        text.append(printable(word), style="bold" if end else "")
        text.append(printable(rest))
    return text


def deliver(result: SearchResult, title: str, copy_to: Path | None, link_to: Path | None, page: Path | None) -> bool:
    """Copy, link, or write a page of the photos found; tell whether something failed."""
    from photocap.search import copy_files

    paths = [hit.photo.path for hit in result.hits]
    problems = []
    if copy_to:
        problems += list(copy_files.copy_to(paths, copy_to))
    if link_to:
        problems += list(copy_files.link_to(paths, link_to))
    for problem in problems:
        console.warn(f"photocap: {problem}")
    if page:
        from photocap.search.gallery import write_gallery

        unread = write_gallery(result.hits, title, page)
        console.note(f"the photos: {page}" + (f" ({unread} cannot be read)" if unread else ""))
    return bool(problems)


def emit(hits: Sequence[SearchHit], *, as_json: bool, end_with_null: bool) -> None:
    """Print hits as JSON or as paths."""
    for hit in hits:
        if as_json:
            console.emit_json(as_record(hit))
        else:
            console.emit_path(hit.photo.path, end_with_null=end_with_null)
