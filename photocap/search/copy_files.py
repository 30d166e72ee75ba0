"""Gather the photos that were found in one folder, as copies or as links; nothing there is replaced."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from pathlib import Path

from photocap.errors import WriteError
from photocap.system.regularfile import open_regular


def copy_to(photos: Iterable[Path], folder: Path) -> Iterator[WriteError]:
    """Copy photos into a folder with their times; yield what could not be copied."""
    return _gather(photos, folder, _copy)


def link_to(photos: Iterable[Path], folder: Path) -> Iterator[WriteError]:
    """Link to photos from a folder; yield what could not be linked."""
    return _gather(photos, folder, _link)


def _gather(photos: Iterable[Path], folder: Path, bring: Callable[[Path, Path], None]) -> Iterator[WriteError]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(folder, f"this folder cannot be made: {error.strerror}") from error
    for photo in photos:
        try:
            _bring_under_free_name(photo, folder, bring)
        except OSError as error:
            yield WriteError(photo, f"could not be brought to {folder}: {error.strerror}")


def _bring_under_free_name(photo: Path, folder: Path, bring: Callable[[Path, Path], None]) -> None:
    for number in count(1):
        name = photo.name if number == 1 else f"{photo.stem}-{number}{photo.suffix}"
        target = folder / name
        if target.exists() and _is_same(photo, target):
            return
        try:
            bring(photo, target)
            return
        except FileExistsError:
            continue


def _is_same(photo: Path, target: Path) -> bool:
    """Return whether a photo was brought here before."""
    if photo.samefile(target):
        return True
    a, b = photo.stat(), target.stat()
    return (a.st_size, a.st_mtime_ns) == (b.st_size, b.st_mtime_ns)


def _copy(photo: Path, target: Path) -> None:
    # "x" fails where a file stands, also one that came a moment ago.
    with open_regular(photo) as source, target.open("xb") as copy:
        try:
            shutil.copyfileobj(source, copy, 1 << 20)
        except BaseException:
            target.unlink()
            raise
    shutil.copystat(photo, target)


def _link(photo: Path, target: Path) -> None:
    os.symlink(photo, target)
