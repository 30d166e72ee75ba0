"""Lock files: a lock that the operating system drops when its holder dies."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from pathlib import Path

_TEXT_BYTES = 20
_HELD_BY_ANOTHER = {errno.EAGAIN, errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK}


class LockHeld(Exception):
    """Another holds the lock.

    Attributes:
        text: what it has written into the lock file.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        super().__init__(text)


class FileLock:
    """Holds a lock file from its making to `release`; two of one process keep each other out like two processes.

    Args:
        path: the lock file, which is made where there is none.

    Raises:
        LockHeld: another holds it.
        OSError: the file cannot be made, or this file system has no locks.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        while True:
            self._handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                self._lock()
                if self._is_in_place():
                    return
            except BaseException:
                os.close(self._handle)
                raise
            os.close(self._handle)  # its last holder removed it between our two steps

    def read(self) -> str:
        """Return what is written in the file."""
        os.lseek(self._handle, 0, os.SEEK_SET)
        return os.read(self._handle, _TEXT_BYTES).decode("ascii", "replace").strip()

    def write(self, text: str) -> None:
        """Write a few characters into the file; always the same number of bytes, for which a full disk has room."""
        os.lseek(self._handle, 0, os.SEEK_SET)
        os.write(self._handle, f"{text:<{_TEXT_BYTES - 1}}\n".encode())

    def release(self, *, remove: bool = False) -> None:
        """Let the next one in; `remove`: leave no file behind, where the system lets go of one that is open."""
        if remove and os.name != "nt":
            with contextlib.suppress(OSError):
                self._path.unlink()
        os.close(self._handle)

    def _lock(self) -> None:
        try:
            _lock(self._handle)
        except OSError as error:
            if error.errno in _HELD_BY_ANOTHER:
                raise LockHeld(self.read()) from None
            raise

    def _is_in_place(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self._handle), os.stat(self._path))
        except FileNotFoundError:
            return False


if sys.platform == "win32":  # pragma: no cover
    import msvcrt

    def _lock(handle: int) -> None:
        # The byte lies far behind the text, which others must be able to read.
        os.lseek(handle, 1_000, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
