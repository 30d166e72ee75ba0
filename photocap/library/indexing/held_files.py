"""Files' contents that wait in memory between being examined and being decoded, so that each file is read once."""

from __future__ import annotations

import threading

from photocap.library.indexing.job import PhotoJob

_MOST_BYTES = 64 << 20


class HeldFiles:
    """Keeps contents up to a limit; what does not fit is read again when it is decoded."""

    def __init__(self, limit_bytes: int = _MOST_BYTES) -> None:
        self._free_bytes = limit_bytes
        self._lock = threading.Lock()

    def hold(self, job: PhotoJob, data: bytes) -> None:
        """Keep a photo's content in its job, if there is room."""
        with self._lock:
            if len(data) <= self._free_bytes:
                self._free_bytes -= len(data)
                job.data = data

    def drop(self, job: PhotoJob) -> bytes | None:
        """Take a photo's content out of its job and return it; None where there was no room."""
        with self._lock:
            data, job.data = job.data, None
            self._free_bytes += len(data or b"")
            return data
