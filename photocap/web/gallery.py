"""A gallery in a folder: it opens from the disk, needs no server, and searches in the browser."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from photocap.errors import FileProblem, WriteError, printable
from photocap.index import PhotoIndex, PhotoRow
from photocap.photos import render_jpeg
from photocap.search import TextEncoderProtocol, search
from photocap.system.atomicfile import replace_file
from photocap.web.phrases import day, shape_class, standing
from photocap.web.site import STATIC, render

_PICTURE_PX = 768
_FOUND_AT_MOST = 10_000
_ROWS_AT_ONCE = 500
_PICTURES = "pictures"
_MARK = "<!-- photocap gallery -->"
_ASSETS = ("photocap.css", "gallery.js", "icon.svg")


def photos_for(index: PhotoIndex, text: str, encoder: TextEncoderProtocol | None) -> list[PhotoRow]:
    """Return the photos that a query finds; without a query all photos, the newest first."""
    if text:
        return [hit.photo for hit in search(index, text, limit=_FOUND_AT_MOST, text_encoder=encoder).hits]
    rows: list[PhotoRow] = []
    ids = index.browse.newest(_ROWS_AT_ONCE)
    while ids:
        rows += index.photos.by_id(ids)
        ids = index.browse.newest(_ROWS_AT_ONCE, ids[-1])
    return rows


def check_folder(folder: Path) -> None:
    """Make sure that a gallery may be written to a folder.

    Raises:
        WriteError: something else is there.
    """
    page = folder / "index.html"
    try:
        is_free = not folder.exists() or not any(folder.iterdir())
        is_ours = is_free or (page.is_file() and _MARK in page.read_text(encoding="utf-8", errors="replace")[:200])
    except OSError as error:
        raise WriteError(folder, f"this folder cannot be used: {error.strerror}") from error
    if not is_ours:
        raise WriteError(folder, "exists and is no gallery of photocap's", "give --out a new folder")


def write_gallery_to(folder: Path, rows: Sequence[PhotoRow], title: str) -> Iterator[FileProblem | None]:
    """Write a gallery; yield once for each photo: None, or why it is not in the gallery.

    Neither the folders nor the places of the photos are in it, since galleries are made to be given away.

    Args:
        folder: as `check_folder` admits it.
        rows: the photos.
        title: stands above them.

    Raises:
        WriteError: the folder cannot be written.
    """
    records: list[dict[str, Any]] = []
    try:
        (folder / _PICTURES).mkdir(parents=True, exist_ok=True)
        for number, row in enumerate(rows, start=1):
            try:
                jpeg = render_jpeg(row.path, _PICTURE_PX)
            except FileProblem as problem:
                yield problem
                continue
            picture = f"{_PICTURES}/{number}.jpg"
            replace_file(folder / picture, jpeg)
            records.append(_record(row, picture))
            yield None
        _write_pages(folder, records, title)
        _remove_others(folder / _PICTURES, {record["picture"] for record in records})
    except OSError as error:
        raise WriteError(folder, f"the gallery cannot be written: {error.strerror}") from error


def _record(row: PhotoRow, picture: str) -> dict[str, Any]:
    return {
        "picture": picture,
        "caption": printable(row.caption or ""),
        "shape": shape_class(row),
        "standing": standing(row),
        "name": printable(row.path.name),
        "taken": day(row.taken) if row.taken else "",
        "camera": row.camera or "",
    }


def _write_pages(folder: Path, records: Iterable[dict[str, Any]], title: str) -> None:
    text = json.dumps(list(records), ensure_ascii=False, indent=1)
    replace_file(folder / "photos.json", text.encode("utf-8", "replace"))
    # A page that was opened from the disk may load scripts, but no JSON.
    replace_file(folder / "photos.js", f'"use strict";\nconst PHOTOS = {text};\n'.encode("utf-8", "replace"))
    for name in _ASSETS:
        shutil.copyfile(STATIC / name, folder / name)
    page = render("gallery.html", title=title, mark=_MARK)
    replace_file(folder / "index.html", page.encode("utf-8", "replace"))


def _remove_others(folder: Path, pictures: set[str]) -> None:
    """Remove the pictures of an earlier gallery in the same place."""
    for path in folder.glob("*.jpg"):
        if path.stem.isdecimal() and f"{_PICTURES}/{path.name}" not in pictures:
            path.unlink()
