"""Flickr8k's token file: "name.jpg#0<tab>caption" on each line, the splits in lists of images beside it."""

from __future__ import annotations

import re
from pathlib import Path

from photocap.datasets.encoding import read_text
from photocap.datasets.rows import BadRow, CaptionRow, Problem, make_row

_LINE = re.compile(r"(?P<image>[^\t]+)#\d+\t(?P<caption>.*)")
_SPLIT_LISTS = {"train": "*train*mages.txt", "dev": "*dev*mages.txt", "test": "*test*mages.txt"}


def is_token_file(text: str) -> bool:
    """Return whether the first line is that of a token file."""
    return _LINE.match(text) is not None


def read_token_file(path: Path, text: str) -> tuple[list[CaptionRow], list[Problem]]:
    """Read a token file; `Flickr_8k.trainImages.txt` and its like are used where they lie in the same folder."""
    split_of = _read_split_lists(path.parent)
    rows: list[CaptionRow] = []
    problems: list[Problem] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            match = _LINE.fullmatch(line)
            if not match:
                raise BadRow("not of the form name.jpg#0<tab>caption")
            rows.append(make_row(match["image"], match["caption"], split_of.get(match["image"], ""), number))
        except BadRow as error:
            problems.append(Problem(number, str(error)))
    return rows, problems


def _read_split_lists(folder: Path) -> dict[str, str]:
    return {
        image: split
        for split, pattern in _SPLIT_LISTS.items()
        for file in sorted(folder.glob(pattern))
        for image in read_text(file)[0].split()
    }
