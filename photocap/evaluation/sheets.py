"""Contact sheets for judging captions by eye, the table to fill in beside them, and its summary."""

from __future__ import annotations

import csv
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from photocap.datasets.spreadsheet import as_cell
from photocap.errors import CaptionFileError, ReadError
from photocap.evaluation import EvaluatedPhoto
from photocap.photos import load_image
from photocap.system.named_errors import naming

TABLE = "judge.csv"
VERDICTS = ("right", "detail", "wrong")
_COLUMNS = ("number", "image", "kind", "caption", "labels", "confidence", "verdict", "invented")
_ACROSS, _DOWN = 5, 4
_PICTURE_PX = 250
_TEXT_PX = 100
_MARGIN_PX = 8
_LINE_CHARACTERS = 38
_LINES = 6


@dataclass(frozen=True, kw_only=True)
class KindSummary:
    """How captions of one kind of photo were judged.

    Attributes:
        kind: what the judge called it; "all" for everything together.
        photos: judged photos.
        right: nothing in the caption is wrong.
        detail: the subject is named and something else is wrong.
        wrong: the subject is wrong.
        invented: a being is named that is not there, whatever else holds.
    """

    kind: str
    photos: int
    right: int
    detail: int
    wrong: int
    invented: int


def write_sheets(photos: Sequence[EvaluatedPhoto], folder: Path) -> list[Path]:
    """Write sheets of twenty photos and the table `judge.csv` into a folder; return the sheets.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    table = folder / TABLE
    with naming(table), open(table, "w", encoding="utf-8", errors="replace", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_COLUMNS)
        writer.writerows(map(as_cell, _row(number, photo)) for number, photo in enumerate(photos, start=1))
    size, sheets = _ACROSS * _DOWN, []
    for start in range(0, len(photos), size):
        sheets.append(folder / f"sheet-{start // size + 1:03d}.jpg")
        with naming(sheets[-1]):
            _sheet(photos[start : start + size], start + 1).save(sheets[-1], quality=80)
    return sheets


def _row(number: int, photo: EvaluatedPhoto) -> tuple[object, ...]:
    labels = "; ".join(label.name for label in photo.caption.labels)
    return number, photo.path.name, "", photo.caption.text, labels, f"{photo.caption.confidence:.2f}", "", ""


def _sheet(photos: Sequence[EvaluatedPhoto], first: int) -> Image.Image:
    cell_width, cell_height = _PICTURE_PX + _MARGIN_PX, _PICTURE_PX + _TEXT_PX
    sheet = Image.new("RGB", (_ACROSS * cell_width, _DOWN * cell_height), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(12)
    for place, photo in enumerate(photos):
        left, top = place % _ACROSS * cell_width, place // _ACROSS * cell_height
        try:
            picture = load_image(photo.path, _PICTURE_PX)
        except ReadError:  # it could be read before, and is gone meanwhile
            continue
        picture.thumbnail((_PICTURE_PX, _PICTURE_PX))
        sheet.paste(picture, (left, top))
        text = "\n".join(list(_lines(first + place, photo))[:_LINES])
        draw.multiline_text((left + 2, top + _PICTURE_PX + 2), text, fill="black", font=font, spacing=2)
    return sheet


def _lines(number: int, photo: EvaluatedPhoto) -> Iterator[str]:
    caption = photo.caption
    yield from textwrap.wrap(f"{number}: {caption.text} ({caption.confidence:.2f})", _LINE_CHARACTERS)
    yield from textwrap.wrap(", ".join(label.name for label in caption.labels), _LINE_CHARACTERS)


def read_judged(path: Path) -> list[KindSummary]:
    """Sum up a filled-in table: one line for each kind, then "all"; rows without a verdict do not count.

    Raises:
        CaptionFileError: it cannot be read, lacks a column or holds another verdict than right, detail or wrong.
    """
    try:
        with open(path, encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, ValueError, csv.Error) as error:
        raise CaptionFileError(path, f"cannot be read: {error}") from error
    if not rows or "verdict" not in rows[0]:
        raise CaptionFileError(path, "has no column verdict", f"fill in a {TABLE} that --sheet has written")
    counts: dict[str, Counter[str]] = {}
    for line, row in enumerate(rows, start=2):
        verdict = (row["verdict"] or "").strip().lower()
        if not verdict:
            continue
        if verdict not in VERDICTS:
            raise CaptionFileError(path, f"line {line}: {verdict!r} is none of {', '.join(VERDICTS)}")
        found = Counter({"photos": 1, verdict: 1, "invented": int(bool((row.get("invented") or "").strip()))})
        for kind in {(row.get("kind") or "").strip() or "other", "all"}:
            counts.setdefault(kind, Counter()).update(found)
    if not counts:
        raise CaptionFileError(path, "holds no verdict yet", f"write one of {', '.join(VERDICTS)} into each row")
    order = sorted(counts, key=lambda kind: (kind == "all", kind))
    return [
        KindSummary(kind=kind, **{name: counts[kind][name] for name in ("photos", *VERDICTS, "invented")})
        for kind in order
    ]


def judgement_lines(found: Sequence[KindSummary]) -> list[str]:
    """Return the summary as a table for a terminal."""
    head = f"{'kind':<18} {'photos':>6} {'right':>7} {'detail':>7} {'wrong':>7} {'invented':>9}"
    return [head, *(_judgement_line(row) for row in found)]


def _judgement_line(row: KindSummary) -> str:
    shares = [f"{count / row.photos:.0%}" for count in (row.right, row.detail, row.wrong, row.invented)]
    right, detail, wrong, invented = shares
    return f"{row.kind:<18} {row.photos:>6,} {right:>7} {detail:>7} {wrong:>7} {invented:>9}"
