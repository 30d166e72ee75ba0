"""Files that say which photo has which captions, and how photos are divided for training."""

from __future__ import annotations

import codecs
import csv
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from photocap.errors import CaptionFileError

_DELIMITERS = ",\t;|"
_IMAGE_NAMES = ("image", "image_name", "filename", "file_name", "file", "path", "photo")
_CAPTION_NAMES = ("caption", "captions", "comment", "description", "text")
_SPLITS = {
    "train": "train",
    "training": "train",
    "restval": "train",
    "dev": "dev",
    "val": "dev",
    "valid": "dev",
    "validation": "dev",
    "test": "test",
}
_MAX_RECORD_LINES = 20  # a quoted caption may span lines; beyond this a quote was left open
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


@dataclass(frozen=True)
class CaptionRow:
    """One caption of one image; `split` is "train", "dev", "test" or None, `line` counts from 1."""

    image: str
    caption: str
    split: str | None
    line: int


@dataclass(frozen=True)
class Problem:
    """What is wrong with one line of a caption file (line 0: with the file as a whole)."""

    line: int
    text: str


@dataclass(frozen=True)
class CaptionTable:
    """The usable rows of a caption file, and what was wrong with the others."""

    rows: tuple[CaptionRow, ...]
    problems: tuple[Problem, ...]


class BadRow(ValueError):
    """A row that cannot be used; the text says why."""


def read_captions(path: Path) -> CaptionTable:
    """Read a table with the columns image, caption and optionally split.

    Comma, tab, semicolon or bar between the fields; UTF-8, UTF-16 or Windows-1252. Flickr8k's
    own `captions.txt` is such a table. Rows that cannot be used are listed with their line.

    Raises:
        CaptionFileError: the file cannot be read, is no such table, or has no usable row.
    """
    text, problems = read_text(path)
    records = _records(text)
    _, header = next(records, (1, []))
    columns = _find_columns(path, header)
    rows: list[CaptionRow] = []
    for line, record in records:
        try:
            rows.append(_read_row(record, columns, line))
        except BadRow as error:
            problems.append(Problem(line, str(error)))
    return usable(path, rows, problems)


def read_text(path: Path) -> tuple[str, list[Problem]]:
    """Read a text file whatever its encoding; a guessed encoding is told as a problem of line 0."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CaptionFileError(path, error.strerror or str(error)) from error
    encoding = next((name for bom, name in _BOMS if data.startswith(bom)), "utf-8")
    if encoding == "utf-8" and b"\0" in data:
        raise CaptionFileError(path, "is not a text file", "give a CSV with the columns image and caption")
    try:
        return data.decode(encoding), []
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        note = f"not {encoding.upper()} (line {line}): read as Windows-1252; save it as UTF-8 to be sure"
        return data.decode("cp1252", "replace"), [Problem(0, note)]


def usable(path: Path, rows: Sequence[CaptionRow], problems: Iterable[Problem]) -> CaptionTable:
    """Return rows and problems as a table in which every image stands in one split only.

    Raises:
        CaptionFileError: there are no rows.
    """
    problems = list(problems)
    first_split: dict[str, str] = {}
    kept = []
    for row in rows:
        split = first_split.setdefault(row.image, row.split) if row.split else first_split.get(row.image)
        if row.split and split != row.split:
            problems.append(Problem(row.line, f"{row.image} is in the split {split!r} on an earlier line; kept there"))
        kept.append(row)
    if not kept:
        reason = problems[0].text if problems else "the file is empty"
        raise CaptionFileError(path, f"holds no usable caption: {reason}", "columns: image, caption[, split]")
    rows = [replace(row, split=first_split.get(row.image)) for row in kept]
    return CaptionTable(tuple(rows), tuple(sorted(problems, key=lambda problem: problem.line)))


def make_row(image: str, caption: str, split: str, line: int) -> CaptionRow:
    """Return a row from raw text.

    Raises:
        BadRow: no image, no caption, or a split of an unknown name.
    """
    image, caption, split = image.strip(), " ".join(caption.split()), split.strip().lower()
    if not image:
        raise BadRow("no image name")
    if not caption:
        raise BadRow(f"{image} has an empty caption")
    if split and split not in _SPLITS:
        raise BadRow(f"unknown split {split!r} (known: train, dev, test)")
    return CaptionRow(image, caption, _SPLITS.get(split), line)


def keep_existing(table: CaptionTable, images: Path) -> CaptionTable:
    """Return the table without the rows whose image is not in the folder, each listed as a problem."""
    names = {row.image for row in table.rows}
    missing = {name for name in names if not (images / name).is_file()}
    problems = [Problem(row.line, f"{row.image} is not in {images}") for row in table.rows if row.image in missing]
    rows = tuple(row for row in table.rows if row.image not in missing)
    return CaptionTable(rows, tuple(sorted((*table.problems, *problems), key=lambda problem: problem.line)))


def split_by_image(
    rows: Iterable[CaptionRow], *, dev_fraction: float = 0.1, seed: int = 0
) -> dict[str, list[CaptionRow]]:
    """Divide rows into "train", "dev" and "test"; all captions of an image fall on one side.

    A split given in the file is respected. Images without one are divided by a hash of their
    name, so that an image stays on its side when rows are added, moved or read again.
    """
    splits: dict[str, list[CaptionRow]] = {"train": [], "dev": [], "test": []}
    rows = list(rows)
    given = {row.image: row.split for row in rows if row.split}
    places = {row.image: _place(row.image, seed) for row in rows if row.image not in given}
    dev = {image for image, place in places.items() if place < dev_fraction}
    if not dev and len(places) > 1 and "dev" not in given.values() and dev_fraction > 0:
        dev = {min(places, key=places.__getitem__)}
    for row in rows:
        splits[given.get(row.image) or ("dev" if row.image in dev else "train")].append(row)
    return splits


def _place(image: str, seed: int) -> float:
    digest = hashlib.sha256(f"{seed}:{image}".encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


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
    return 1, next(csv.reader([lines[0]], delimiter=delimiter, quoting=csv.QUOTE_NONE))


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
    return make_row(record[image], record[caption], record[split] if split is not None else "", line)
