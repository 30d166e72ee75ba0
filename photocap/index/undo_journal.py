"""The undo journal: what takes each write back stands in the index before the write happens."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from photocap.index.connection import file_path
from photocap.index.database import Database, folder_range, now, path_bytes
from photocap.index.rows import UndoRow, UndoState, stored
from photocap.records import UndoRecord

_SELECT = (
    "SELECT id, run_id, state, created, path, sha256_before, sha256_after, patch, blake3_kept, sha256_kept, photo_path"
    " FROM undo"
)


class UndoJournal:
    """Rows go OPEN -> (the file is replaced) -> WRITTEN -> RESTORED."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, run_id: int, records: Sequence[UndoRecord]) -> list[int]:
        """Write records down as OPEN, on the disk when this returns; give their numbers."""
        with self._database.reading() as connection:
            connection.execute("PRAGMA synchronous = FULL")
        try:
            with self._database.transaction() as connection:
                return [_insert(connection, run_id, record) for record in records]
        finally:
            with self._database.reading() as connection:
                connection.execute("PRAGMA synchronous = NORMAL")

    def set_state(self, ids: Sequence[int], state: UndoState) -> None:
        """Say how far these writes have come."""
        with self._database.transaction() as connection:
            set_state(connection, ids, state)

    def drop(self, ids: Sequence[int]) -> None:
        """Forget records whose writes never happened."""
        with self._database.transaction() as connection:
            connection.executemany("DELETE FROM undo WHERE id = ?", [(id_,) for id_ in ids])

    def open_rows(self) -> list[UndoRow]:
        """Return the records a killed run has left open, oldest first."""
        with self._database.reading() as connection:
            return [_row(row) for row in connection.execute(f"{_SELECT} WHERE state = 'open' ORDER BY id")]

    def rows(self, paths: Sequence[Path] = (), run_id: int | None = None) -> Iterator[UndoRow]:
        """Yield what can be taken back, newest first: of these files, photos and folders, of this run, or all."""
        bounds: list[bytes | int] = []
        where = ["state = 'written'"]
        if paths:
            where.append(f"({' OR '.join([_AT_OR_BELOW] * len(paths))})")
            for path in paths:
                bounds += 2 * [path_bytes(path), *folder_range(path)]
        if run_id is not None:
            where.append("run_id = ?")
            bounds.append(run_id)
        with self._database.reading() as connection:
            ids = connection.execute(f"SELECT id FROM undo WHERE {' AND '.join(where)} ORDER BY id DESC", bounds)
            # The ids first and whole: the caller settles rows while it reads on.
            for (id_,) in ids.fetchall():
                yield _row(connection.execute(f"{_SELECT} WHERE id = ?", (id_,)).fetchone())


_AT_OR_BELOW = " OR ".join(
    f"{column} = CAST(? AS TEXT) OR ({column} >= CAST(? AS TEXT) AND {column} < CAST(? AS TEXT))"
    for column in ("path", "photo_path")
)


def set_state(connection: sqlite3.Connection, ids: Sequence[int], state: UndoState) -> None:
    """Set the state of undo rows inside a transaction that is open."""
    connection.executemany("UPDATE undo SET state = ? WHERE id = ?", [(state.value, id_) for id_ in ids])


def follow_move(connection: sqlite3.Connection, old: Path, new: Path) -> None:
    """Let the writes to a photo follow it to its new place, and those to its sidecars where these were moved along.

    Part of a transaction that is open.
    """
    photo = connection.execute("SELECT 1 FROM undo WHERE path = CAST(? AS TEXT)", (path_bytes(new),)).fetchone()
    if photo is not None:  # another photo was written to at that place; its writes must not be mixed with these
        return
    rows = connection.execute("SELECT id, path FROM undo WHERE photo_path = CAST(? AS TEXT)", (path_bytes(old),))
    for id_, place in rows.fetchall():
        path = _moved_along(file_path(place), old, new)
        connection.execute(
            "UPDATE undo SET photo_path = CAST(? AS TEXT), path = CAST(? AS TEXT) WHERE id = ?",
            (path_bytes(new), path_bytes(path), id_),
        )


def _moved_along(path: Path, old: Path, new: Path) -> Path:
    """Return where a file of a photo is after the photo was moved; a sidecar may have been left behind."""
    if path == old:
        return new
    renamed = new.with_name(new.name + path.name[len(old.name) :])
    place = renamed if path.name.startswith(old.name) else new.with_suffix(path.suffix)
    return place if place.exists() and not path.exists() else path


def _insert(connection: sqlite3.Connection, run_id: int, record: UndoRecord) -> int:
    cursor = connection.execute(
        "INSERT INTO undo (run_id, path, created, sha256_before, sha256_after, patch, blake3_kept, sha256_kept,"
        " photo_path) VALUES (?, CAST(? AS TEXT), ?, ?, ?, ?, ?, ?, CAST(? AS TEXT))",
        (
            run_id,
            path_bytes(record.path),
            now(),
            record.sha256_before,
            record.sha256_after,
            record.patch,
            record.blake3_kept,
            record.sha256_kept,
            record.photo and path_bytes(record.photo),
        ),
    )
    assert cursor.lastrowid is not None  # an INSERT has one
    return cursor.lastrowid


def _row(row: tuple[object, ...]) -> UndoRow:
    id_, run_id, state, created, path, before, after, patch, blake3_kept, sha256_kept, photo = row
    record = UndoRecord(
        path=file_path(path),  # type: ignore[arg-type]  # the schema's types
        sha256_before=before,  # type: ignore[arg-type]
        sha256_after=after,  # type: ignore[arg-type]
        patch=patch,  # type: ignore[arg-type]
        blake3_kept=blake3_kept,  # type: ignore[arg-type]
        sha256_kept=sha256_kept,  # type: ignore[arg-type]
        photo=file_path(photo) if photo else None,  # type: ignore[arg-type]
    )
    return UndoRow(id=id_, run_id=run_id, state=stored(UndoState, state), created=created, record=record)  # type: ignore[arg-type]
