"""Memory that was freed, given back to the system."""

from __future__ import annotations

import ctypes
import sys


def return_freed_memory() -> None:
    """Give freed memory back where the C library keeps it (glibc); elsewhere do nothing.

    A model takes hundreds of megabytes while it is loaded. What is freed of them in pieces below glibc's threshold
    would stay with the process.
    """
    if sys.platform != "linux":
        return
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl has none
    if trim is not None:
        trim(0)
