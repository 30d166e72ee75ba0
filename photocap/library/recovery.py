"""Clean up after a run that was killed: its open journal records and its temporary files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from photocap.index import PhotoIndex, UndoState
from photocap.metadata import PatchError, matches_after
from photocap.records import UndoRecord
from photocap.system.atomicfile import remove_stale_temps
from photocap.system.regularfile import MAX_PHOTO_BYTES, read_regular


@contextmanager
def writing_files(index: PhotoIndex) -> Iterator[None]:
    """Keep other writers out while files and index change together; what a killed one had begun is settled first.

    Raises:
        IndexBusy: another writes, and has not come to an end in a minute.
    """
    with index.writing() as is_recovery_due:
        if is_recovery_due:
            recover_interrupted_writes(index)
        yield


def recover_interrupted_writes(index: PhotoIndex) -> int:
    """Find out by their contents which of the writes that a killed run had begun have happened; return how many.

    Writes that happened can be taken back from now on, the others are forgotten. What lies on a drive that is not
    there now waits for another time.
    """
    with index.writing():  # what is open then, no living process has in hand
        written = _settle_open_rows(index)
        index.note_recovery()
    return written


def _settle_open_rows(index: PhotoIndex) -> int:
    written, undone = [], []
    for row in index.undo.open_rows():
        path = row.record.path
        remove_stale_temps(path.parent)
        content = _content(path)
        if _is_written(row.record, content):
            written.append(row.id)
        elif content is not None or (row.record.sha256_before is None and path.parent.is_dir()):
            undone.append(row.id)  # as it was before, or changed by somebody since: nothing of ours to take back
    if written:
        index.undo.set_state(written, UndoState.WRITTEN)
    if undone:
        index.undo.drop(undone)
    return len(written)


def _content(path: Path) -> bytes | None:
    """Return what is in a file, None where there is none that can be read."""
    try:
        return read_regular(path, limit_bytes=MAX_PHOTO_BYTES)[0]
    except OSError:
        return None


def _is_written(record: UndoRecord, content: bytes | None) -> bool:
    try:
        return matches_after(record, content)
    except PatchError:  # such a record cannot take anything back, whether the write happened or not
        return False
