"""Safe writes of captions into files: prepare, journal, commit, then note the files in the index.

This is the only place that knows the order of the steps. A kill between any two of them leaves every file whole, and
the journal tells `recovery` which writes have happened:

1. prepare: each new file is planned, verified and laid down beside the old one; nothing has changed yet.
2. journal: what takes each write back is in the index, on the disk, marked as open.
3. commit: each file is replaced by one rename.
4. note: the index learns the new state of the files and closes the journal rows, in one transaction.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from photocap.formats.sidecar_names import FolderNames
from photocap.index import FileState, PhotoIndex
from photocap.metadata import (
    NO_EXTRAS,
    NO_MEMORY,
    DryRun,
    ExifTool,
    Extras,
    PreparedWrite,
    Signature,
    WritePolicy,
    prepare_removal,
    prepare_write,
)
from photocap.photos import newest_sidecar_mtime_ns
from photocap.records import CaptionMemory, Written

Map = Callable[[Callable[["FileWrite"], None], Iterable["FileWrite"]], Iterable[Any]]
"""Applies a function to each write, as `map` does; a pool's `map` does it in threads."""


@dataclass
class FileWrite:
    """A caption on its way into one photo's files.

    Attributes:
        prepared: the verified plan.
        undo_ids: its rows in the journal; empty until it is journaled, and where it changes no file.
        status: the photo's stat after a commit that changed files.
        problem: why it could not be committed. Its journal rows stay open: what has happened to the files is found
            out by their content when the next run recovers.
    """

    prepared: PreparedWrite
    undo_ids: tuple[int, ...] = ()
    status: os.stat_result | None = None
    problem: Exception | None = None

    @property
    def written(self) -> Written:
        """Return where the caption is besides the index (or would be, in a dry run)."""
        return Written.NONE if self.problem else self.prepared.written

    def commit(self) -> None:
        """Put the new files in place; a failure becomes this write's `problem`."""
        try:
            self.status = self.prepared.commit()
        except Exception as problem:  # one photo never stops a run
            self.problem = problem


class FileWrites:
    """Writes that are made safe together; what is not committed at the end of the `with` block is dropped."""

    def __init__(
        self, policy: WritePolicy, exiftool: ExifTool, dry_run: DryRun = DryRun.NO, *, names: FolderNames | None = None
    ) -> None:
        self._policy = policy
        self._exiftool = exiftool
        self._dry_run = dry_run
        self._names = names or FolderNames()
        self._writes: list[FileWrite] = []

    def __enter__(self) -> FileWrites:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for write in self._writes:
            write.prepared.discard()  # a committed one has nothing left to drop

    def prepare(
        self,
        path: Path,
        text: str,
        signature: Signature | None,
        *,
        memory: CaptionMemory = NO_MEMORY,
        extras: Extras = NO_EXTRAS,
    ) -> FileWrite:
        """Plan and verify one photo's write and lay down its new files; may be called from several threads.

        Args:
            path: the photo.
            text: the caption.
            signature: the model that wrote it; None for a person's caption.
            memory: what the index knows of the picture's captions.
            extras: what goes with the caption.

        Raises:
            FileProblem: the photo cannot be read, or the caption cannot be written.
        """
        prepared = prepare_write(
            path,
            text,
            marking=signature,
            policy=self._policy,
            dry_run=self._dry_run,
            exiftool=self._exiftool,
            memory=memory,
            names=self._names,
            extras=extras,
        )
        write = FileWrite(prepared)
        self._writes.append(write)
        return write

    def prepare_removal(self, path: Path) -> FileWrite:
        """Plan to take photocap's caption out of a photo by its mark.

        Raises:
            FileProblem: the photo cannot be read, or a file cannot be written.
        """
        write = FileWrite(prepare_removal(path, policy=self._policy, dry_run=self._dry_run, exiftool=self._exiftool))
        self._writes.append(write)
        return write

    def commit(self, index: PhotoIndex, run_id: int, *, map_: Map = map) -> None:
        """Journal all writes in one transaction, then put them in place.

        Args:
            index: holds the journal.
            run_id: the run they belong to.
            map_: commits the writes; a pool's `map` does it in threads.
        """
        changing = [write for write in self._writes if write.prepared.changes_files]
        records = [record for write in changing for record in write.prepared.undo]
        ids = iter(index.undo.begin(run_id, records) if records else [])
        for write in changing:
            write.undo_ids = tuple(next(ids) for _ in write.prepared.undo)
        list(map_(FileWrite.commit, changing))

    @property
    def settled(self) -> list[int]:
        """Return the journal rows of the writes that have happened."""
        return [undo_id for write in self._writes if not write.problem for undo_id in write.undo_ids]


def is_as_indexed(state: FileState | None, photo: Path) -> bool:
    """Return whether a photo and its sidecars are on the disk as the index knows them."""
    try:
        status = photo.stat()
    except OSError:
        return False
    on_disk = (status.st_size, newest_mtime_ns(photo, status), status.st_ino)
    return state is not None and on_disk == (state.size_bytes, state.mtime_ns, state.inode)


def note_written(index: PhotoIndex, photo: Path, written: Written, status: os.stat_result | None) -> None:
    """Note a write in the index, so that the next run does not open a photo for what photocap itself has changed.

    Only for photos that were as the index knew them: another program's change must still be noticed.

    Args:
        index: open for writing.
        photo: as the index knows it.
        written: where its caption is now.
        status: as the write left it, so that a change right after the write is not missed; None where it wrote
            nothing.

    Raises:
        OSError: the photo is gone.
    """
    status = status or photo.stat()
    index.photos.update_file_state(
        photo,
        size_bytes=status.st_size,
        mtime_ns=newest_mtime_ns(photo, status),
        inode=status.st_ino,
        written=written,
    )


def newest_mtime_ns(photo: Path, status: os.stat_result) -> int:
    """Return the modification time by which a scan recognises a photo: the newest of it and of its sidecars."""
    return max(status.st_mtime_ns, newest_sidecar_mtime_ns(photo))
