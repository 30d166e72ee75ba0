"""Decode photos for the pages: some at a time, and none for longer than it may take."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from photocap.errors import ReadError
from photocap.system.workers import Overdue, WorkerPool

_AT_ONCE = max(2, min(4, os.cpu_count() or 1))

T = TypeVar("T")


class PhotoDecoder:
    """Threads that decode, so that a photo that never ends costs one answer and no page.

    Args:
        limit_s: how long one photo may take; None takes the limit of all commands.
    """

    def __init__(self, limit_s: float | None = None) -> None:
        self._pool = WorkerPool(_AT_ONCE, limit_s)

    def run(self, work: Callable[[Path, int], T], path: Path, size_px: int) -> T:
        """Return `work(path, size_px)`.

        Raises:
            ReadError: it takes too long, or the photo cannot be read.
        """
        try:
            return self._pool.result(self._pool.submit(work, path, size_px))
        except Overdue as error:
            raise ReadError(path, str(error)) from error

    def close(self) -> None:
        """End the threads; those that are stuck are not waited for."""
        self._pool.shutdown()
