"""Freed memory goes back to the system."""

from __future__ import annotations

import ctypes
import sys

import pytest

from photocap.system.memory import return_freed_memory

_PIECE_BYTES = 64 << 10  # below glibc's threshold, so that the C library keeps what is freed
_PIECES = 1_500


def _resident_bytes() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * 4096


@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="only glibc is asked"
)
def test_what_is_freed_below_living_memory_goes_back() -> None:
    pieces = [bytes([i % 255 + 1]) * _PIECE_BYTES for i in range(_PIECES)]
    living = pieces[::20]  # nothing at the end of the heap is free by itself
    full = _resident_bytes()
    del pieces
    return_freed_memory()
    assert full - _resident_bytes() > _PIECES * _PIECE_BYTES // 2
    assert len(living) == _PIECES // 20
