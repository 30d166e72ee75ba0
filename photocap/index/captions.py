"""The captions of pictures: the current one, its history, and what a person decided about it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from photocap.index.database import EVERYWHERE, Database, folder_range, now, path_bytes, storable
from photocap.index.photos import PHOTO_ROW, photo_row
from photocap.index.rows import CaptionRecord, CaptionVersion, PhotoRow, UndoState, stored
from photocap.index.search_text import refresh_picture
from photocap.index.undo_journal import set_state
from photocap.records import CaptionMemory, CaptionSource, Verdict


class Captions:
    """Recording and listing captions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(
        self,
        run_id: int,
        picture_hash: str,
        caption: CaptionRecord,
        *,
        verdict: Verdict | None = None,
        settled: Sequence[int] = (),
    ) -> None:
        """Give a picture a caption; `verdict` goes to the one it replaces.

        The undo rows `settled` become WRITTEN in the same transaction.
        """
        with self._database.transaction() as connection:
            picture_id = picture_id_of(connection, picture_hash)
            _judge(connection, picture_id, verdict)
            store_caption(connection, run_id, picture_id, caption)
            refresh_picture(connection, picture_id)
            set_state(connection, settled, UndoState.WRITTEN)

    def reject(self, picture_hash: str) -> None:
        """Take a picture's caption away; it stays in the history as rejected and is not made again."""
        with self._database.transaction() as connection:
            picture_id = picture_id_of(connection, picture_hash)
            _judge(connection, picture_id, Verdict.REJECTED)
            connection.execute(
                "UPDATE picture SET person_caption = NULL, model_caption = NULL, caption_id = NULL,"
                " confidence = NULL WHERE id = ?",
                (picture_id,),
            )
            refresh_picture(connection, picture_id)

    def history(self, picture_hash: str) -> list[CaptionVersion]:
        """Return every caption a picture ever had, oldest first."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT text, source, model_id, weights_sha256, confidence, run_id, created, verdict, is_current"
                " FROM captions WHERE picture_hash = ? ORDER BY id",
                (picture_hash,),
            ).fetchall()
        return [_history_row(row) for row in rows]

    def memory(self, picture_hashes: Sequence[str], path: Path) -> CaptionMemory:
        """Return whose words it knows of pictures, and which of those it has met in the file at `path`.

        Args:
            picture_hashes: the picture, and for a raw file that of the picture beside it.
            path: the photo.
        """
        marks = ", ".join("?" * len(picture_hashes))
        with self._database.reading() as connection:
            written = connection.execute(
                f"SELECT text, source FROM captions WHERE picture_hash IN ({marks}) ORDER BY id", picture_hashes
            ).fetchall()
            met = connection.execute(
                "SELECT text FROM photo_word JOIN photo ON photo.id = photo_id"
                " WHERE path = CAST(? AS TEXT) AND kind = 'description'",
                (path_bytes(path),),
            ).fetchall()
        latest = dict(written)  # of a text that a person has taken over, the person
        machine = {text for text, source in latest.items() if source == CaptionSource.MODEL.value}
        here = frozenset(text for (text,) in met)
        return CaptionMemory(frozenset(machine), frozenset(latest.keys() - machine) | here, here)

    def to_review(self, folder: Path | None = None) -> list[int]:
        """Return a photo of each picture (below `folder`) whose caption no person has judged, least certain first."""
        bounds = folder_range(folder) if folder else EVERYWHERE
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT min(photo.id) FROM photo JOIN picture ON picture.id = photo.picture_id"
                " WHERE model_caption IS NOT NULL AND state = 'present'"
                " AND path >= CAST(? AS TEXT) AND path < CAST(? AS TEXT)"
                " GROUP BY picture.id ORDER BY confidence, picture.id",
                bounds,
            ).fetchall()
        return [photo_id for (photo_id,) in rows]

    def one_photo_each(self, *, by_person_only: bool) -> Iterator[PhotoRow]:
        """Yield a present photo of each picture that has a caption, by path."""
        captioned = "person_caption IS NOT NULL" if by_person_only else "caption_id IS NOT NULL"
        first_of_each = (
            "SELECT min(photo.path) FROM photo JOIN picture ON picture.id = photo.picture_id"
            f" WHERE state = 'present' AND {captioned} GROUP BY picture.id"
        )
        with self._database.reading() as connection:
            for row in connection.execute(f"{PHOTO_ROW} WHERE path IN ({first_of_each}) ORDER BY path"):
                yield photo_row(row)


def picture_id_of(connection: sqlite3.Connection, picture_hash: str) -> int:
    """Return the id of a picture, which is made where it is new; part of a transaction that is open."""
    connection.execute("INSERT OR IGNORE INTO picture (picture_hash) VALUES (?)", (picture_hash,))
    row = connection.execute("SELECT id FROM picture WHERE picture_hash = ?", (picture_hash,)).fetchone()
    picture_id: int = row[0]
    return picture_id


def store_caption(connection: sqlite3.Connection, run_id: int, picture_id: int, caption: CaptionRecord) -> None:
    """Make a caption the current one of a picture, unless a person's stands there; part of an open transaction."""
    text = storable(caption.text)
    current = connection.execute(
        "SELECT caption.text, caption.source, caption.model_id, caption.weights_sha256"
        " FROM picture JOIN caption ON caption.id = caption_id WHERE picture.id = ?",
        (picture_id,),
    ).fetchone()
    if current == (text, caption.source.value, caption.model_id, caption.weights_sha256):
        return
    cursor = connection.execute(
        "INSERT INTO caption (picture_id, text, source, model_id, weights_sha256, confidence, run_id, created)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            picture_id,
            text,
            caption.source.value,
            caption.model_id,
            caption.weights_sha256,
            caption.confidence,
            run_id,
            now(),
        ),
    )
    by_person = caption.source is CaptionSource.PERSON
    person_stands = current is not None and current[1] == CaptionSource.PERSON.value
    if person_stands and not by_person and not caption.over_person:
        return
    connection.execute(
        "UPDATE picture SET person_caption = ?, model_caption = ?, caption_id = ?, confidence = ? WHERE id = ?",
        (
            text if by_person else None,
            None if by_person else text,
            cursor.lastrowid,
            caption.confidence,
            picture_id,
        ),
    )


def _judge(connection: sqlite3.Connection, picture_id: int, verdict: Verdict | None) -> None:
    connection.execute(
        "UPDATE caption SET verdict = coalesce(?, verdict) WHERE id = (SELECT caption_id FROM picture WHERE id = ?)",
        (verdict and verdict.value, picture_id),
    )


def _history_row(row: tuple[object, ...]) -> CaptionVersion:
    text, source, model_id, weights_sha256, confidence, run_id, created, verdict, current = row
    return CaptionVersion(
        text=text,  # type: ignore[arg-type]  # the schema's types
        source=stored(CaptionSource, source),
        model_id=model_id,  # type: ignore[arg-type]
        weights_sha256=weights_sha256,  # type: ignore[arg-type]
        confidence=confidence,  # type: ignore[arg-type]
        run_id=run_id,  # type: ignore[arg-type]
        created=created,  # type: ignore[arg-type]
        verdict=stored(Verdict, verdict) if verdict else None,
        current=bool(current),
    )
