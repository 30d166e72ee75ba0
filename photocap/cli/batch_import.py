"""The packages of the extra `ray`, imported by the commands that need them."""

from __future__ import annotations

from types import ModuleType

from photocap.errors import PhotocapError


def import_batch() -> ModuleType:
    """Import `photocap.library.batch`.

    Raises:
        PhotocapError: a package that it needs is not installed.
    """
    try:
        import photocap.library.batch
    except ImportError as error:
        reason = f"{error.name} is not installed: pip install 'photocap[ray]'"
        raise PhotocapError(reason) from error
    return photocap.library.batch
