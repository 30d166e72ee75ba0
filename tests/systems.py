"""What tests need of the operating system, as marks and measures; CI runs them on Linux, macOS and Windows."""

from __future__ import annotations

import sys

import pytest

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such pipes, modes, signals or scripts")
needs_byte_names = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the names of files are text")


def peak_bytes() -> int:
    """Return how much memory this process has had at most, where the system is a POSIX one."""
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
