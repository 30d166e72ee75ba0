"""Whether PyTorch can be used here, and what to do where it cannot."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from photocap.errors import PhotocapError

INSTALL = "pip install 'photocap[torch]'"
_REINSTALL = "pip install --upgrade --force-reinstall torch torchvision"


def has_torch() -> bool:
    """Return whether torch and torchvision are installed, without importing them."""
    return find_spec("torch") is not None and find_spec("torchvision") is not None


def check_torch() -> str:
    """Import torch and torchvision and return their versions, for people.

    Raises:
        PhotocapError: one is missing, or the two do not fit each other.
    """
    try:
        versions = f"torch {version('torch')}, torchvision {version('torchvision')}"
    except PackageNotFoundError as missing:
        raise PhotocapError(
            f"{missing.name} is not installed; training, GPUs and --engine torch need it ({INSTALL})"
        ) from None
    try:
        import torch  # noqa: F401
        import torchvision  # noqa: F401
    except Exception as error:  # the wrong torchvision raises RuntimeError, a broken library OSError or ImportError
        reason = str(error).strip().split("\n")[0]
        raise PhotocapError(f"{versions} cannot be used together: {reason} ({_REINSTALL})") from error
    return versions
