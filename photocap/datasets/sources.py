"""Everything captions can be learned from: caption files, photos that carry captions, Hugging Face data sets."""

from __future__ import annotations

import hashlib
import importlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from photocap.datasets import BadRow, CaptionRow, CaptionTable, Problem, as_table, make_row, read_captions
from photocap.datasets.shards import read_shard, shards_of
from photocap.errors import CaptionFileError, ReadError
from photocap.index import PhotoIndex
from photocap.metadata import Origin, read_caption
from photocap.photos import find_photos

_DATASET_MARKS = ("dataset_dict.json", "dataset_info.json")
_IMAGE_COLUMN = re.compile(r"image|image_path|file_name|filename|photo|picture")
_CAPTION_COLUMN = re.compile(r"(caption|sentence|text|comment|description)s?(_\d+|_raw)?")


@dataclass(frozen=True)
class CaptionSet:
    """Captions, where they were read from, and the folder that the names of their images start from."""

    path: Path
    table: CaptionTable
    images: Path


def read_caption_source(path: Path, images: Path | None, extracted: Path) -> CaptionSet:
    """Read captions from whatever `path` is.

    Args:
        path: a caption file; a folder that `datasets` has saved; Parquet or WebDataset (tar) shards of captioned
            pictures, one file or a folder of them; or a folder of photos, of which those are taken whose metadata
            holds words by a person.
        images: the folder of the images; None is the folder of the caption file, or the folder itself.
        extracted: where pictures are put that a data set carries inside; made when needed.

    Raises:
        CaptionFileError: there is nothing in it that can be used.
    """
    if any((path / mark).is_file() for mark in _DATASET_MARKS):
        return _read_dataset(path, images, extracted)
    if shards := shards_of(path):
        return _read_shards(path, shards, images, extracted)
    if not path.is_dir():
        return CaptionSet(path, read_captions(path), images or path.parent)
    return _read_photos(path)


def read_library(db: Path) -> CaptionSet:
    """Read the captions that people wrote or accepted from an index; one photo of each picture.

    Raises:
        CaptionFileError: there is none.
    """
    with PhotoIndex.open(db, read_only=True) as index:
        photos = list(index.captions.one_photo_each(by_person_only=True))
    rows = [CaptionRow(str(photo.path), " ".join(photo.caption.split()), None, 0) for photo in photos if photo.caption]
    if not rows:
        hint = "`photocap edit` and `photocap review` make some, `photocap index` finds those inside photos"
        raise CaptionFileError(db, "holds no caption by a person", hint)
    return CaptionSet(db, CaptionTable(tuple(rows), ()), db.parent)


def _read_photos(folder: Path) -> CaptionSet:
    """Take the captions that people wrote; what photocap wrote must not teach photocap."""
    root = folder.absolute()
    rows: list[CaptionRow] = []
    problems: list[Problem] = []
    for photo in find_photos([root]):
        try:
            found = read_caption(photo.path)
        except ReadError as error:
            problems.append(Problem(0, str(error)))
            continue
        if found.origin is Origin.PERSON and found.text and found.text.strip():
            rows.append(make_row(str(photo.path.relative_to(root)), found.text, "", 0))
    if not rows and not problems:
        raise CaptionFileError(folder, "none of its photos has a caption by a person", "give a caption file instead")
    return CaptionSet(folder, as_table(folder, rows, problems), root)


def _read_dataset(folder: Path, images: Path | None, extracted: Path) -> CaptionSet:
    try:
        datasets: Any = importlib.import_module("datasets")
    except ImportError as error:
        hint = "pip install datasets"
        raise CaptionFileError(folder, "is a Hugging Face data set; reading it needs `datasets`", hint) from error
    try:
        loaded = datasets.load_from_disk(str(folder))
    except Exception as error:  # Arrow and `datasets` raise anything on damaged folders
        raise CaptionFileError(folder, f"cannot be read as a data set: {error}") from error
    parts = loaded.items() if isinstance(loaded, dict) else [("", loaded)]
    entries = [entry for split, part in parts for entry in _entries(folder, split, part, extracted)]
    rows = [entry for entry in entries if isinstance(entry, CaptionRow)]
    problems = [entry for entry in entries if isinstance(entry, Problem)]
    return CaptionSet(folder, as_table(folder, rows, problems), images or extracted)


def _read_shards(path: Path, shards: Sequence[Path], images: Path | None, extracted: Path) -> CaptionSet:
    entries = [entry for shard in shards for entry in _rows_of(shard.name, "", read_shard(shard), extracted)]
    rows = [entry for entry in entries if isinstance(entry, CaptionRow)]
    problems = [entry for entry in entries if isinstance(entry, Problem)]
    return CaptionSet(path, as_table(path, rows, problems), images or extracted)


def _entries(folder: Path, split: str, part: Any, extracted: Path) -> Iterator[CaptionRow | Problem]:
    """Yield the captions of one split of a data set, row by row."""
    if not (
        any(map(_IMAGE_COLUMN.fullmatch, part.column_names)) and any(map(_CAPTION_COLUMN.fullmatch, part.column_names))
    ):
        found = ", ".join(part.column_names)
        raise CaptionFileError(folder, f"has no columns for image and caption (found: {found})")
    # The table below shows pictures as they are stored; `datasets` itself would decode every one of them.
    stored = (row for batch in part.data.to_batches() for row in batch.to_pylist())
    return _rows_of(split or folder.name, split, stored, extracted)


def _rows_of(
    name: str, split: str, stored: Iterable[Mapping[str, Any]], extracted: Path
) -> Iterator[CaptionRow | Problem]:
    """Yield a caption for each text of each stored row, and a problem for each row that cannot be used."""
    for number, row in enumerate(stored, start=1):
        try:
            image = next((value for column, value in row.items() if _IMAGE_COLUMN.fullmatch(column)), None)
            texts = list(_texts(value for column, value in row.items() if _CAPTION_COLUMN.fullmatch(column)))
            if not texts:
                raise BadRow("no caption")
            image_name = _image_name(image, extracted)
            for caption in texts:
                yield make_row(image_name, caption, str(row.get("split") or split), number)
        except BadRow as error:
            yield Problem(number, f"row {number} of {name}: {error}")


def _image_name(value: object, extracted: Path) -> str:
    """Return the name of a row's image; a picture inside the row is put into a file named after its content.

    So the same picture in several rows is one image, and cannot end up on both sides of a split.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        value = {"bytes": value}
    if not isinstance(value, dict) or not (value.get("bytes") or value.get("path")):
        raise BadRow("no image")
    data, path = value.get("bytes"), value.get("path") or ""
    if not data:
        return str(Path(path).absolute())
    name = hashlib.sha256(data).hexdigest()[:32] + (Path(path).suffix or ".jpg")
    file = extracted / name
    if not file.exists():
        extracted.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    return name


def _texts(values: Iterable[object]) -> Iterator[str]:
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            yield from _texts(value)
        else:
            raise BadRow("a caption that is not text")
