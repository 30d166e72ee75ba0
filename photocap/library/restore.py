"""Take back what photocap wrote into files, byte for byte, as far as nobody has changed them since."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from photocap.errors import FileProblem
from photocap.index import PhotoIndex, UndoRow, UndoState
from photocap.library.file_writes import FileWrites, is_as_indexed, note_written
from photocap.library.moved_files import JournaledFile, journaled_files, unknown_photos
from photocap.library.recovery import writing_files
from photocap.library.restore_guard import check_kind
from photocap.metadata import (
    DryRun,
    ExifTool,
    WritePolicy,
    check_replaceable,
    is_sidecar,
    matches_after,
    matches_before,
    read_caption,
    revert,
)
from photocap.records import Written
from photocap.system.atomicfile import Replacement, remove_file
from photocap.system.regularfile import MAX_PHOTO_BYTES, read_regular

_DEFAULT_POLICY = WritePolicy()
_UNKNOWN_WRITE = (
    "it bears photocap's mark, but this index does not know the write; --by-mark takes out what bears it, though not"
    " byte for byte"
)
_BY_MARK = "what photocap wrote was taken out by its mark; the file is not byte for byte what it was"
_GONE = "it is gone; if it was moved, name its new place: photocap restore NEW/PLACE"


@dataclass(frozen=True)
class Restored:
    """What became of one file.

    Attributes:
        path: the file: a photo or a sidecar.
        is_restored: whether it is (or, in a dry run, would be) again as it was before photocap.
        writes: how many writes were taken back.
        reason: why it was left alone; empty where it was not.
    """

    path: Path
    is_restored: bool
    writes: int = 0
    reason: str = ""


def restore(
    index: PhotoIndex,
    paths: Sequence[Path] = (),
    *,
    run_id: int | None = None,
    dry_run: DryRun = DryRun.NO,
    by_mark: bool = False,
    policy: WritePolicy = _DEFAULT_POLICY,
) -> Iterator[Restored]:
    """Take writes back, file by file, the newest write of each file first; files are found where they are now.

    Other writers get in between two files.

    Args:
        index: open for writing, unless it is a dry run.
        paths: photos, sidecars and folders, absolute; none means all. A photo stands for its sidecars too, wherever
            they are.
        run_id: only what this run wrote.
        dry_run: YES tells what would happen.
        by_mark: also take the caption out of photos that bear photocap's mark and of which the journal knows nothing;
            they do not become again what they were byte for byte.
        policy: where sidecars are kept.

    Yields:
        One result for each file that photocap wrote to, in order of path.
    """
    files = journaled_files(index, paths, run_id)
    for file in files:
        with _alone(index, dry_run):
            restored = _restore_file(index, file, dry_run)
        yield restored
    if run_id is None:
        known = {place for file in files for place in (file.path, file.photo)}
        for photo in unknown_photos(index, paths, known):
            if _is_marked(photo, policy):
                yield (
                    _restore_by_mark(index, photo, policy, dry_run)
                    if by_mark
                    else Restored(photo, is_restored=False, reason=_UNKNOWN_WRITE)
                )


def _alone(index: PhotoIndex, dry_run: DryRun) -> AbstractContextManager[object]:
    """Keep other writers out of a file and of what the index says of it."""
    return contextlib.nullcontext() if dry_run is DryRun.YES else writing_files(index)


def _is_marked(photo: Path, policy: WritePolicy) -> bool:
    """Return whether a photo holds something that photocap has marked as its own."""
    try:
        return read_caption(photo, sidecar_dir=policy.sidecar_dir).has_mark
    except FileProblem:
        return False


def _restore_by_mark(index: PhotoIndex, photo: Path, policy: WritePolicy, dry_run: DryRun) -> Restored:
    """Take photocap's caption out of a photo of which the journal knows nothing; this write is journaled too."""
    with _alone(index, dry_run), ExifTool() as exiftool, FileWrites(policy, exiftool, dry_run) as writes:
        try:
            write = writes.prepare_removal(photo)
            if dry_run is DryRun.NO and write.prepared.changes_files:
                writes.commit(index, index.runs.start("restore"))
                index.undo.set_state(writes.settled, UndoState.WRITTEN)
        except FileProblem as problem:
            return Restored(photo, is_restored=False, reason=problem.reason)
    if write.problem or not write.prepared.changes_files:
        return Restored(photo, is_restored=False, reason=str(write.problem or write.prepared.reason))
    return Restored(photo, is_restored=True, writes=1, reason=_BY_MARK)


def _restore_file(index: PhotoIndex, file: JournaledFile, dry_run: DryRun) -> Restored:
    """Take back the writes to one file; those to a file of which this is a copy stay in the journal."""
    path, rows, photo = file.path, file.rows, file.photo
    before = index.photos.file_state(photo) if photo else None
    as_indexed = photo is not None and is_as_indexed(before, photo)
    try:
        plan = _plan(path, rows)
        if dry_run is DryRun.NO:
            plan.carry_out()
    except (OSError, ValueError) as error:
        return Restored(path, is_restored=False, reason=getattr(error, "strerror", None) or str(error))
    if plan.undone and dry_run is DryRun.NO:
        if not file.is_copy:
            index.undo.set_state([row.id for row in plan.undone], UndoState.RESTORED)
        if photo is not None and as_indexed:
            _note(index, photo)
    if plan.undone:
        return Restored(path, is_restored=True, writes=len(plan.undone), reason=plan.remark)
    return Restored(path, is_restored=False, reason=_later_write(index, path, rows[0]) or plan.remark)


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """How to take back the writes to one file.

    Attributes:
        path: the file.
        like: its stat as it was read; None where it is gone.
        current: its content.
        old: the content to give back; None where there is to be no file.
        undone: the writes that this takes back.
        remark: why not all of them.
    """

    path: Path
    like: os.stat_result | None
    current: bytes | None
    old: bytes | None
    undone: list[UndoRow]
    remark: str

    def carry_out(self) -> None:
        """Put the old content in place."""
        if self.like is None or self.old == self.current:
            return
        if self.old is None:
            remove_file(self.path, self.like)
        else:
            Replacement(self.path, self.old, like=self.like, mtime_ns=self.like.st_mtime_ns).commit()


def _plan(path: Path, rows: Sequence[UndoRow]) -> _Plan:
    """Find out how far the writes to a file can be taken back.

    Raises:
        CannotEmbed: the file may not be replaced.
        NotOurs: it is no photo and no sidecar.
        PatchError: a record does not give back what it promises.
        OSError: the file cannot be read.
    """
    like = path.lstat() if os.path.lexists(path) else None
    current = None if like is None else read_regular(path, limit_bytes=MAX_PHOTO_BYTES)[0]
    content = current
    undone: list[UndoRow] = []
    remark = ""
    for row in rows:
        if content is not None and matches_after(row.record, content):
            content = revert(row.record, content)
        elif not matches_before(row.record, content):  # where it does, a restore that was killed had come this far
            remark = _GONE if current is None else "somebody changed it after photocap wrote to it"
            break
        undone.append(row)
    if like is not None and current is not None and content != current:
        check_kind(path, current, content)
        check_replaceable(path, like)
    return _Plan(path=path, like=like, current=current, old=content, undone=undone, remark=remark)


def _later_write(index: PhotoIndex, path: Path, row: UndoRow) -> str:
    """Say so where a later run wrote to a file than the one that is to be taken back."""
    latest = next((later for later in index.undo.rows([path]) if later.record.path == path), row)
    return "" if latest.id == row.id else f"run {latest.run_id} wrote to it later; take that back first"


def _note(index: PhotoIndex, photo: Path) -> None:
    """Note the photo's new state and what is left of photocap's writes to it."""
    with contextlib.suppress(OSError):  # a photo that is gone has nothing to note
        note_written(index, photo, _still_written(index, photo), None)


def _still_written(index: PhotoIndex, photo: Path) -> Written:
    """Return where an earlier caption is by now, of which the write was not taken back."""
    for row in index.undo.rows([photo]):
        if row.record.photo == photo:
            return Written.SIDECAR if is_sidecar(row.record.path) else Written.EMBEDDED
    return Written.NONE
