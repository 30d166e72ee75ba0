"""Keep libtiff from writing to the terminal."""

from __future__ import annotations

import ctypes
from pathlib import Path

import PIL


def silence_libtiff() -> None:
    """Take away the handler by which libtiff, inside Pillow, writes its complaints straight to stderr.

    What matters of them comes back as an error and is reported in our words. Where Pillow was built in another way than
    its wheels are, the library is not found and keeps complaining.
    """
    for library in (Path(PIL.__file__).parent.parent / "pillow.libs").glob("libtiff*"):
        set_handler = ctypes.CDLL(str(library)).TIFFSetErrorHandler
        set_handler.restype, set_handler.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
        set_handler(None)
