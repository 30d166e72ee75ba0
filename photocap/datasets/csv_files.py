"""Tables with the columns image, caption and optionally split."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from photocap.datasets.rows import BadRow, CaptionRow, Problem, make_row
from photocap.datasets.spreadsheet import from_cell
from photocap.errors import CaptionFileError

_DELIMITERS = ",\t;|"
_IMAGE_NAMES = ("image", "image_name", "filename", "file_name", "file", "path", "photo")
_CAPTION_NAMES = ("caption", "captions", "comment", "description", "text")
_MAX_RECORD_LINES = 20  # a quoted caption may span lines; beyond this a quote was left open


def read_table(path: Path, text: str) -> tuple[list[CaptionRow], list[Problem]]:
    """Read a table with comma, tab, semicolon or bar between its fields.

    Raises:
        CaptionFileError: the first line does not name the columns.
    """
    records = _records(text)
    _, header = next(records, (1, []))
    columns = _find_columns(path, header)
    rows: list[CaptionRow] = []
    problems: list[Problem] = []
    for line, record in records:
        try:
            rows.append(_read_row(record, columns, line))
        except BadRow as error:
            problems.append(Problem(line, str(error)))
    return rows, problems


def _records(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield (line number, fields); an open quote spoils its own line, never the rest of the file."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    delimiter = max(_DELIMITERS, key=lines[0].count)
    at = 0
    while at < len(lines):
        taken, fields = _take_record(lines[at : at + _MAX_RECORD_LINES], delimiter)
        if fields:
            yield at + 1, fields
        at += taken


def _take_record(lines: Sequence[str], delimiter: str) -> tuple[int, list[str]]:
    for taken in range(1, len(lines) + 1):
        try:
            return taken, next(csv.reader(["\n".join(lines[:taken])], delimiter=delimiter, strict=True), [])
        except csv.Error:
            continue
    return 1, lines[0].split(delimiter)


def _find_columns(path: Path, header: Sequence[str]) -> tuple[int, int, int | None, int]:
    """Return the places of image, caption and split, and the number of columns."""
    names = [name.strip().lower() for name in header]

    def place(known: Sequence[str]) -> int | None:
        return next((names.index(name) for name in known if name in names), None)

    image, caption = place(_IMAGE_NAMES), place(_CAPTION_NAMES)
    if image is None or caption is None:
        missing = "image" if image is None else "caption"
        found = ", ".join(names)[:80] or "nothing"
        raise CaptionFileError(
            path, f"has no column {missing!r} in its first line (found: {found})", "columns: image, caption[, split]"
        )
    return image, caption, place(("split",)), len(names)


def _read_row(record: Sequence[str], columns: tuple[int, int, int | None, int], line: int) -> CaptionRow:
    image, caption, split, n_columns = columns
    if len(record) != n_columns:
        hint = "; a caption with the delimiter in it needs quotes" if len(record) > n_columns else ""
        raise BadRow(f"{len(record)} fields where the first line has {n_columns}{hint}")
    side = record[split] if split is not None else ""
    return make_row(from_cell(record[image]), from_cell(record[caption]), side, line)
