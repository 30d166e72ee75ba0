"""What this machine's processors can do, asked of the system without importing torch."""

from __future__ import annotations

import ctypes.util
import importlib
import os
import platform
import sys
from functools import cache
from pathlib import Path

from threadpoolctl import threadpool_limits

from photocap.captioning.torch_packages import has_torch

_NVIDIA_DRIVER = Path("/proc/driver/nvidia/version")
_INT8_FLAGS = frozenset({"avx512_vnni", "avx_vnni", "asimddp"})


def cpu_threads() -> int:
    """Return how many processors this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS, Windows
        return os.cpu_count() or 1


def keep_blas_to_its_caller() -> None:
    """Have numpy multiply matrices in the calling thread, from now on.

    The threads of its BLAS go on spinning for a while after each product, however small, on the processors that the
    network computes on.
    """
    threadpool_limits(limits=1, user_api="blas")


def has_gpu() -> bool:
    """Return whether there seems to be a GPU that torch can use, and a torch to use it."""
    if not has_torch():
        return False
    if sys.platform == "darwin":
        return platform.machine() == "arm64"
    return _NVIDIA_DRIVER.exists() or (sys.platform == "win32" and ctypes.util.find_library("nvcuda") is not None)


@cache
def has_int8() -> bool:
    """Return whether the processor multiplies 8-bit numbers faster than floats without overflow (VNNI, dot product).

    Older ones add pairs of products in 16 bits, where they may overflow.
    """
    if sys.platform == "darwin" and platform.machine() == "arm64":
        return True
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return _numpy_says_int8()
    return any(
        _INT8_FLAGS & set(line.split()) for line in text.splitlines() if line.lower().startswith(("flags", "features"))
    )


def _numpy_says_int8() -> bool:
    """Ask numpy's own detection, where the system has no list of the processor's features."""
    module = importlib.import_module("numpy._core._multiarray_umath")
    features = module.__cpu_features__
    return bool(features.get("AVX512VNNI") or features.get("ASIMDDP"))
