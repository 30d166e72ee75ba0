"""The words by which a photo is found, gathered in its row of `search_text`; triggers feed the text indexes from it."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from photocap.query import COLUMNS, MONTHS, fold, has_no_spaces, season_of, with_variants

_PHOTO = """
    SELECT photo.path, photo.taken, camera.name, lens.name, picture.id, picture.person_caption, picture.model_caption,
        -- What a model says of a picture that a person has captioned is remembered beside the person's words.
        (SELECT text FROM caption WHERE caption.picture_id = picture.id AND source = 'model'
            AND verdict IS NULL AND id > picture.caption_id AND picture.person_caption IS NOT NULL
            ORDER BY id DESC LIMIT 1)
    FROM photo
    LEFT JOIN picture ON picture.id = photo.picture_id
    LEFT JOIN camera ON camera.id = photo.camera_id
    LEFT JOIN lens ON lens.id = photo.lens_id
    WHERE photo.id = ?
"""
_NAMES = (*COLUMNS, "unspaced", "path")
_STORED = f"SELECT {', '.join(_NAMES)} FROM search_text WHERE photo_id = ?"
_INSERT = f"INSERT INTO search_text (photo_id, {', '.join(_NAMES)}) VALUES (?{', ?' * len(_NAMES)})"
_BATCH = 10_000

_VOCABULARY = re.compile(r"[^\W\d_]{2,}")
# Words that stand in the paths of nearly all photos and tell nothing.
_GENERIC_NAMES = """
bilder camera data dcim drive dropbox fotos google home icloud image images libraries library media mnt my onedrive
originals photo photos picture pictures roll root run srv uploads user users var volumes
"""
_GENERIC = frozenset(_GENERIC_NAMES.split())
_PERSONAL = frozenset({"home", "users", "media"})  # the folder below is a person's account
_BOUNDARY = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])")


def refresh(connection: sqlite3.Connection, photo_ids: Iterable[int]) -> None:
    """Bring the searched words of photos up to date; part of a transaction that is open."""
    for photo_id in photo_ids:
        texts = _texts(connection, photo_id)
        values = tuple(texts.get(name) for name in _NAMES)
        stored = connection.execute(_STORED, (photo_id,)).fetchone()
        if stored == values:
            continue
        if stored is not None:
            connection.execute("DELETE FROM search_text WHERE photo_id = ?", (photo_id,))
        connection.execute(_INSERT, (photo_id, *values))
        words = {(word,) for name in COLUMNS for word in _VOCABULARY.findall((texts.get(name) or "").lower())}
        connection.executemany("INSERT OR IGNORE INTO word (word) VALUES (?)", words)


def refresh_picture(connection: sqlite3.Connection, picture_id: int) -> None:
    """Bring the searched words of all photos of a picture up to date; part of a transaction that is open."""
    rows = connection.execute("SELECT id FROM photo WHERE picture_id = ?", (picture_id,)).fetchall()
    refresh(connection, (photo_id for (photo_id,) in rows))


def refresh_all(connection: sqlite3.Connection) -> None:
    """Gather the searched words of all photos anew."""
    last = 0
    while rows := connection.execute(
        "SELECT id FROM photo WHERE id > ? ORDER BY id LIMIT ?", (last, _BATCH)
    ).fetchall():
        refresh(connection, (photo_id for (photo_id,) in rows))
        last = rows[-1][0]


def _texts(connection: sqlite3.Connection, photo_id: int) -> Mapping[str, str | None]:
    """Return the values of a photo's row; a column without words has none."""
    row = connection.execute(_PHOTO, (photo_id,)).fetchone()
    path, taken, camera, lens, picture_id, person, model, unjudged = row
    said: dict[str, list[str]] = {}
    for kind, text in connection.execute("SELECT kind, text FROM photo_word WHERE photo_id = ?", (photo_id,)):
        said.setdefault(kind, []).append(text)
    labels = connection.execute(
        "SELECT label FROM picture_label WHERE picture_id = ? ORDER BY probability DESC", (picture_id,)
    ).fetchall()
    file = Path(os.fsdecode(path))
    name, folders = file.stem, list(_telling(file.parent.parts))
    by_persons = [*said.get("description", ()), *([person] if person else [])]
    written = [*by_persons, *(text for kind in ("keyword", "title", "person", "place") for text in said.get(kind, ()))]
    columns = {
        "person_words": by_persons,
        "caption": [text for text in (model, unjudged) if text],
        "labels": [label for (label,) in labels],
        "keywords": said.get("keyword", ()),
        "title": said.get("title", ()),
        "people": said.get("person", ()),
        "place": said.get("place", ()),
        "filename": [_split(name)],
        "folders": [_split(folder) for folder in folders],
        "camera": [text for text in (camera, lens) if text],
        "dates": [_date_words(taken)] if taken else [],
    }
    unspaced = [text for text in (*written, name, *folders) if has_no_spaces(text)]
    return {
        **{column: with_variants(_joined(texts)) or None for column, texts in columns.items()},
        "unspaced": _joined(unspaced) or None,
        "path": fold(storable_path(path)),
    }


def storable_path(path: str) -> str:
    """Return a path as text that is valid UTF-8; stray bytes are shown escaped."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _joined(texts: Sequence[str]) -> str:
    """Join texts so that no phrase is found across two of them."""
    return " \u00b7 ".join(dict.fromkeys(storable_path(text) for text in texts))


def _telling(folders: Sequence[str]) -> Iterator[str]:
    """Yield the names of folders that say something of the photos in them."""
    above = ""
    for folder in folders:
        lower = folder.lower()
        if above not in _PERSONAL and not all(word in _GENERIC for word in re.findall(r"\w+", lower)):
            yield folder
        above = lower


def _split(name: str) -> str:
    """Return a name and, where it runs words and numbers together, its parts: SummerInItaly, IMG20190704."""
    parts = _BOUNDARY.sub(" ", name)
    return name if parts == name else f"{name} {parts}"


def _date_words(taken: str) -> str:
    month = int(taken[5:7])
    name = MONTHS[month - 1]
    season = season_of(month)
    return f"{taken[:4]} {name} {name[:3]} {season}" + (" fall" if season == "autumn" else "")
