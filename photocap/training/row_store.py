"""Rows of one size on disk, each found by a key: decoded photos and their features, shared by all trainings."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from photocap.errors import PhotocapError

CACHE_BYTES = 8 << 30
_ROWS, _KEYS = ".rows", ".keys"


class RowStore:
    """Two files: rows one after the other, and their keys, one a line in the same order.

    A row counts only once its key is written, so an interruption costs no more than the row in hand.

    Args:
        file: path of both files without their suffixes.
        row_bytes: size of a row.
    """

    def __init__(self, file: Path, row_bytes: int) -> None:
        self.file, self.row_bytes = file, row_bytes
        self._map: NDArray[np.uint8] | None = None
        self._appending: tuple[BinaryIO, BinaryIO] | None = None
        self.refresh()

    def refresh(self) -> None:
        """Read which rows are there now."""
        self._numbers = {key: number for number, key in enumerate(self._read_keys())}

    def _read_keys(self) -> list[str]:
        rows, keys = (self.file.with_name(self.file.name + suffix) for suffix in (_ROWS, _KEYS))
        try:
            whole = rows.stat().st_size // self.row_bytes
            return keys.read_text(encoding="ascii").split("\n")[:-1][:whole]  # the last line may lack its end
        except (OSError, ValueError):
            return []

    def open(self) -> bool:
        """Make ready for new rows; return whether that worked, as no other process may be writing."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        keys = open(self.file.with_name(self.file.name + _KEYS), "ab")  # noqa: SIM115 - kept open
        if not _lock(keys.fileno()):
            keys.close()
            return False
        self.refresh()  # another process may have written since
        found = list(self._numbers)
        rows = open(self.file.with_name(self.file.name + _ROWS), "ab")  # noqa: SIM115
        rows.truncate(len(found) * self.row_bytes)
        keys.truncate(sum(len(key) + 1 for key in found))
        os.utime(rows.name)  # what was used last is removed last
        self._appending = rows, keys
        return True

    def close(self) -> None:
        """Let other processes write."""
        for handle in self._appending or ():
            handle.close()
        self._appending = None

    def __contains__(self, key: str) -> bool:
        return key in self._numbers

    def add(self, key: str, row: NDArray[Any]) -> None:
        """Append a row.

        Raises:
            PhotocapError: there is no room for it.
        """
        assert self._appending is not None
        rows, keys = self._appending
        try:
            rows.write(np.ascontiguousarray(row).view(np.uint8).data)
            rows.flush()
            keys.write(f"{key}\n".encode("ascii"))
            keys.flush()
        except OSError as error:
            raise PhotocapError(
                f"{self.file}: no room for {self.row_bytes / 1e6:,.1f} MB of training data: {error.strerror}"
            ) from error
        self._numbers[key] = len(self._numbers)

    def read(self, keys: Sequence[str]) -> NDArray[np.uint8]:
        """Return the rows of keys that are there, (len(keys), row_bytes)."""
        numbers = [self._numbers[key] for key in keys]
        if self._map is None or max(numbers, default=0) >= len(self._map):
            path = self.file.with_name(self.file.name + _ROWS)
            shape = (path.stat().st_size // self.row_bytes, self.row_bytes)
            self._map = np.memmap(path, np.uint8, "r", shape=shape)
        return np.array(self._map[numbers])


def open_store(folders: Sequence[Path], name: str, row_bytes: int, rows: int, limit_bytes: int) -> RowStore:
    """Open a store for new rows in the first folder where that is possible, the last one in any case.

    Stores in all but the last folder together keep within a size: those that were used longest ago make way, and
    last this one starts anew.

    Args:
        folders: where it may be.
        name: its name.
        row_bytes: size of a row.
        rows: how many rows may be added.
        limit_bytes: the size.
    """
    for folder in folders[:-1]:
        if rows * row_bytes > limit_bytes:
            break
        store = RowStore(folder / name, row_bytes)
        if store.open():
            _make_room(store, rows * row_bytes, limit_bytes)
            return store
    store = RowStore(folders[-1] / name, row_bytes)
    if not store.open():
        raise PhotocapError(f"{folders[-1]}: another training is using this folder (give another --output)")
    return store


def _make_room(store: RowStore, added_bytes: int, limit_bytes: int) -> None:
    own = store.file.name + _ROWS
    files = {file: file.stat() for file in store.file.parent.glob(f"*{_ROWS}")}
    total = sum(stat.st_size for stat in files.values()) + added_bytes
    for file, stat in sorted(files.items(), key=lambda item: (item[0].name == own, item[1].st_mtime_ns)):
        if total <= limit_bytes:
            return
        total -= stat.st_size
        if file.name == own:
            store.close()
        file.unlink()
        file.with_suffix(_KEYS).unlink(missing_ok=True)
    store.open()


if sys.platform == "win32":  # pragma: no cover

    def _lock(_handle: int) -> bool:
        return True  # an open file cannot be removed there, and two trainings at once are rare
else:
    import fcntl

    def _lock(handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
