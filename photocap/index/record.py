"""Writing a batch of photos into the index: one transaction, all of it or nothing."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from photocap.index.connection import file_path
from photocap.index.database import Database, folder_range, now, path_bytes, storable
from photocap.index.embeddings import store_embedding
from photocap.index.rows import CaptionRecord, PhotoRecord, UndoState
from photocap.index.undo_journal import settle
from photocap.records import CaptionSource, PhotoFacts

_WORD = re.compile(r"\w+")

_UPSERT_PHOTO = """
    INSERT INTO photo (path, picture_id, state, error, size_bytes, mtime_ns, inode, device, written,
        first_run_id, run_id)
    VALUES (CAST(:path AS TEXT), :picture_id, :state, :error, :size_bytes, :mtime_ns, :inode, :device,
        :written, :run_id, :run_id)
    ON CONFLICT (path) DO UPDATE SET
        picture_id = coalesce(excluded.picture_id, picture_id), state = excluded.state,
        error = excluded.error, size_bytes = excluded.size_bytes, mtime_ns = excluded.mtime_ns,
        inode = excluded.inode, device = excluded.device, written = excluded.written,
        run_id = excluded.run_id
    RETURNING id
"""


class Recording(Database):
    """Runs, and what they find."""

    def start_run(self, command: str, *, model_id: str | None = None, weights_sha256: str | None = None) -> int:
        """Open a run and return its number."""
        with self._transaction() as connection:
            cursor = connection.execute(
                "INSERT INTO run (command, started, model_id, weights_sha256) VALUES (?, ?, ?, ?)",
                (command, now(), model_id, weights_sha256),
            )
        assert cursor.lastrowid is not None  # an INSERT has one
        return cursor.lastrowid

    def finish_run(self, run_id: int, outcome: str = "") -> None:
        """Close a run; `outcome` is its summary line. A run without an end was killed."""
        with self._transaction() as connection:
            connection.execute("UPDATE run SET finished = ?, outcome = ? WHERE id = ?", (now(), outcome, run_id))

    def record_batch(self, run_id: int, records: Iterable[PhotoRecord], *, settled: Sequence[int] = ()) -> None:
        """Write a batch down; the undo rows `settled` become WRITTEN in the same transaction."""
        with self._transaction() as connection:
            for record in records:
                _record(connection, run_id, record)
            settle(connection, settled, UndoState.WRITTEN)

    def record_caption(
        self,
        run_id: int,
        picture_hash: str,
        caption: CaptionRecord,
        *,
        verdict: str | None = None,
        settled: Sequence[int] = (),
    ) -> None:
        """Give a picture a caption; `verdict` ("accepted", "edited") goes to the one it replaces.

        The undo rows `settled` become WRITTEN in the same transaction.
        """
        with self._transaction() as connection:
            picture_id = _picture_id(connection, picture_hash)
            _judge(connection, picture_id, verdict)
            _record_caption(connection, run_id, picture_id, caption)
            settle(connection, settled, UndoState.WRITTEN)

    def reject_caption(self, picture_hash: str) -> None:
        """Take a picture's caption away; it stays in the history as rejected and is not made again."""
        with self._transaction() as connection:
            picture_id = _picture_id(connection, picture_hash)
            _judge(connection, picture_id, "rejected")
            connection.execute(
                "UPDATE picture SET person_caption = NULL, model_caption = NULL, caption_id = NULL,"
                " confidence = NULL WHERE id = ?",
                (picture_id,),
            )

    def update_file_state(self, path: Path, *, size_bytes: int, mtime_ns: int, inode: int, written: str) -> None:
        """Note that photocap itself has changed a file, so that the next run need not look at it."""
        with self._transaction() as connection:
            connection.execute(
                "UPDATE photo SET size_bytes = ?, mtime_ns = ?, inode = ?, written = ? WHERE path = CAST(? AS TEXT)",
                (size_bytes, mtime_ns, inode, written, path_bytes(path)),
            )

    def set_embedding_space(self, space_id: str) -> None:
        """Say which joint text-image space coming embeddings are of; those of another one are dropped."""
        with self._reading() as connection:
            if connection.execute("SELECT 1 FROM space WHERE space_id = ?", (space_id,)).fetchone():
                return
        with self._transaction() as connection:
            connection.execute("DELETE FROM embedding")
            connection.execute("DELETE FROM sign_block")
            connection.execute("INSERT OR REPLACE INTO space VALUES (1, ?)", (space_id,))

    def start_scan(self) -> None:
        """Forget which files an earlier walk has seen."""
        with self._reading() as connection:
            connection.execute("DELETE FROM temp.seen")

    def count_unseen(self, root: Path) -> tuple[int, int]:
        """Return how many present photos the index knows below `root`, and how many this walk did not see."""
        with self._reading() as connection:
            known, unseen = connection.execute(
                "SELECT count(*), count(*) - count(seen.id) FROM photo LEFT JOIN temp.seen ON seen.id = photo.id"
                f" WHERE state = 'present' AND {_BELOW}",
                _bounds(root),
            ).fetchone()
        return known, unseen

    def unseen(self, root: Path) -> list[Path]:
        """Return the photos at or below `root`, missing ones apart, that this walk did not see."""
        with self._reading() as connection:
            rows = connection.execute(
                f"SELECT path FROM photo WHERE state <> 'missing' AND {_BELOW}"
                " AND id NOT IN (SELECT id FROM temp.seen) ORDER BY path",
                _bounds(root),
            ).fetchall()
        return [file_path(path) for (path,) in rows]

    def mark_missing(self, root: Path) -> int:
        """Mark every photo at or below `root` that this walk has not seen; return how many are newly missing."""
        with self._transaction() as connection:
            return connection.execute(
                f"UPDATE photo SET state = 'missing' WHERE state <> 'missing' AND {_BELOW}"
                " AND id NOT IN (SELECT id FROM temp.seen)",
                _bounds(root),
            ).rowcount


_BELOW = "(path = CAST(? AS TEXT) OR (path >= CAST(? AS TEXT) AND path < CAST(? AS TEXT)))"


def _bounds(root: Path) -> tuple[bytes, bytes, bytes]:
    return (path_bytes(root), *folder_range(root))


def _record(connection: sqlite3.Connection, run_id: int, record: PhotoRecord) -> None:
    picture_id = None
    if record.picture_hash is not None:
        picture_id = _picture_id(connection, record.picture_hash)
        if record.caption is not None:
            _record_caption(connection, run_id, picture_id, record.caption)
        if record.embedding is not None:
            store_embedding(connection, picture_id, record.embedding)
    if record.moved_from is not None:
        _rename(connection, record.moved_from, record.path)
    row = connection.execute(_UPSERT_PHOTO, _photo_values(record, picture_id, run_id)).fetchone()
    if record.facts is not None:
        _record_facts(connection, row[0], record.facts)
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
        "written": record.written,
        "run_id": run_id,
    }


def _picture_id(connection: sqlite3.Connection, picture_hash: str) -> int:
    connection.execute("INSERT OR IGNORE INTO picture (picture_hash) VALUES (?)", (picture_hash,))
    row = connection.execute("SELECT id FROM picture WHERE picture_hash = ?", (picture_hash,)).fetchone()
    picture_id: int = row[0]
    return picture_id


def _rename(connection: sqlite3.Connection, old: Path, new: Path) -> None:
    """Let a row follow its file; a row that stands at the new path already is the newer truth."""
    connection.execute(
        "UPDATE OR IGNORE photo SET path = CAST(? AS TEXT) WHERE path = CAST(? AS TEXT)",
        (path_bytes(new), path_bytes(old)),
    )


def _record_caption(connection: sqlite3.Connection, run_id: int, picture_id: int, caption: CaptionRecord) -> None:
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
    words = {(word,) for word in _WORD.findall(text.lower())}
    connection.executemany("INSERT OR IGNORE INTO word VALUES (?)", words)
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


def _judge(connection: sqlite3.Connection, picture_id: int, verdict: str | None) -> None:
    connection.execute(
        "UPDATE caption SET verdict = coalesce(?, verdict) WHERE id = (SELECT caption_id FROM picture WHERE id = ?)",
        (verdict, picture_id),
    )


def _record_facts(connection: sqlite3.Connection, photo_id: int, facts: PhotoFacts) -> None:
    connection.execute(
        "UPDATE photo SET width_px = ?, height_px = ?, taken = ?, camera_id = ?, lens_id = ?,"
        " latitude = ?, longitude = ?, rating = ? WHERE id = ?",
        (
            facts.width_px,
            facts.height_px,
            facts.taken.replace(tzinfo=None).isoformat(timespec="seconds") if facts.taken else None,
            _name_id(connection, "camera", facts.camera),
            _name_id(connection, "lens", facts.lens),
            facts.latitude,
            facts.longitude,
            facts.rating,
            photo_id,
        ),
    )


def _name_id(connection: sqlite3.Connection, table: str, name: str | None) -> int | None:
    if not name:
        return None
    name = storable(name)
    connection.execute(f"INSERT OR IGNORE INTO {table} (name) VALUES (?)", (name,))
    row = connection.execute(f"SELECT id FROM {table} WHERE name = ?", (name,)).fetchone()
    id_: int = row[0]
    return id_
