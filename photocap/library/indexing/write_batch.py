"""One batch into files and index, so that a kill at any moment leaves both in order.

All writes are prepared and verified; what takes them back goes into the index, on the disk; each file is replaced;
then the batch is recorded in one transaction, which also closes its journal records.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone

import photocap
from photocap.index import CaptionRecord, PhotoIndex, PhotoRecord, PhotoState
from photocap.library.indexing.decide import Decision
from photocap.library.indexing.examine import Trouble
from photocap.library.indexing.options import IndexOptions
from photocap.metadata import DryRun, ExifTool, PreparedWrite, Signature, prepare_write
from photocap.photos import PhotoFile, newest_sidecar_mtime_ns
from photocap.records import CaptionSource, Label, Written
from photocap.report import Outcome, PhotoResult

_CHANGED = "it changed while it was read (the next run takes it up)"


@dataclass
class PhotoJob:
    """A photo on its last stretch.

    Attributes:
        decision: what was decided about it.
        caption: its caption; None where there is none, for a rejected or a failed one.
        embedding: its place in the text-image space, where it is new.
        labels: what a model sees in it, where that is new.
        trouble: why it could not be read.
        write_trouble: why its caption could not be written into files; the index has it, and the next run tries again.
        changed: it is no longer the file that was read; nothing is recorded of it.
        prepared: what is to be written into files.
        undo_ids: the journal records of that.
        photo: the file as it lies on disk, after the write.
    """

    decision: Decision
    caption: CaptionRecord | None = None
    embedding: bytes | None = None
    labels: tuple[Label, ...] | None = None
    trouble: Trouble | None = None
    write_trouble: Trouble | None = None
    changed: bool = False
    prepared: PreparedWrite | None = None
    undo_ids: Sequence[int] = ()
    photo: PhotoFile = field(init=False)

    def __post_init__(self) -> None:
        self.photo = self.decision.examined.photo


class BatchWriter:
    """Writes batches of one run."""

    def __init__(self, index: PhotoIndex, options: IndexOptions, pool: Executor) -> None:
        self._index = index
        self._options = options
        self._pool = pool
        self._exiftool = ExifTool()  # starts with the first photo that needs it

    def close(self) -> None:
        """End what was started for this run."""
        self._exiftool.close()

    def write(self, batch: list[PhotoJob], start_run: Callable[[], int]) -> list[PhotoResult]:
        """Write a batch into photos and index; return what became of each photo."""
        try:
            list(self._pool.map(self._prepare, batch))
            if self._options.dry_run is DryRun.NO:
                self._put_in_place(batch, start_run())
        except BaseException:
            for item in batch:
                if item.prepared:
                    item.prepared.discard()
            raise
        return [_result(item) for item in batch]

    def _put_in_place(self, batch: list[PhotoJob], run_id: int) -> None:
        writing = [item for item in batch if item.prepared and item.prepared.undo]
        if writing:
            records = [record for item in writing for record in item.prepared.undo]  # type: ignore[union-attr]
            ids = iter(self._index.undo.begin(run_id, records))
            for item in writing:
                item.undo_ids = [next(ids) for _ in item.prepared.undo]  # type: ignore[union-attr]
            list(self._pool.map(_commit, writing))
        settled = [undo_id for item in writing if not item.write_trouble for undo_id in item.undo_ids]
        self._index.record_batch(run_id, [_record(item) for item in batch if _is_to_be_recorded(item)], settled=settled)

    def _prepare(self, item: PhotoJob) -> None:
        """Plan, verify and lay down the new file beside the old one; runs in a worker thread."""
        caption = item.caption
        if item.trouble or caption is None:
            return
        try:
            if not _is_unchanged(item.photo):
                item.changed = True
            elif caption.confidence is None or caption.confidence >= self._options.min_confidence:
                item.prepared = prepare_write(
                    item.photo.path,
                    caption.text,
                    marking=_marking(caption),
                    policy=self._options.policy,
                    dry_run=self._options.dry_run,
                    exiftool=self._exiftool,
                )
        except Exception as problem:  # one photo never stops a run
            item.write_trouble = Trouble.of(problem)


def _commit(item: PhotoJob) -> None:
    """Put a prepared file in place; runs in a worker thread."""
    assert item.prepared is not None  # only such items come here
    try:
        status = item.prepared.commit()
    except Exception as problem:  # one photo never stops a run
        item.write_trouble = Trouble.of(problem)
        return
    item.photo = replace(item.photo, sidecar_mtime_ns=newest_sidecar_mtime_ns(item.photo.path))
    if item.prepared.written is Written.EMBEDDED:
        item.photo = replace(
            item.photo,
            size_bytes=status.st_size,
            mtime_ns=status.st_mtime_ns,
            inode=status.st_ino,
            device=status.st_dev,
        )


def _is_unchanged(photo: PhotoFile) -> bool:
    try:
        status = photo.path.stat()
    except OSError:
        return False
    return (status.st_size, status.st_mtime_ns, status.st_ino) == (photo.size_bytes, photo.mtime_ns, photo.inode)


def _marking(caption: CaptionRecord) -> Signature | None:
    """Sign a model's words; a person's are nobody's but theirs."""
    if caption.source is CaptionSource.PERSON:
        return None
    date = datetime.now(timezone.utc).isoformat(timespec="seconds")
    return Signature(caption.model_id or "unknown", photocap.__version__, caption.confidence, date)


def _is_to_be_recorded(item: PhotoJob) -> bool:
    """Tell what the index is to remember; of what may be well next time, nothing, so that it is tried again."""
    return not item.changed and not (item.trouble and item.trouble.may_pass)


def _record(item: PhotoJob) -> PhotoRecord:
    examined, photo = item.decision.examined, item.photo
    return PhotoRecord(
        photo.path,
        photo.size_bytes,
        photo.newest_mtime_ns,
        photo.inode,
        photo.device,
        picture_hash=examined.picture_hash or None,
        state=PhotoState.FAILED if item.trouble else PhotoState.PRESENT,
        error=item.trouble.reason if item.trouble else None,
        facts=examined.facts,
        caption=item.caption,
        embedding=item.embedding,
        written=_written(item),
        moved_from=item.decision.moved_from,
    )


def _written(item: PhotoJob) -> Written:
    return item.prepared.written if item.prepared and not item.write_trouble else Written.NONE


def _result(item: PhotoJob) -> PhotoResult:
    prepared, caption = item.prepared, item.caption
    trouble = item.trouble or item.write_trouble
    remark = trouble.reason if trouble else _CHANGED if item.changed else ""
    if not remark and item.decision.rejected:
        remark = "a person rejected its caption"
    return PhotoResult(
        item.photo.path,
        _outcome(item),
        caption.text if caption else None,
        caption.confidence if caption else None,
        _written(item),
        remark or (prepared.reason if prepared else "") or None,
        prepared.before if prepared else None,
        labels=item.labels or (),
    )


def _outcome(item: PhotoJob) -> Outcome:
    if item.trouble or item.write_trouble:
        return Outcome.FAILED
    if item.changed or item.caption is None:
        return Outcome.SKIPPED
    if item.decision.moved_from:
        return Outcome.MOVED
    had = item.decision.had
    is_same = had is not None and (had.text, had.source) == (item.caption.text, item.caption.source)
    is_written = item.prepared is not None and item.prepared.changes_files
    return Outcome.UNCHANGED if is_same and not is_written else Outcome.CAPTIONED
