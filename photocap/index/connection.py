"""Open the index: what is not ours, damaged or too new is refused before anything touches it."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections import Counter
from pathlib import Path

from photocap.errors import IndexNotFound, IndexUnusable, WriteError, printable
from photocap.index.schema import APPLICATION_ID, CURRENT_VERSION, foreign_objects, migrate, version_of
from photocap.index.sqlite_errors import SQLITE_ERRORS, damaged, message_of, translated

_BUSY_TIMEOUT_MS = 5_000
_CACHE_KB = 65_536  # of pages that were read: a search by look reads some 1,500 of 100,000 photos' embeddings
_HEADER_BYTES = 100
_MAX_VALUE_BYTES = 256 << 20  # the largest real one is the undo record of a rewritten photo
_MAGIC = b"SQLite format 3\0"

# The files that this process has open as databases, by device and inode, and how often.
_OPEN: Counter[tuple[int, int]] = Counter()
_GUARD = threading.Lock()


def check_place(path: Path, *, create: bool) -> bool:
    """Look at what lies at `path` without opening it as a database; tell whether an index stands there.

    Raises:
        IndexNotFound: there is none and `create` is false.
        IndexUnusable: what is there is not an index, or visibly damaged.
        WriteError: the folder for a new one cannot be made.
    """
    if path.is_dir():
        raise IndexUnusable(path, "is a folder, not an index", "give --db a file name")
    # A file of no bytes is what a kill in the first moment leaves.
    if path.exists() and path.stat().st_size:
        _check_header(path)
        return True
    if not create:
        raise IndexNotFound(path, "there is no index here", "make one with: photocap index FOLDER")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # captions and places are nobody else's business
    except OSError as error:
        reason = f"its folder cannot be made: {error.strerror}"
        raise WriteError(path, reason, "give --db another place") from error
    return False


def connect_for_reading(path: Path) -> sqlite3.Connection:
    """Open an index that stays as it is; where WAL cannot make its files, as on a read-only disk, as immutable.

    Raises:
        IndexUnusable: damaged or of a newer version, or its log would have to be read in first and cannot be.
    """
    with translated(path):
        try:
            connection = _raw(path, "mode=ro")
        except sqlite3.OperationalError as error:
            if "unable to open" not in str(error) and "readonly" not in str(error):
                raise
            _refuse_unread_log(path)
            connection = _raw(path, "mode=ro&immutable=1")
        # Not for writing: our own triggers fill FTS5's tables, which SQLite calls unsafe before version 3.44.
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KB}")
        return _refuse_newer(connection, path)


def _refuse_unread_log(path: Path) -> None:
    """Refuse an index that would be read without what its last writer has left in the log."""
    log = path.with_name(path.name + "-wal")
    if log.exists() and log.stat().st_size:
        reason = "its last writer was killed, and what it left can be read in only where its folder can be written"
        raise IndexUnusable(path, reason, "copy it, with the files beside it, into a folder of your own")


def connect_for_writing(path: Path, *, exists: bool, check: bool) -> sqlite3.Connection:
    """Open an index and bring it up to date.

    Args:
        path: the index.
        exists: whether it is there already.
        check: read every page of it first.

    Raises:
        IndexUnusable: damaged or of a newer photocap; nothing was changed.
        IndexBusy: another program holds the file.
    """
    with translated(path):
        if not exists:
            _create(path)
        connection = _raw(path, "mode=rw")
        try:
            _refuse_newer(connection, path)
            refuse_foreign(connection, path)
            if exists and check and (damage := check_all(connection)):
                raise damaged(path, damage)
            migrate(connection)
            connection.execute("PRAGMA journal_mode = WAL")
            # In WAL mode NORMAL never damages the file; only `begin_undo` needs more (FULL).
            connection.execute("PRAGMA synchronous = NORMAL")
        except BaseException:
            connection.close()
            raise
        return connection


def _create(path: Path) -> None:
    """Make an empty index beside its place and move it there, so that a kill leaves no half of one."""
    new = path.with_name(path.name + ".new")
    for left_over in (new, new.with_name(new.name + "-journal")):
        left_over.unlink(missing_ok=True)
    os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))  # SQLite's other files get the same mode
    connection = _raw(new, "mode=rw")
    try:
        migrate(connection)
    finally:
        connection.close()
    os.replace(new, path)


def file_path(text: str | bytes) -> Path:
    """Return the path that stands in the database as `text`."""
    return Path(os.fsdecode(text))


def _check_header(path: Path) -> None:
    """Judge by the first 100 bytes, since even opening a stranger's database may change it.

    Where a log stands beside the file, whether it is whole is for SQLite to say: after a disk filled up in the middle
    of a checkpoint, the pages that the header counts are in the log. The application id is set by the transaction that
    makes the schema, before the file turns to WAL, so it always stands in the file itself
    (https://sqlite.org/fileformat2.html, section 1.3).

    A file that this process has open as a database is passed over: closing another handle on it would drop SQLite's
    locks, and a writer elsewhere would then take away the log from under us
    (https://sqlite.org/howtocorrupt.html, section 2.2).
    """
    try:
        with _GUARD:
            if _OPEN[_identity(path)]:
                return
            with path.open("rb") as file:
                header = file.read(_HEADER_BYTES)
                size_bytes = os.fstat(file.fileno()).st_size
    except OSError as error:
        raise IndexUnusable(path, f"cannot be read: {error.strerror}") from error
    if not header.startswith(_MAGIC):
        raise IndexUnusable(path, "is not an SQLite database", "give --db another file")
    if len(header) < _HEADER_BYTES:
        raise damaged(path, "cut off")
    if int.from_bytes(header[68:72], "big") != APPLICATION_ID:
        raise IndexUnusable(path, "is a database of another program", "give --db another file; it was not touched")
    expected_bytes = int.from_bytes(header[16:18], "big") * int.from_bytes(header[28:32], "big")
    if size_bytes < expected_bytes and not _has_log(path):
        raise damaged(path, f"cut off after {size_bytes:,} of {expected_bytes:,} bytes")


def _has_log(path: Path) -> bool:
    """Return whether SQLite's log or journal stands beside a database, which may hold what its file lacks."""
    return any(path.with_name(path.name + suffix).exists() for suffix in ("-wal", "-journal"))


class _Connection(sqlite3.Connection):
    """A connection that lets it be known, until it is closed, that this process has the file open."""

    identity: tuple[int, int] | None = None

    def close(self) -> None:
        super().close()
        with _GUARD:
            if self.identity:
                _OPEN[self.identity] -= 1
            self.identity = None


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    with _GUARD:
        identity = _identity(path) if path.exists() else None
        if identity:
            _OPEN[identity] += 1
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?{mode}",
        uri=True,
        isolation_level=None,
        timeout=_BUSY_TIMEOUT_MS / 1_000,
        factory=_Connection,
    )
    connection.identity = identity
    return connection


def _raw(path: Path, mode: str) -> sqlite3.Connection:
    connection = _connect(path, mode)
    connection.text_factory = os.fsdecode
    distrust(connection)
    try:
        connection.execute("PRAGMA user_version").fetchone()
    except SQLITE_ERRORS:
        connection.close()
        raise
    return connection


def distrust(connection: sqlite3.Connection) -> None:
    """Let SQLite treat the file as what it may be: somebody else's (https://sqlite.org/security.html)."""
    connection.execute("PRAGMA cell_size_check = ON")
    if hasattr(connection, "setlimit"):  # from Python 3.11 on
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MAX_VALUE_BYTES)  # type: ignore[attr-defined]
    if hasattr(connection, "setconfig"):  # from Python 3.12 on
        connection.setconfig(sqlite3.SQLITE_DBCONFIG_DEFENSIVE, True)  # type: ignore[attr-defined]


def _refuse_newer(connection: sqlite3.Connection, path: Path) -> sqlite3.Connection:
    version = version_of(connection)
    if version > CURRENT_VERSION:
        connection.close()
        raise IndexUnusable(
            path,
            f"was made by a newer photocap (schema {version}; this one knows {CURRENT_VERSION})",
            "update photocap; the index was not touched",
        )
    return connection


def refuse_foreign(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse a file with triggers or views that are not photocap's: writing to it would set them off."""
    if names := foreign_objects(connection):
        reason = f"holds triggers or views that are not photocap's ({', '.join(map(printable, names[:3]))})"
        raise IndexUnusable(path, reason, "give --db another file; it was not touched")


def is_outdated(connection: sqlite3.Connection) -> bool:
    """Return whether an index that was opened for reading must be brought up to date first."""
    return version_of(connection) < CURRENT_VERSION


def has_current_form(connection: sqlite3.Connection) -> bool:
    """Return whether an open index still has the form that this photocap knows."""
    return version_of(connection) == CURRENT_VERSION


def check_all(connection: sqlite3.Connection) -> str:
    """Read every page once, about a second for a gigabyte, and return what is wrong; nothing where all is well."""
    try:
        verdict: str = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except SQLITE_ERRORS as error:
        return message_of(error)
    return "" if verdict == "ok" else verdict
