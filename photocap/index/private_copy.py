"""A copy of an index that nobody else sees, for what must be written where the index itself stays as it is."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from photocap.index.connection import connect_for_reading, distrust, refuse_foreign
from photocap.index.schema import migrate
from photocap.index.sqlite_errors import translated
from photocap.query import quoted

_IN_A_TEMPORARY_FILE = ""  # SQLite makes it and takes it away


def copied(path: Path) -> sqlite3.Connection:
    """Return a copy of the index at `path`, as long as its connection is open.

    Raises:
        IndexUnusable: damaged or of a newer photocap.
        WriteError: there is no room for a copy.
    """
    copy = sqlite3.connect(_IN_A_TEMPORARY_FILE, isolation_level=None)
    copy.text_factory = os.fsdecode
    distrust(copy)
    try:
        with closing(connect_for_reading(path)) as connection, translated(path):
            connection.backup(copy)
    except BaseException:
        copy.close()
        raise
    return copy


def brought_up_to_date(path: Path) -> sqlite3.Connection:
    """Return a copy of an older index with today's schema, for reading.

    Raises:
        IndexUnusable: damaged, or with triggers or views that are not photocap's.
        WriteError: there is no room for a copy.
    """
    copy = copied(path)
    try:
        with translated(path):
            refuse_foreign(copy, path)
            migrate(copy)
    except BaseException:
        copy.close()
        raise
    return copy


def damage_of_text_indexes(path: Path) -> str:
    """Compare each full-text index with what it should hold, and return what is wrong; nothing where all is well.

    `PRAGMA integrity_check` does so from SQLite 3.44 on, and only where it may write; the command of FTS5 in any.
    """
    with closing(copied(path)) as copy, translated(path):
        rows = copy.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE '%USING fts5(%'")
        for (name,) in rows.fetchall():
            try:
                copy.execute(f"INSERT INTO {quoted(name)} ({quoted(name)}, rank) VALUES ('integrity-check', 1)")
            except sqlite3.DatabaseError as error:
                return f"{name}: {error}"
    return ""
