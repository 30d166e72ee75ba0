"""Write a batch of photos into the index: one transaction, all of it or nothing."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from photocap.index.captions import picture_id_of, store_caption
from photocap.index.database import Database, path_bytes, storable
from photocap.index.embeddings import store_embedding
from photocap.index.likely_labels import store_likely_labels
from photocap.index.rows import FACTS_VERSION, PhotoRecord, UndoState
from photocap.index.search_text import refresh, refresh_picture, storable_path
from photocap.index.undo_journal import follow_move, set_state
from photocap.index.words import store_words
from photocap.records import Label, PhotoFacts

_UPSERT_PHOTO = """
    INSERT INTO photo (path, picture_id, state, error, size_bytes, mtime_ns, inode, device, written,
        first_run_id, run_id, shown_path, extras)
    VALUES (CAST(:path AS TEXT), :picture_id, :state, :error, :size_bytes, :mtime_ns, :inode, :device,
        :written, :run_id, :run_id, :shown_path, :extras)
    ON CONFLICT (path) DO UPDATE SET
        picture_id = coalesce(excluded.picture_id, picture_id), state = excluded.state,
        error = excluded.error, size_bytes = excluded.size_bytes, mtime_ns = excluded.mtime_ns,
        inode = excluded.inode, device = excluded.device, written = excluded.written,
        run_id = excluded.run_id, shown_path = excluded.shown_path, extras = excluded.extras
    RETURNING id
"""


def record_batch(database: Database, run_id: int, records: Iterable[PhotoRecord], settled: Sequence[int]) -> None:
    """Write a batch down; the undo rows `settled` become WRITTEN in the same transaction."""
    with database.transaction() as connection:
        for record in records:
            _record(connection, run_id, record)
        set_state(connection, settled, UndoState.WRITTEN)


def _record(connection: sqlite3.Connection, run_id: int, record: PhotoRecord) -> None:
    picture_id = None
    if record.picture_hash is not None:
        picture_id = picture_id_of(connection, record.picture_hash)
        if record.caption is not None:
            store_caption(connection, run_id, picture_id, record.caption)
        if record.embedding is not None:
            store_embedding(connection, picture_id, record.embedding)
        if record.labels is not None:
            _record_labels(connection, picture_id, record.labels)
            store_likely_labels(connection, picture_id, record.likely_labels)
    if record.moved_from is not None:
        _rename(connection, record.moved_from, record.path)
    row = connection.execute(_UPSERT_PHOTO, _photo_values(record, picture_id, run_id)).fetchone()
    if record.facts is not None:
        _record_facts(connection, row[0], record.facts)
    if record.words is not None:
        store_words(connection, row[0], record.words)
    refresh(connection, row)
    if picture_id is not None and (record.caption is not None or record.labels is not None):
        refresh_picture(connection, picture_id)
    connection.execute("INSERT OR IGNORE INTO temp.seen VALUES (?)", row)


def _photo_values(record: PhotoRecord, picture_id: int | None, run_id: int) -> Mapping[str, object]:
    return {
        "path": path_bytes(record.path),
        "picture_id": picture_id,
        "state": record.state.value,
        "error": record.error and storable(record.error),
        "size_bytes": record.size_bytes,
        "mtime_ns": record.mtime_ns,
        "inode": record.inode,
        "device": record.device,
        "written": record.written.value,
        "run_id": run_id,
        "shown_path": _shown_path(record.path),
        "extras": " ".join(sorted(record.extras)),
    }


def _shown_path(path: Path) -> str | None:
    shown = storable_path(os.fspath(path))
    return None if shown == os.fspath(path) else shown


def _rename(connection: sqlite3.Connection, old: Path, new: Path) -> None:
    """Let a row follow its file; a row that stands at the new path already is the newer truth."""
    connection.execute(
        "UPDATE OR IGNORE photo SET path = CAST(? AS TEXT) WHERE path = CAST(? AS TEXT)",
        (path_bytes(new), path_bytes(old)),
    )
    follow_move(connection, old, new)


def _record_facts(connection: sqlite3.Connection, photo_id: int, facts: PhotoFacts) -> None:
    connection.execute(
        "UPDATE photo SET width_px = ?, height_px = ?, taken = ?, camera_id = ?, lens_id = ?,"
        " latitude = ?, longitude = ?, rating = ?, iso = ?, f_number = ?, focal_length_mm = ?, taken_source = ?,"
        " facts_version = ? WHERE id = ?",
        (
            facts.width_px,
            facts.height_px,
            facts.taken.replace(tzinfo=None).isoformat(timespec="seconds") if facts.taken else None,
            _name_id(connection, "camera", facts.camera),
            _name_id(connection, "lens", facts.lens),
            facts.latitude,
            facts.longitude,
            facts.rating,
            facts.iso,
            facts.f_number,
            facts.focal_length_mm,
            facts.taken_source,
            FACTS_VERSION,
            photo_id,
        ),
    )


def _record_labels(connection: sqlite3.Connection, picture_id: int, labels: Iterable[Label]) -> None:
    connection.execute("DELETE FROM picture_label WHERE picture_id = ?", (picture_id,))
    connection.executemany(
        # Not OR REPLACE: no trigger would count the row that goes.
        "INSERT INTO picture_label VALUES (?, ?, ?)"
        " ON CONFLICT (picture_id, label) DO UPDATE SET probability = excluded.probability",
        [(picture_id, storable(label.name), label.probability) for label in labels],
    )


def _name_id(connection: sqlite3.Connection, table: str, name: str | None) -> int | None:
    if not name:
        return None
    name = storable(name)
    connection.execute(f"INSERT OR IGNORE INTO {table} (name) VALUES (?)", (name,))
    row = connection.execute(f"SELECT id FROM {table} WHERE name = ?", (name,)).fetchone()
    id_: int = row[0]
    return id_
