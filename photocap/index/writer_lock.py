"""One writer at a time, for as long as it takes to bring files and index from one sound state to the next."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

from photocap.errors import IndexBusy, WriteError
from photocap.index.file_lock import FileLock, LockHeld

PATIENCE_S = 60.0
"""How long a writer waits for the one before it: longer than any batch takes on a slow drive."""
_LOOK_EVERY_S = 0.02
_SILENT_S = 1.0  # a wait that is shorter need not be explained
_CHECKED_FOR = timedelta(days=7)
_UNSETTLED = "killed"


class WriterLock:
    """Holds `INDEX.lock` inside `held` alone, so that a long run lets others in between its batches.

    The lock is not on the index itself: closing any handle on that file would drop SQLite's own
    POSIX locks. The file stays behind and says which process writes; after a clean end, when the index was last read
    through, and whether what a killed writer had begun is still to be settled.

    Who has to wait announces it with a second file, `INDEX.turn`, and a writer that comes while that is there waits
    behind it. So a run that asks again right after each batch keeps nobody out.

    Args:
        index_path: the index.
        waiting: called once in each wait of more than a second, with a line that says for whom.

    Attributes:
        is_check_due: whether the index should be read through: the last writer died, or a week has passed.
        is_recovery_due: whether a writer was killed and what it had begun is not settled yet.
    """

    def __init__(self, index_path: Path, waiting: Callable[[str], None] | None = None) -> None:
        self._index_path = index_path
        self._waiting = waiting
        self._path = index_path.with_name(index_path.name + ".lock")
        self._turn_path = index_path.with_name(index_path.name + ".turn")
        self._lock: FileLock | None = None
        self._is_said = False
        self._checked: date | None = None
        self.is_check_due = self.is_recovery_due = False

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other writers out meanwhile; inside another `held` of the same lock nothing happens.

        Raises:
            IndexBusy: another writes, and has not come to an end in `PATIENCE_S`.
            WriteError: there can be no lock file here.
        """
        if self._lock is not None:
            yield
            return
        self._lock = self._take()
        try:
            self._begin(self._lock)
            yield
        finally:
            self._end(self._lock)
            self._lock = None

    def note_check(self) -> None:
        """Remember that the index was read through and is whole."""
        self._checked = date.today()

    def note_recovery(self) -> None:
        """Remember that what a killed writer had begun is settled."""
        self.is_recovery_due = False

    def _begin(self, lock: FileLock) -> None:
        day, _, unsettled = lock.read().partition(" ")
        self._checked = _date(day)
        self.is_recovery_due = bool(unsettled) or (bool(day) and self._checked is None)
        self.is_check_due = self._checked is None or not timedelta() <= date.today() - self._checked < _CHECKED_FOR
        try:
            lock.write(str(os.getpid()))
        except OSError as error:
            raise WriteError(self._path, f"cannot be written: {error.strerror}") from error

    def _end(self, lock: FileLock) -> None:
        unsettled = f" {_UNSETTLED}" if self.is_recovery_due else ""
        try:
            lock.write(f"{self._checked or ''}{unsettled}")
        except OSError as error:
            raise WriteError(self._path, f"cannot be written: {error.strerror}") from error
        finally:
            lock.release()

    def _take(self) -> FileLock:
        """Take the lock: at once where nobody waits, else when it is our turn."""
        try:
            if not self._turn_path.exists():
                return FileLock(self._path)
        except LockHeld:
            pass
        except OSError as error:
            raise self._no_lock(error) from error
        return self._queue(time.monotonic() + PATIENCE_S)

    def _queue(self, deadline: float) -> FileLock:
        self._is_said = False
        turn = self._wait_for(self._turn_path, deadline)
        try:
            return self._wait_for(self._path, deadline)
        finally:
            turn.release(remove=True)

    def _wait_for(self, path: Path, deadline: float) -> FileLock:
        while True:
            try:
                return FileLock(path)
            except LockHeld:
                now = time.monotonic()
                if now >= deadline:
                    hint = "wait until it is done; searching works meanwhile"
                    raise IndexBusy(self._index_path, self._holder(), hint) from None
                if self._waiting and not self._is_said and now >= deadline - PATIENCE_S + _SILENT_S:
                    self._is_said = True
                    self._waiting(f"waiting: {self._holder()}")
            except OSError as error:
                raise self._no_lock(error) from error
            time.sleep(_LOOK_EVERY_S)

    def _holder(self) -> str:
        holder = self._path.read_text(encoding="ascii", errors="replace").strip()
        return f"another photocap (process {holder or 'unknown'}) is writing to this index"

    def _no_lock(self, error: OSError) -> WriteError:
        return WriteError(self._index_path, f"cannot be locked: {error.strerror}")


@contextmanager
def run_lock(index_path: Path) -> Iterator[None]:
    """Be the only run that indexes, which other writers need not wait for.

    Raises:
        IndexBusy: another process indexes.
        WriteError: there can be no lock file here.
    """
    path = index_path.with_name(index_path.name + ".run")
    try:
        lock = FileLock(path)
    except LockHeld as held:
        raise IndexBusy(
            index_path,
            f"another photocap (process {held.text or 'unknown'}) is indexing into it",
            "wait until it is done; `search`, `edit` and `review` work meanwhile",
        ) from None
    except OSError as error:
        raise WriteError(index_path, f"cannot be locked: {error.strerror}") from error
    try:
        lock.write(str(os.getpid()))
        yield
    finally:
        lock.release(remove=True)


def _date(text: str) -> date | None:
    """Return the day of the last check after a clean end; None where a writer died, or none was here before."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
