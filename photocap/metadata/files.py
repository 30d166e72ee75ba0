"""A file read whole, with the stat by which a later change is noticed."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from photocap.errors import ReadError, printable
from photocap.metadata.sidecar import existing_sidecars
from photocap.regularfile import MAX_PHOTO_BYTES, MAX_SIDECAR_BYTES, read_regular


@dataclass(frozen=True)
class OpenedFile:
    """A file as it was read.

    Attributes:
        path: as it was asked for.
        target: without links.
        data: all its bytes.
        stat: taken before reading, so that whatever happens after it is noticed.
    """

    path: Path
    target: Path
    data: bytes
    stat: os.stat_result


def open_file(path: Path, *, limit_bytes: int = MAX_PHOTO_BYTES) -> OpenedFile:
    """Read a file.

    Raises:
        ReadError: it is not there, no regular file, too large, or cannot be read.
    """
    try:
        target = path.resolve(strict=True)
        data, like = read_regular(target, limit_bytes=limit_bytes)
        return OpenedFile(path, target, data, like)
    except (OSError, RuntimeError) as error:  # RuntimeError: links that lead in a circle, on Python below 3.13
        raise ReadError(path, getattr(error, "strerror", None) or str(error)) from error


def open_sidecars(photo: Path, sidecar_dir: Path | None) -> dict[Path, OpenedFile]:
    """Read the sidecars of a photo, the most particular first.

    Raises:
        ReadError: one is there and cannot be read; it may hold a person's words.
    """
    try:
        paths = existing_sidecars(photo, sidecar_dir)
    except OSError as error:
        raise ReadError(photo, f"its sidecars cannot be looked for: {error.strerror or error}") from error
    return {path: _open_sidecar(photo, path) for path in paths}


def _open_sidecar(photo: Path, path: Path) -> OpenedFile:
    try:
        return open_file(path, limit_bytes=MAX_SIDECAR_BYTES)
    except ReadError as error:
        raise ReadError(photo, f"its sidecar {printable(path.name)} cannot be read: {error.reason}") from error
