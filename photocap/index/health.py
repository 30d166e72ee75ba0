"""Whether SQLite on this machine has what the index needs, and whether an index is sound."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from photocap.index.connection import check_place, connect_for_reading
from photocap.index.sqlite_errors import damaged, translated
from photocap.index.text_integrity import damage_of_text_indexes

SQLITE_VERSION = sqlite3.sqlite_version


def has_full_text_search() -> bool:
    """Return whether SQLite was built with FTS5 and its trigram tokenizer (SQLite 3.34 or later)."""
    with closing(sqlite3.connect(":memory:")) as connection:
        try:
            connection.execute("CREATE VIRTUAL TABLE t USING fts5(x, tokenize = 'trigram')")
        except sqlite3.OperationalError:
            return False
    return True


def check_index(path: Path) -> None:
    """Read an index through and through, changing nothing.

    Raises:
        IndexNotFound: there is none.
        IndexUnusable: it is damaged, too new or not photocap's.
    """
    check_place(path, create=False)
    with closing(connect_for_reading(path)) as connection, translated(path):
        rows = connection.execute("PRAGMA integrity_check").fetchall()
    # Of full-text indexes SQLite 3.44 and later say here that they cannot be looked at without writing.
    found = [verdict for (verdict,) in rows if verdict != "ok" and "readonly database" not in verdict]
    if damage := found[0] if found else damage_of_text_indexes(path):
        raise damaged(path, damage)
