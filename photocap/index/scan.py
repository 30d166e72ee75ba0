"""One scan of the library: which of the known files it has met, and which are missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from photocap.index.connection import file_path
from photocap.index.database import Database, folder_range, path_bytes
from photocap.index.photos import FILE_STATE, file_state
from photocap.index.rows import FileState


class Scan:
    """Remembers the files that were seen since `start`, in a temporary table of this connection."""

    def __init__(self, database: Database) -> None:
        self._database = database
        with database.reading() as connection:
            connection.execute("CREATE TEMP TABLE seen (id INTEGER PRIMARY KEY)")

    def start(self) -> None:
        """Forget which files an earlier scan has seen."""
        with self._database.reading() as connection:
            connection.execute("DELETE FROM temp.seen")

    @contextmanager
    def of_a_moment(self) -> Iterator[None]:
        """See the index as it is now, whatever others write meanwhile; for a connection that only reads."""
        with self._database.reading() as connection:
            connection.execute("BEGIN")
            connection.execute("SELECT 1 FROM photo").fetchone()  # with the first reading the moment begins
            try:
                yield
            finally:
                connection.rollback()

    def file_states(self, paths: Iterable[Path]) -> dict[Path, FileState]:
        """Return what is known of many files and remember that this scan has seen them.

        Give it a few hundred paths at a time; `mark_missing` then knows which files were not met.
        """
        known: dict[Path, FileState] = {}
        seen: list[tuple[int]] = []
        with self._database.reading() as connection:
            for path in paths:
                row = connection.execute(FILE_STATE, (path_bytes(path),)).fetchone()
                if row:
                    known[path] = file_state(row)
                    seen.append((row[0],))
            connection.executemany("INSERT OR IGNORE INTO temp.seen VALUES (?)", seen)
        return known

    def count_unseen(self, root: Path) -> tuple[int, int]:
        """Return how many present photos the index knows below `root`, and how many this scan did not see."""
        with self._database.reading() as connection:
            known, unseen = connection.execute(
                "SELECT count(*), count(*) - count(seen.id) FROM photo LEFT JOIN temp.seen ON seen.id = photo.id"
                f" WHERE state = 'present' AND {_BELOW}",
                _bounds(root),
            ).fetchone()
        return known, unseen

    def unseen(self, root: Path) -> list[Path]:
        """Return the photos at or below `root`, missing ones apart, that this scan did not see."""
        with self._database.reading() as connection:
            rows = connection.execute(
                f"SELECT path FROM photo WHERE state <> 'missing' AND {_BELOW}"
                " AND id NOT IN (SELECT id FROM temp.seen) ORDER BY path",
                _bounds(root),
            ).fetchall()
        return [file_path(path) for (path,) in rows]

    def mark_missing(self, root: Path) -> int:
        """Mark every photo at or below `root` that this scan has not seen; return how many are newly missing."""
        with self._database.transaction() as connection:
            return connection.execute(
                f"UPDATE photo SET state = 'missing' WHERE state <> 'missing' AND {_BELOW}"
                " AND id NOT IN (SELECT id FROM temp.seen)",
                _bounds(root),
            ).rowcount


_BELOW = "(path = CAST(? AS TEXT) OR (path >= CAST(? AS TEXT) AND path < CAST(? AS TEXT)))"


def _bounds(root: Path) -> tuple[bytes, bytes, bytes]:
    return (path_bytes(root), *folder_range(root))
