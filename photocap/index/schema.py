"""The version of an index, and how an older one is brought up to date."""

from __future__ import annotations

import sqlite3

from photocap.index.migrations import MIGRATIONS, SCRIPTS
from photocap.index.search_text import refresh_all

APPLICATION_ID = 0x50684361  # "PhCa"
CURRENT_VERSION = len(MIGRATIONS)
_SEARCH_TEXT_SINCE = 3
_OWN = " ".join(" ".join(script.split()) for script in SCRIPTS)


def version_of(connection: sqlite3.Connection) -> int:
    """Return how many of the steps a database has seen; 0 for an empty one."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


def foreign_objects(connection: sqlite3.Connection) -> list[str]:
    """Return the names of triggers and views that no step has made."""
    rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE type IN ('trigger', 'view')")
    return [name for name, sql in rows if not is_own(sql or "")]


def is_own(sql: str) -> bool:
    """Return whether a statement that made a part of a database is one of a step's."""
    return " ".join(sql.split()) in _OWN


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a database up to date: all the steps it lacks in one transaction, or none."""
    version = version_of(connection)
    if version == CURRENT_VERSION:
        return
    from sqlite_utils import Database  # here, since the import takes 0.14 s and only a new or older index needs it

    database = Database(connection, recursive_triggers=False, execute_plugins=False)
    with database.atomic():
        for step in MIGRATIONS[version:]:
            step(database)
        if version < _SEARCH_TEXT_SINCE:
            refresh_all(connection)  # with what the newest schema gathers
        database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        database.execute(f"PRAGMA user_version = {CURRENT_VERSION}")
