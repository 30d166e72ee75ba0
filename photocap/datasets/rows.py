"""What every caption file comes down to: rows of image, caption and split, and what was wrong with the others."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from photocap.errors import CaptionFileError

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


@dataclass(frozen=True)
class CaptionRow:
    """One caption of one image.

    Attributes:
        image: its path inside the folder of images.
        caption: what somebody wrote about it, blanks tidied.
        split: "train", "dev", "test" or None.
        line: where it stands, counted from 1; in JSON files the number of the entry.
    """

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


def as_table(path: Path, rows: Sequence[CaptionRow], problems: Iterable[Problem]) -> CaptionTable:
    """Return rows and problems as a table in which every image stands in one split only.

    Raises:
        CaptionFileError: there are no rows.
    """
    problems = list(problems)
    split_of: dict[str, str] = {}
    for row in rows:
        if row.split and split_of.setdefault(row.image, row.split) != row.split:
            problems.append(Problem(row.line, f"{row.image} was in {split_of[row.image]} before and stays there"))
    if not rows:
        reason = problems[0].text if problems else "it is empty"
        raise CaptionFileError(path, f"holds no usable caption: {reason}", "columns: image, caption[, split]")
    settled = tuple(replace(row, split=split_of.get(row.image)) for row in rows)
    return CaptionTable(settled, tuple(sorted(problems, key=lambda problem: problem.line)))


def _leads_out(image: str) -> bool:
    """Return whether a relative name would be looked for outside the folder that it counts from."""
    return os.path.normpath(image).split(os.sep)[0] == os.pardir


def make_row(image: str, caption: str, split: str, line: int) -> CaptionRow:
    """Return a row from raw text.

    Raises:
        BadRow: no image, one outside the folder of images, no caption, or a split of an unknown name.
    """
    image, split = image.strip(), split.strip().lower()
    caption = " ".join(caption.encode("utf-8", "replace").decode().split())  # JSON can hold halves of characters
    if not image:
        raise BadRow("no image name")
    if _leads_out(image):
        raise BadRow(f"{image} leads out of the folder of images; name the photo by its full path")
    if not caption:
        raise BadRow(f"{image} has an empty caption")
    if split and split not in _SPLITS:
        raise BadRow(f"unknown split {split!r} (known: train, dev, test)")
    return CaptionRow(image, caption, _SPLITS.get(split), line)
