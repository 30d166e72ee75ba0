"""One batch into files and index, so that a kill at any moment leaves both in order.

All writes are prepared and verified; what takes them back goes into the index, on the disk; each file is replaced;
then the batch is recorded in one transaction, which also closes its journal records.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from functools import partial

import photocap
from photocap.index import CaptionRecord, PhotoIndex, PhotoRecord, PhotoState
from photocap.library.file_writes import FileWrite, FileWrites
from photocap.library.indexing.decide import Decision
from photocap.library.indexing.examine import Readers, Trouble
from photocap.library.indexing.options import IndexOptions
from photocap.metadata import DryRun, Signature, is_sidecar
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
        write: what is to be written into files.
        photo: the file as it lies on disk, after the write.
    """

    decision: Decision
    caption: CaptionRecord | None = None
    embedding: bytes | None = None
    labels: tuple[Label, ...] | None = None
    trouble: Trouble | None = None
    write_trouble: Trouble | None = None
    changed: bool = False
    write: FileWrite | None = None
    photo: PhotoFile = field(init=False)

    def __post_init__(self) -> None:
        self.photo = self.decision.examined.photo


class BatchWriter:
    """Writes batches of one run."""

    def __init__(self, index: PhotoIndex, options: IndexOptions, pool: Executor, readers: Readers) -> None:
        self._index = index
        self._options = options
        self._pool = pool
        self._readers = readers

    def write(self, batch: list[PhotoJob], start_run: Callable[[], int]) -> list[PhotoResult]:
        """Write a batch into photos and index; return what became of each photo."""
        with self._file_writes() as writes:
            list(self._pool.map(partial(self._prepare, writes), batch))
            if self._options.dry_run is DryRun.NO:
                run_id = start_run()
                writes.commit(self._index, run_id, map_=self._pool.map)
                records = [_record(item) for item in map(_noted, batch) if _is_to_be_recorded(item)]
                self._index.record_batch(run_id, records, settled=writes.settled)
        return [_result(item) for item in batch]

    def _file_writes(self) -> FileWrites:
        readers, options = self._readers, self._options
        return FileWrites(options.policy, readers.exiftool, options.dry_run, names=readers.names)

    def _prepare(self, writes: FileWrites, item: PhotoJob) -> None:
        """Plan, verify and lay down the new file beside the old one; runs in a worker thread."""
        caption = item.caption
        if item.trouble or caption is None:
            return
        try:
            if not _is_unchanged(item.photo):
                item.changed = True
            elif caption.confidence is None or caption.confidence >= self._options.min_confidence:
                memory = item.decision.memory
                item.write = writes.prepare(item.photo.path, caption.text, _signature(caption), memory=memory)
        except Exception as problem:  # one photo never stops a run
            item.write_trouble = Trouble.of(problem)


def _noted(item: PhotoJob) -> PhotoJob:
    """Return a photo after the commit of its write, with the file as it is on the disk now."""
    if item.write is None:
        return item
    if item.write.problem:
        item.write_trouble = Trouble.of(item.write.problem)
        return item
    if any(is_sidecar(record.path) for record in item.write.prepared.undo):  # looking for them takes a folder's listing
        item.photo = replace(item.photo, sidecar_mtime_ns=newest_sidecar_mtime_ns(item.photo.path))
    if item.write.written is Written.EMBEDDED and (status := item.write.status):
        item.photo = replace(
            item.photo,
            size_bytes=status.st_size,
            mtime_ns=status.st_mtime_ns,
            inode=status.st_ino,
            device=status.st_dev,
        )
    return item


def _is_unchanged(photo: PhotoFile) -> bool:
    try:
        status = photo.path.stat()
    except OSError:
        return False
    return (status.st_size, status.st_mtime_ns, status.st_ino) == (photo.size_bytes, photo.mtime_ns, photo.inode)


def _signature(caption: CaptionRecord) -> Signature | None:
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
        words=None if item.trouble else examined.metadata.words,
        caption=item.caption,
        embedding=item.embedding,
        labels=item.labels,
        written=_written(item),
        moved_from=item.decision.moved_from,
    )


def _written(item: PhotoJob) -> Written:
    return item.write.written if item.write else Written.NONE


def _result(item: PhotoJob) -> PhotoResult:
    prepared, caption = item.write and item.write.prepared, item.caption
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
    is_written = item.write is not None and item.write.prepared.changes_files
    return Outcome.UNCHANGED if is_same and not is_written else Outcome.CAPTIONED
