"""Photos that are gone: tombstones, and the refusal to believe in a library that vanished as a whole."""

from __future__ import annotations

import os
from pathlib import Path

from photocap.index import PhotoIndex
from photocap.library.indexing.prefetch import in_chunks

_CHUNK = 500


def mark_missing(index: PhotoIndex, root: Path, *, allow_empty: bool) -> str:
    """Mark the photos at and below `root` that are gone as missing; return why not, empty where that was done.

    Only what is really gone counts: photos that this walk passed by (excluded, hidden, in a folder without
    permission) stay as they are.
    """
    _keep_what_exists(index, root)
    known, gone = index.scan.count_unseen(root)
    if known and gone == known and not allow_empty:
        return _refusal(root, known)
    index.scan.mark_missing(root)
    return ""


def _refusal(root: Path, known: int) -> str:
    state = "there are no photos here any more" if root.is_dir() else "this is gone"
    return f"{state}; the {known:,} known ones stay in the index (is the drive there? --allow-empty lets them go)"


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
