"""What SQLite reports, as errors of photocap's own that name the index and a way out."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from photocap.errors import IndexBusy, IndexUnusable, PhotocapError, WriteError

SQLITE_ERRORS = (sqlite3.Error, UnicodeDecodeError)  # the latter where a damaged schema's text is in the message


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn what SQLite says into words for a user."""
    try:
        yield
    except SQLITE_ERRORS as error:
        raise _in_words(path, error) from error


def _in_words(path: Path, error: Exception) -> PhotocapError:
    text = message_of(error)
    if "locked" in text or "busy" in text:
        return IndexBusy(path, "another program is writing to this index", "wait for it or close it")
    if "readonly" in text or "attempt to write" in text:
        return WriteError(path, "the index cannot be written", "check its permissions")
    if "is full" in text or "disk I/O" in text:
        return WriteError(path, f"the index cannot be written: {text}", "check the disk")
    if "unable to open" in text:
        return IndexUnusable(path, "cannot be opened", "check its folder and permissions")
    if "malformed" in text or "not a database" in text or "no such" in text:
        return damaged(path, text)
    return IndexUnusable(path, f"SQLite says: {text}")


def message_of(error: Exception) -> str:
    """Return what SQLite says, which quotes a damaged schema as it is; Python 3.10 then leaves the message out."""
    if isinstance(error, UnicodeDecodeError):
        return error.object.decode(errors="replace")
    return str(error) or "malformed database schema"


def damaged(path: Path, what: str) -> IndexUnusable:
    """Return the error for an index that has lost its shape."""
    return IndexUnusable(
        path,
        f"this index is damaged ({what}); nothing was changed",
        "put a backup in its place, or give --db another name to start a new one",
    )
