"""Taking back what photocap wrote into files, byte for byte, as far as nobody has changed them since."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from photocap.atomicfile import Replacement, remove_file
from photocap.index import PhotoIndex, UndoRow, UndoState
from photocap.metadata import DryRun, check_replaceable, matches_after, matches_before, revert, sidecar_under
from photocap.records import Written

_SIDECAR_SUFFIX = ".xmp"


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
    sidecar_dir: Path | None = None,
    dry_run: DryRun = DryRun.NO,
) -> Iterator[Restored]:
    """Take writes back, file by file, the newest write of each file first.

    Args:
        index: open for writing, unless it is a dry run.
        paths: photos, sidecars and folders, absolute; none means all.
        run_id: only what this run wrote.
        sidecar_dir: where sidecars of the photos may stand besides next to them.
        dry_run: YES tells what would happen.

    Yields:
        One result for each file that photocap wrote to, in order of path.
    """
    by_path: dict[Path, dict[int, UndoRow]] = {}
    for asked in _places(paths, sidecar_dir):
        for row in index.undo.rows(asked, run_id):
            by_path.setdefault(row.record.path, {})[row.id] = row
    for path in sorted(by_path):
        rows = sorted(by_path[path].values(), key=lambda row: row.id, reverse=True)
        yield _restore_file(index, path, rows, dry_run)


def _places(paths: Sequence[Path], sidecar_dir: Path | None) -> Iterator[list[Path]]:
    """Yield where to look for writes, some at a time: at files and folders, and at their sidecars."""
    if not paths:
        yield []
    for path in paths:
        real = path.resolve()  # the journal names files without links
        beside = [path, real, *(p.with_name(p.name + _SIDECAR_SUFFIX) for p in (path, real))]
        if sidecar_dir is not None:
            under = sidecar_under(path, sidecar_dir)
            beside += [under, under.with_suffix("")]
        yield beside


def _restore_file(index: PhotoIndex, path: Path, rows: Sequence[UndoRow], dry_run: DryRun) -> Restored:
    """Take back the writes to one file; `rows` are the newest first."""
    try:
        plan = _plan(path, rows)
        if dry_run is DryRun.NO:
            plan.carry_out()
    except (OSError, ValueError) as error:
        return Restored(path, is_restored=False, reason=getattr(error, "strerror", None) or str(error))
    if plan.undone and dry_run is DryRun.NO:
        index.undo.set_state([row.id for row in plan.undone], UndoState.RESTORED)
        _update_file_state(index, path)
    if plan.undone:
        return Restored(path, is_restored=True, writes=len(plan.undone), reason=plan.remark)
    return Restored(path, is_restored=False, reason=_later_write(index, path, rows[0]) or plan.remark)


@dataclass(frozen=True)
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
        PatchError: a record does not give back what it promises.
        OSError: the file cannot be read.
    """
    like = path.lstat() if os.path.lexists(path) else None
    current = None if like is None else path.read_bytes()
    content = current
    undone: list[UndoRow] = []
    remark = ""
    for row in rows:
        if content is not None and matches_after(row.record, content):
            content = revert(row.record, content)
        elif not matches_before(row.record, content):  # where it does, a restore that was killed had come this far
            remark = "it is gone" if current is None else "somebody changed it after photocap wrote to it"
            break
        undone.append(row)
    if like is not None and content != current:
        check_replaceable(path, like)
    return _Plan(path, like, current, content, undone, remark)


def _later_write(index: PhotoIndex, path: Path, row: UndoRow) -> str:
    """Say so where a later run wrote to a file than the one that is to be taken back."""
    latest = next(iter(index.undo.rows([path])), row)
    return "" if latest.id == row.id else f"run {latest.run_id} wrote to it later; take that back first"


def _update_file_state(index: PhotoIndex, path: Path) -> None:
    """Tell the index how the photo lies on the disk now, so that the next run does not caption it again."""
    photo = path.with_suffix("") if path.suffix.lower() == _SIDECAR_SUFFIX else path
    with contextlib.suppress(OSError):  # a photo that is gone has nothing to note
        now = photo.stat()
        index.photos.update_file_state(
            photo,
            size_bytes=now.st_size,
            mtime_ns=now.st_mtime_ns,
            inode=now.st_ino,
            written=Written.NONE,
        )
