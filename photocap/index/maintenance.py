"""The index as a whole: what it holds, what is double, and forgetting on request."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from photocap.index.connection import file_path
from photocap.index.database import Database, folder_range
from photocap.index.embeddings import forget_embedding


@dataclass(frozen=True)
class IndexCounts:
    """How much of everything the index holds.

    Attributes:
        present, missing, failed: photos by state.
        pictures: different pictures among them.
        by_person: pictures with a person's caption.
        by_model: pictures with a generated caption, by model.
        without_caption: pictures that have none (rejected ones included).
        embeddings: pictures with a place in the joint text-image space.
        undo_records: writes that can be taken back.
    """

    present: int
    missing: int
    failed: int
    pictures: int
    by_person: int
    by_model: dict[str, int]
    without_caption: int
    embeddings: int
    undo_records: int


class Life(Database):
    """Counting, listing and forgetting."""

    def counts(self) -> IndexCounts:
        """Count everything; reads the whole index once."""
        with self._reading() as connection:
            states = dict(connection.execute("SELECT state, count(*) FROM photo GROUP BY state").fetchall())
            sources = connection.execute(
                "SELECT caption.source, coalesce(caption.model_id, 'unknown'), count(*)"
                " FROM picture LEFT JOIN caption ON caption.id = picture.caption_id GROUP BY 1, 2"
            ).fetchall()
            return IndexCounts(
                present=states.get("present", 0),
                missing=states.get("missing", 0),
                failed=states.get("failed", 0),
                pictures=sum(count for _, _, count in sources),
                by_person=sum(count for source, _, count in sources if source == "person"),
                by_model={model: count for source, model, count in sources if source == "model"},
                without_caption=sum(count for source, _, count in sources if source is None),
                embeddings=_count(connection, "embedding"),
                undo_records=_count(connection, "undo WHERE state = 'written'"),
            )

    def failed_photos(self) -> Iterator[tuple[Path, str]]:
        """Yield the photos that could not be read and why."""
        with self._reading() as connection:
            rows = connection.execute("SELECT path, error FROM photo WHERE state = 'failed' ORDER BY path")
            for path, error in rows:
                yield file_path(path), error or "unknown"

    def missing_photos(self, folder: Path | None = None) -> list[Path]:
        """Return the photos (below `folder`) that were gone when last looked for."""
        bounds = folder_range(folder) if folder else (b"", b"\xff")
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT path FROM photo WHERE state = 'missing'"
                " AND path >= CAST(? AS TEXT) AND path < CAST(? AS TEXT) ORDER BY path",
                bounds,
            ).fetchall()
        return [file_path(path) for (path,) in rows]

    def prune(self, folder: Path | None = None) -> int:
        """Forget the photos that are missing (below `folder`), and pictures that no photo shows any more."""
        bounds = folder_range(folder) if folder else (b"", b"\xff")
        with self._transaction() as connection:
            forgotten = connection.execute(
                "DELETE FROM photo WHERE state = 'missing' AND path >= CAST(? AS TEXT) AND path < CAST(? AS TEXT)",
                bounds,
            ).rowcount
            orphans = connection.execute(
                "SELECT id FROM picture WHERE NOT EXISTS (SELECT 1 FROM photo WHERE picture_id = picture.id)"
            ).fetchall()
            for (picture_id,) in orphans:
                _forget_picture(connection, picture_id)
        return forgotten

    def duplicates(self) -> Iterator[list[Path]]:
        """Yield groups of present photos that are the same picture."""
        with self._reading() as connection:
            groups = connection.execute(
                "SELECT picture_id FROM photo WHERE state = 'present' AND picture_id IS NOT NULL"
                " GROUP BY picture_id HAVING count(*) > 1 ORDER BY min(path)"
            ).fetchall()
            for group in groups:
                rows = connection.execute(
                    "SELECT path FROM photo WHERE picture_id = ? AND state = 'present' ORDER BY path", group
                )
                yield [file_path(path) for (path,) in rows]


def _count(connection: sqlite3.Connection, what: str) -> int:
    count: int = connection.execute(f"SELECT count(*) FROM {what}").fetchone()[0]
    return count


def _forget_picture(connection: sqlite3.Connection, picture_id: int) -> None:
    forget_embedding(connection, picture_id)
    connection.execute("DELETE FROM caption WHERE picture_id = ?", (picture_id,))
    connection.execute("DELETE FROM picture WHERE id = ?", (picture_id,))
