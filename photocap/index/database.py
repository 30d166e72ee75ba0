"""The open database that every part of the index works on."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

from photocap.errors import IndexUnusable
from photocap.index.connection import has_current_form
from photocap.index.sqlite_errors import translated
from photocap.index.writer_lock import WriterLock


class Database:
    """A connection, its path, and transactions whose errors are in a user's words.

    Args:
        connection: the open file.
        path: the file.
        lock: keeps other writers out; None where the file is open for reading only.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path, lock: WriterLock | None = None) -> None:
        self.connection = connection
        self.path = path
        self.lock = lock

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Keep other writers out meanwhile; may be nested.

        Raises:
            IndexBusy: another writes and does not come to an end.
            IndexUnusable: another photocap has changed the form of the index since it was opened.
        """
        if self.lock is None:  # SQLite will say that it is open for reading only
            yield
            return
        with self.lock.held():
            self._check_form()
            yield

    def _check_form(self) -> None:
        with translated(self.path):
            is_current = has_current_form(self.connection)
        if not is_current:
            raise IndexUnusable(
                self.path, "was brought up to date by a newer photocap meanwhile", "start the command again"
            )

    def others_version(self) -> int:
        """Return a number that is another one whenever another connection has changed the index since."""
        with self.reading() as connection:
            version: int = connection.execute("PRAGMA data_version").fetchone()[0]
        return version

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Run one transaction: all of it or nothing; other writers are kept out meanwhile."""
        with self.writing(), translated(self.path):
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield self.connection
            except BaseException:
                self.connection.rollback()
                raise
            self.connection.commit()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give the connection for reading, or for single statements that need no transaction."""
        with translated(self.path):
            yield self.connection


def path_bytes(path: Path) -> bytes:
    """Return a path as it is bound to `CAST(? AS TEXT)`: the file system's own bytes."""
    return os.fsencode(path)


def storable(text: str) -> str:
    """Return text that SQLite can hold: what metadata in a broken encoding leaves behind becomes "?"."""
    return text.encode("utf-8", "replace").decode()


def now() -> str:
    """Return the time as it is stored: ISO 8601, UTC, whole seconds."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


EVERYWHERE = (b"", b"\xff")
"""The bounds between which every path sorts."""


def folder_range(folder: Path) -> tuple[bytes, bytes]:
    """Return the bounds [first, last) between which every path inside a folder sorts."""
    start = os.fsencode(folder).rstrip(os.fsencode(os.sep)) + os.fsencode(os.sep)
    return start, start[:-1] + bytes([start[-1] + 1])
