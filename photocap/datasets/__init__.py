"""Files that say which photo has which captions, and how photos are divided for training."""

from __future__ import annotations

from pathlib import Path

from photocap.datasets.csv_files import read_table
from photocap.datasets.encoding import read_text
from photocap.datasets.flickr8k import is_token_file, read_token_file
from photocap.datasets.json_files import is_json, read_json
from photocap.datasets.rows import BadRow, CaptionRow, CaptionTable, Problem, as_table, make_row
from photocap.datasets.splits import split_by_image

__all__ = [
    "BadRow",
    "CaptionRow",
    "CaptionTable",
    "Problem",
    "as_table",
    "make_row",
    "read_captions",
    "split_by_image",
]


def read_captions(path: Path) -> CaptionTable:
    """Read a caption file of any known layout, recognised by its content; rows that cannot be used are listed.

    A table with the columns image, caption and optionally split (Flickr8k's `captions.txt` is one),
    with comma, tab, semicolon or bar between the fields; Flickr8k's token file; Karpathy's JSON;
    COCO's captions JSON. UTF-8, UTF-16 or Windows-1252.

    Raises:
        CaptionFileError: the file cannot be read, is of no known layout, or has no usable row.
    """
    text, notes = read_text(path)
    if is_json(text):
        rows, problems = read_json(path, text)
    elif is_token_file(text):
        rows, problems = read_token_file(path, text)
    else:
        rows, problems = read_table(path, text)
    return as_table(path, rows, [*notes, *problems])
