"""A copy of an older index that nobody else sees, where the index itself may only be read."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from photocap.index.connection import connect_for_reading, distrust, refuse_foreign
from photocap.index.schema import migrate
from photocap.index.sqlite_errors import translated

_IN_A_TEMPORARY_FILE = ""  # SQLite makes it and takes it away


def brought_up_to_date(path: Path) -> sqlite3.Connection:
    """Return a copy of an older index with today's schema, for reading, as long as its connection is open.

    Raises:
        IndexUnusable: damaged, of a newer photocap, or with triggers or views that are not photocap's.
        WriteError: there is no room for a copy.
    """
    copy = sqlite3.connect(_IN_A_TEMPORARY_FILE, isolation_level=None)
    copy.text_factory = os.fsdecode
    distrust(copy)
    try:
        with closing(connect_for_reading(path)) as connection, translated(path):
            connection.backup(copy)
        with translated(path):
            refuse_foreign(copy, path)
            migrate(copy)
    except BaseException:
        copy.close()
        raise
    return copy
