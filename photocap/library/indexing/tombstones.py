"""Photos that are gone: tombstones, and the refusal to believe that a whole library or drive vanished."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from photocap.index import PhotoIndex
from photocap.library.indexing.prefetch import in_chunks

_CHUNK = 500
_WAY_OUT = "is the drive there? --allow-empty lets them go"


@dataclass(frozen=True)
class Tombstones:
    """What became of the photos below a folder that a scan did not meet.

    Attributes:
        gone: how many are newly marked as missing.
        kept: folders whose photos all vanished, so that they stay in the index, with what to say of each.
    """

    gone: int = 0
    kept: dict[Path, str] = field(default_factory=dict)


def mark_missing(index: PhotoIndex, root: Path, *, allow_empty: bool) -> Tombstones:
    """Mark the photos at and below `root` that are gone as missing, unless a whole drive seems to be unplugged.

    Only what is really gone counts: photos that this walk passed by (excluded, hidden, in a folder without
    permission) stay as they are.
    """
    _keep_what_exists(index, root)
    if allow_empty:
        return Tombstones(index.scan.mark_missing(root))
    known, gone = index.scan.count_unseen(root)
    if known and gone == known:
        state = "there are no photos here any more" if root.is_dir() else "this is gone"
        return Tombstones(kept={root: f"{state}; the {known:,} known ones stay in the index ({_WAY_OUT})"})
    unplugged = dict(_unplugged(index, root)) if gone else {}
    for paths in unplugged.values():
        index.scan.file_states(paths)  # as if they had been seen
    kept = {
        folder: f"this folder is empty; its {len(paths):,} known photos stay in the index ({_WAY_OUT})"
        for folder, paths in unplugged.items()
    }
    return Tombstones(index.scan.mark_missing(root), kept)


def _unplugged(index: PhotoIndex, root: Path) -> Iterator[tuple[Path, list[Path]]]:
    """Yield folders below `root` that are there and quite empty, as a drive leaves them, with the photos once there."""
    lost: dict[Path, list[Path]] = {}
    standing: dict[Path, Path] = {}
    for path in index.scan.unseen(root):
        folder = path.parent
        if folder not in standing:
            standing[folder] = next((each for each in (folder, *folder.parents) if each.is_dir()), root)
        lost.setdefault(standing[folder], []).append(path)
    for folder, paths in lost.items():
        if folder != root and _is_empty(folder):
            yield folder, paths


def _is_empty(folder: Path) -> bool:
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is None
    except OSError:  # no permission to look: then nothing is known
        return True


def _keep_what_exists(index: PhotoIndex, root: Path) -> None:
    for chunk in in_chunks(index.scan.unseen(root), _CHUNK):
        index.scan.file_states([path for path in chunk if _may_exist(path)])


def _may_exist(path: Path) -> bool:
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:  # no permission to look: then it may
        return True
    return True
