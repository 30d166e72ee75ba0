"""Hand a photo to the system's viewer."""

from __future__ import annotations

from pathlib import Path

import click

from photocap.errors import ReadError
from photocap.formats.base import FileKind
from photocap.formats.detect import kind_of

_SHOWN = (FileKind.PICTURE, FileKind.RAW)


def open_photo_in_viewer(path: Path) -> None:
    """Open a photo in the system's viewer.

    The path comes from an index, which another person may have made. What is handed to the system is therefore an
    absolute path of a file that is there, and named as a photo: opening anything else might start a program.

    Raises:
        ReadError: it is not such a file.
    """
    if not path.is_absolute() or not path.is_file():
        raise ReadError(path, "there is no such photo to open")
    if kind_of(path) not in _SHOWN:
        raise ReadError(path, "is not opened, since its name is not that of a photo", "open it by hand")
    if not path.name.isprintable():
        raise ReadError(path, "is not opened, since its name holds control characters", "rename it")
    click.launch(str(path))
