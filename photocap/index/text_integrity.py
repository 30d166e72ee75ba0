"""Whether full-text indexes hold what they should: FTS5 compares each with its content, but only where it may write.

So each index in turn is copied into the temporary database of a connection that reads, beside a view of its content,
and compared there. The library's file stays as it is, and nothing else of it is copied.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from photocap.index.connection import connect_for_reading
from photocap.index.schema import is_own
from photocap.index.sqlite_errors import translated
from photocap.query import quoted

_CREATED = "CREATE VIRTUAL TABLE "
_CONTENT = re.compile(r'content="(\w+)"')
_PARTS = ("data", "idx", "docsize", "config")


def damage_of_text_indexes(path: Path) -> str:
    """Return what is wrong with the first full-text index that is damaged; nothing where all are well.

    Raises:
        IndexUnusable: the file is damaged elsewhere.
        WriteError: there is no room for a copy of the largest of them.
    """
    with closing(connect_for_reading(path)) as connection, translated(path):
        if hasattr(connection, "setconfig"):  # the copies are filled by hand, which is else forbidden
            connection.setconfig(sqlite3.SQLITE_DBCONFIG_DEFENSIVE, False)  # type: ignore[attr-defined]
        connection.execute("BEGIN")  # what others write meanwhile would stand in one and not in the other
        for name, sql, content in list(_text_indexes(connection)):
            connection.execute("SAVEPOINT copied")
            if damage := _damage_of(connection, name, sql, content):
                return f"{name}: {damage}"
            connection.execute("ROLLBACK TO copied")
    return ""


def _text_indexes(connection: sqlite3.Connection) -> Iterator[tuple[str, str, str]]:
    """Yield the name of each full-text index of photocap's, the statement that made it, and what it is an index of."""
    rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table' AND sql LIKE '%USING fts5(%'")
    for name, sql in rows:
        content = _CONTENT.search(sql)
        if content and is_own(sql):
            yield name, sql, content[1]


def _damage_of(connection: sqlite3.Connection, name: str, sql: str, content: str) -> str:
    connection.execute(f"CREATE TEMP VIEW {quoted(content)} AS SELECT * FROM main.{quoted(content)}")
    connection.execute(sql.replace(_CREATED, f"{_CREATED}temp.", 1))
    for part in _PARTS:
        table = quoted(f"{name}_{part}")
        connection.execute(f"DELETE FROM temp.{table}")
        connection.execute(f"INSERT INTO temp.{table} SELECT * FROM main.{table}")
    try:
        connection.execute(f"INSERT INTO temp.{quoted(name)} ({quoted(name)}, rank) VALUES ('integrity-check', 1)")
    except sqlite3.DatabaseError as error:
        return str(error)
    return ""
