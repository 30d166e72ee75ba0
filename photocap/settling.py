"""Cleaning up after a run that was killed: its open journal records and its temporary files."""

from __future__ import annotations

import hashlib
from pathlib import Path

from photocap.atomicfile import remove_stale_temps
from photocap.index import PhotoIndex, UndoState

_CHUNK_BYTES = 1 << 20


def settle_interrupted(index: PhotoIndex) -> int:
    """Find out by their contents which of the writes that a killed run had begun have happened; return how many.

    Writes that happened can be taken back from now on, the others are forgotten. What lies on a drive that is not
    there now waits for another time.
    """
    written, undone = [], []
    for row in index.open_undo():
        path = row.record.path
        remove_stale_temps(path.parent)
        digest = _sha256(path)
        if digest == row.record.sha256_after:
            written.append(row.id)
        elif digest is not None or (row.record.sha256_before is None and path.parent.is_dir()):
            undone.append(row.id)  # as it was before, or changed by somebody since: nothing of ours to take back
    if written:
        index.settle_undo(written, UndoState.WRITTEN)
    if undone:
        index.drop_undo(undone)
    return len(written)


def _sha256(path: Path) -> str | None:
    """Return the hash of a file, None where there is none that can be read."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
    except OSError:
        return None
    return digest.hexdigest()
