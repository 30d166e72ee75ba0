"""A person's words on a photo: into its files by the same safe writer as a model's, and into the index for good."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from photocap.errors import PhotocapError
from photocap.index import CaptionRecord, PhotoIndex, PhotoState
from photocap.metadata import DryRun, ExifTool, Overwrite, PreparedWrite, WritePolicy, prepare_write
from photocap.records import CaptionSource, Verdict, Written


@dataclass(frozen=True)
class CorrectedFile:
    """What became of one file that shows the picture.

    Attributes:
        path: the photo.
        before: the caption it had.
        written: where the words stand besides the index.
        reason: why they are not in the photo itself; empty where they are.
        error: why nothing was written; empty where it was.
    """

    path: Path
    before: str | None
    written: Written
    reason: str = ""
    error: str = ""


def correct(
    index: PhotoIndex,
    run_id: int,
    picture_hash: str,
    text: str,
    policy: WritePolicy,
    *,
    verdict: Verdict,
    dry_run: DryRun = DryRun.NO,
) -> list[CorrectedFile]:
    """Put a person's words on a picture: on every file that shows it, and in the index whatever becomes of the files.

    Args:
        index: open for writing, unless it is a dry run.
        run_id: the run this belongs to.
        picture_hash: the picture.
        text: the words.
        policy: where they are written. What may be replaced is not asked, since it is a person who is asking.
        verdict: noted at the caption that this one replaces.
        dry_run: YES plans only.
    """
    asked = replace(policy, overwrite=Overwrite.ALL)
    outcomes: list[CorrectedFile] = []
    writes: list[PreparedWrite] = []
    with ExifTool() as exiftool:  # starts only if a file needs it
        for path in _present_files(index, picture_hash):
            try:
                writes.append(prepare_write(path, text, marking=None, policy=asked, dry_run=dry_run, exiftool=exiftool))
            except PhotocapError as error:
                outcomes.append(CorrectedFile(path, None, Written.NONE, error=str(error)))
    if dry_run is DryRun.YES:
        return outcomes + [CorrectedFile(w.path, w.before, w.written, w.reason) for w in writes]
    try:
        ids = iter(index.undo.begin(run_id, [record for write in writes for record in write.undo]))
    except BaseException:
        for write in writes:
            write.discard()
        raise
    settled: list[int] = []
    for write in writes:
        rows = [next(ids) for _ in write.undo]
        outcome, stat = _commit(write)
        outcomes.append(outcome)
        if stat is not None:
            settled += rows
            _update_file_state(index, write, stat)
    index.captions.record(
        run_id, picture_hash, CaptionRecord(text, CaptionSource.PERSON), verdict=verdict, settled=settled
    )
    return outcomes


def _present_files(index: PhotoIndex, picture_hash: str) -> Sequence[Path]:
    known = index.photos.find_picture(picture_hash)
    paths = known.paths if known else ()
    states = {path: index.photos.file_state(path) for path in paths}
    return [path for path, state in states.items() if state is not None and state.state is PhotoState.PRESENT]


def _commit(write: PreparedWrite) -> tuple[CorrectedFile, os.stat_result | None]:
    """Put one prepared file in place; the journal rows of a failed write stay open and are settled by its content."""
    try:
        stat = write.commit()
    except PhotocapError as error:
        return CorrectedFile(write.path, write.before, Written.NONE, error=str(error)), None
    return CorrectedFile(write.path, write.before, write.written, write.reason), stat


def _update_file_state(index: PhotoIndex, write: PreparedWrite, stat: os.stat_result) -> None:
    index.photos.update_file_state(
        write.path,
        size_bytes=stat.st_size,
        mtime_ns=stat.st_mtime_ns,
        inode=stat.st_ino,
        written=write.written,
    )
