"""One writer at a time: a lock that the operating system drops when its holder dies."""

from __future__ import annotations

import os
import sys
from datetime import date, timedelta
from pathlib import Path

from photocap.errors import IndexBusy, WriteError

_CHECKED_FOR = timedelta(days=7)


class WriterLock:
    """Holds `INDEX.lock` for as long as an index is open for writing.

    The lock is not on the index itself: closing any handle on that file would drop SQLite's own
    POSIX locks. The file stays behind, since removing it would let two writers in. It says which process writes, and
    after a clean end when the index was last read through.

    Attributes:
        is_check_due: whether the index should be read through: the last writer died, or a week has passed.
    """

    def __init__(self, index_path: Path) -> None:
        path = index_path.with_name(index_path.name + ".lock")
        try:
            self._handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise WriteError(index_path, f"cannot be locked: {error.strerror}") from error
        try:
            _lock(self._handle)
        except OSError:
            holder = os.read(self._handle, 20).decode("ascii", "replace").strip()
            os.close(self._handle)
            raise IndexBusy(
                index_path,
                f"another photocap (process {holder or 'unknown'}) is writing to this index",
                "wait until it is done; searching works meanwhile",
            ) from None
        self._checked = _date(os.read(self._handle, 20))
        self.is_check_due = self._checked is None or not timedelta() <= date.today() - self._checked < _CHECKED_FOR
        self._say(str(os.getpid()))

    def note_check(self) -> None:
        """Remember that the index was read through and is whole."""
        self._checked = date.today()

    def release(self, *, clean: bool) -> None:
        """Let the next writer in; `clean`: whatever was begun was brought to an end."""
        if clean:
            self._say(str(self._checked or ""))
        os.close(self._handle)

    def _say(self, text: str) -> None:
        os.lseek(self._handle, 0, os.SEEK_SET)
        os.ftruncate(self._handle, 0)
        os.write(self._handle, f"{text}\n".encode())


def _date(text: bytes) -> date | None:
    """Return the day of the last check after a clean end; None where a writer died, or none was here before."""
    try:
        return date.fromisoformat(text.decode("ascii").strip())
    except ValueError:
        return None


if sys.platform == "win32":  # pragma: no cover
    import msvcrt

    def _lock(handle: int) -> None:
        # The byte lies far behind the process id, which others must be able to read.
        os.lseek(handle, 1_000, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        os.lseek(handle, 0, os.SEEK_SET)
else:
    import fcntl

    def _lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
