"""Replace a file whole or not at all.

The new bytes go into a temporary file in the same folder, are flushed to the disk and read back; only then does one
rename put them in place. A kill, a full disk or a failing disk leaves the old file or the new file, nothing else.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import functools
import os
import secrets
import sys
from collections.abc import Callable
from pathlib import Path

from photocap.system.file_attributes import carry_attributes, resemble
from photocap.system.named_errors import naming

try:
    import fcntl
except ImportError:  # Windows: no advisory locks, and an open file cannot be removed there anyway
    fcntl = None  # type: ignore[assignment]

TEMP_PREFIX = ".photocap-"
TEMP_SUFFIX = ".tmp"
_PIECE_BYTES = 1 << 17
_AT_FDCWD, _RENAME_NOREPLACE, _RENAME_EXCHANGE = -100, 1, 2
_CANNOT_RENAME_SO = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EPERM}


class ChangedMeanwhile(OSError):
    """Somebody else changed the file between reading it and replacing it; it was left alone."""


class Replacement:
    """New content for one path, on disk beside it and waiting for `commit`.

    Args:
        path: the file to replace or create; links must be resolved already.
        data: its whole new content.
        like: the stat of the file as it was read; its mode and owner are carried over, and a file that no longer
            looks like this is left alone. None: there is no such file yet.
        beside: the stat of the photo that a new file is about; it gets the same mode and, where that may be, owner.
        mtime_ns: the modification time to give; None: now.

    Raises:
        OSError: the temporary file could not be written; nothing is left behind.
    """

    def __init__(
        self,
        path: Path,
        data: bytes,
        *,
        like: os.stat_result | None = None,
        beside: os.stat_result | None = None,
        mtime_ns: int | None = None,
    ) -> None:
        self.path = path
        self._like, self._beside = like, beside
        self._temp = path.with_name(f"{TEMP_PREFIX}{secrets.token_hex(8)}{TEMP_SUFFIX}")
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        self._descriptor = os.open(self._temp, flags, 0o666 if like is None and beside is None else 0o600)
        try:
            with naming(path):
                self._fill(data, mtime_ns)
        except BaseException:
            self.discard()
            raise

    def _fill(self, data: bytes, mtime_ns: int | None) -> None:
        if fcntl is not None:
            with contextlib.suppress(OSError):  # some network file systems have no locks
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _write_all(self._descriptor, data)
        if self._like is not None:
            carry_attributes(self.path, self._temp, self._descriptor, self._like)
        elif self._beside is not None:
            resemble(self._temp, self._descriptor, self._beside)
        if mtime_ns is not None:
            access_ns = self._like.st_atime_ns if self._like is not None else mtime_ns
            os.utime(self._temp, ns=(access_ns, mtime_ns))
        os.fsync(self._descriptor)
        _compare(self._temp, data)
        _leave_cache(self._descriptor)

    def commit(self) -> os.stat_result:
        """Put the new content in place and return its stat.

        Raises:
            ChangedMeanwhile: the file is no longer the one that was read.
            OSError: the rename failed. In both cases the old file stands and the temporary one is gone.
        """
        try:
            if not _looks_like(self.path, self._like):
                raise ChangedMeanwhile(f"{self.path} changed meanwhile")
            result = os.fstat(self._descriptor)
            if os.name == "nt":  # where an open file cannot be renamed
                self._unlock()
            self._put_in_place(result)
        except BaseException:
            self.discard()
            raise
        self.discard()
        _sync_folder(self.path.parent)
        return result

    def _put_in_place(self, ours: os.stat_result) -> None:
        """Rename the temporary file; a save by another program since the last look is noticed where Linux helps."""
        try:
            if self._like is None:
                if not _rename(self._temp, self.path, _RENAME_NOREPLACE):
                    os.replace(self._temp, self.path)
            elif not _rename(self._temp, self.path, _RENAME_EXCHANGE):
                os.replace(self._temp, self.path)
            elif not _is_what_was_read(self._temp, self._like):
                self._give_back(ours)
                raise ChangedMeanwhile(f"{self.path} changed meanwhile")
        except (FileExistsError, FileNotFoundError) as error:
            raise ChangedMeanwhile(f"{self.path} changed meanwhile") from error

    def _give_back(self, ours: os.stat_result) -> None:
        """Put a file that another program has saved back in its place.

        It may be saved once more before that is done. The newest is the one that comes out where another file was
        expected, and only what an older one left is removed.
        """
        replaced = ours
        while True:
            saved = os.lstat(self._temp)
            try:
                _rename(self._temp, self.path, _RENAME_EXCHANGE)
            except FileNotFoundError:  # ours was moved or removed; what was saved stays
                _rename(self._temp, self.path, _RENAME_NOREPLACE)
                return
            if _is_what_was_read(self._temp, replaced):
                return
            replaced = saved

    def discard(self) -> None:
        """Remove the temporary file (after a commit, the old one in its place); harmless when called twice."""
        self._unlock()
        with contextlib.suppress(OSError):
            self._temp.unlink()

    def _unlock(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def replace_file(path: Path, data: bytes) -> None:
    """Replace or create a file atomically, following links and keeping mode and owner of what was there.

    Raises:
        OSError: nothing was changed.
    """
    target = path.resolve()
    like = target.stat() if target.exists() else None
    Replacement(target, data, like=like).commit()


def remove_file(path: Path, like: os.stat_result) -> None:
    """Remove a file if it still looks as it did when it was read, and make that durable.

    Raises:
        ChangedMeanwhile: it does not; it was left alone.
        OSError: it could not be removed.
    """
    if not _looks_like(path, like):
        raise ChangedMeanwhile(f"{path} changed meanwhile")
    path.unlink()
    _sync_folder(path.parent)


def remove_stale_temps(folder: Path) -> int:
    """Remove what killed runs left in a folder and return how many files that were.

    A living run holds a lock on its temporary files, so those stay.
    """
    removed = 0
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(TEMP_PREFIX) and entry.name.endswith(TEMP_SUFFIX):
                removed += _remove_if_stale(Path(entry.path))
    return removed


def _remove_if_stale(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
    except OSError:
        return False
    try:
        if fcntl is not None:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _compare(path: Path, data: bytes) -> None:
    """Make sure that a file reads back as it was written."""
    position = 0
    piece = memoryview(bytearray(_PIECE_BYTES))
    with path.open("rb", buffering=0) as file:
        while (count := file.readinto(piece)) and data.startswith(piece[:count], position):
            position += count
    if count or position != len(data):
        raise OSError(errno.EIO, "what was written does not read back")


def _leave_cache(descriptor: int) -> None:
    """Give back the memory in which the system keeps a file that is on the disk already.

    A run over a whole library would push everything else out of the cache, and a write into memory that the system
    has to find first takes several times as long.
    """
    if hasattr(os, "posix_fadvise"):
        with contextlib.suppress(OSError):  # advice only
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


def _looks_like(path: Path, like: os.stat_result | None) -> bool:
    """Return whether a path is still the file that `like` describes (or still absent)."""
    try:
        now = os.lstat(path)
    except FileNotFoundError:
        return like is None
    return like is not None and _identity(now) == _identity(like)


def _identity(result: os.stat_result) -> tuple[int, ...]:
    return (result.st_dev, result.st_ino, result.st_size, result.st_mtime_ns, result.st_ctime_ns, result.st_nlink)


def _is_what_was_read(path: Path, like: os.stat_result) -> bool:
    """Return whether a file that was moved away is the one that `like` describes; moving it changed its ctime."""
    now = os.lstat(path)
    return (now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns, now.st_nlink) == (
        like.st_dev,
        like.st_ino,
        like.st_size,
        like.st_mtime_ns,
        like.st_nlink,
    )


def _rename(source: Path, target: Path, how: int) -> bool:
    """Rename as only Linux can; return whether this system and file system can (see `man renameat2`).

    Raises:
        OSError: they can, but not here.
    """
    call = _renameat2()
    if call is None:
        return False
    if call(_AT_FDCWD, os.fsencode(source), _AT_FDCWD, os.fsencode(target), how) == 0:
        return True
    number = ctypes.get_errno()
    if number in _CANNOT_RENAME_SO:
        return False
    raise OSError(number, os.strerror(number), os.fspath(target))


@functools.cache
def _renameat2() -> Callable[..., int] | None:
    if sys.platform != "linux":
        return None
    try:
        call: Callable[..., int] = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError):  # a C library without it
        return None
    return call


def _sync_folder(folder: Path) -> None:
    """Make a rename durable where the system can flush folders; the rename itself has already happened."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
