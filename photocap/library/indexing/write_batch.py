"""One batch into files and index, so that a kill at any moment leaves both in order.

All writes are prepared and verified; what takes them back goes into the index, on the disk; each file is replaced;
then the batch is recorded in one transaction, which also closes its journal records.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import replace
from datetime import datetime, timezone
from functools import partial

import photocap
from photocap.captioning.hedge import hedged, unhedged
from photocap.captioning.neutral_terms import has_neutral_word
from photocap.index import CaptionRecord, PhotoIndex, PhotoRecord, PhotoState
from photocap.library.file_writes import FileWrites
from photocap.library.indexing.examine import Readers
from photocap.library.indexing.job import PhotoJob, Trouble
from photocap.library.indexing.later_words import LaterWords
from photocap.library.indexing.options import IndexOptions
from photocap.library.indexing.prefetch import interrupts_wait
from photocap.library.recovery import writing_files
from photocap.library.report import Outcome, PhotoResult
from photocap.metadata import DryRun, Extras, Signature, is_sidecar
from photocap.photos import PhotoFile, newest_sidecar_mtime_ns
from photocap.records import CaptionSource, Written

_CHANGED = "it changed while it was read (the next run takes it up)"


class BatchWriter:
    """Writes batches of one run."""

    def __init__(self, index: PhotoIndex, options: IndexOptions, pool: Executor, readers: Readers) -> None:
        self._index = index
        self._options = options
        self._pool = pool
        self._readers = readers
        self._stopwatch = readers.stopwatch
        self._later_words = LaterWords(index, options.policy, readers)

    def write(self, batch: list[PhotoJob], start_run: Callable[[], int]) -> list[PhotoResult]:
        """Write a batch into photos and index, while other writers wait; return what became of each photo.

        Raises:
            IndexBusy: another writes, and has not come to an end in a minute.
        """
        if self._options.dry_run is DryRun.YES:
            return self._write(batch, start_run)
        with writing_files(self._index), interrupts_wait():
            self._later_words.heed(batch)
            return self._write(batch, start_run)

    def _write(self, batch: list[PhotoJob], start_run: Callable[[], int]) -> list[PhotoResult]:
        with self._file_writes() as writes:
            with self._stopwatch.stage("metadata"):
                list(self._pool.map(partial(self._prepare, writes), batch))
            if self._options.dry_run is DryRun.NO:
                run_id = start_run()
                with self._stopwatch.stage("metadata"):
                    writes.commit(self._index, run_id, map_=self._pool.map)
                extras = self._options.policy.extras
                records = [_record(job, extras) for job in map(_noted, batch) if _is_to_be_recorded(job)]
                with self._stopwatch.stage("database"):
                    self._index.record_batch(run_id, records, settled=writes.settled)
        return [_result(job) for job in batch]

    def _extras(self, job: PhotoJob, caption: CaptionRecord) -> Extras:
        """Return what goes with a caption; an alternative text says "perhaps" sooner than the caption does."""
        options = self._options
        is_unsure = caption.confidence is not None and caption.confidence < options.hedge_alt_text_below
        names = [label.name for label in job.labels or job.known_labels]
        if options.neutral_people:
            names = [name for name in names if not has_neutral_word(name)]
        return Extras(
            alt_text=hedged(unhedged(caption.text)) if is_unsure else caption.text, keywords=tuple(names) or None
        )

    def _file_writes(self) -> FileWrites:
        readers, options = self._readers, self._options
        return FileWrites(options.policy, readers.exiftool, options.dry_run, names=readers.names)

    def _prepare(self, writes: FileWrites, job: PhotoJob) -> None:
        """Plan, verify and lay down the new file beside the old one; runs in a worker thread."""
        caption = job.caption
        if job.trouble or job.changed or caption is None:
            return
        try:
            if not _is_unchanged(job.photo):
                job.changed = True
            elif caption.confidence is None or caption.confidence >= self._options.min_confidence:
                job.write = writes.prepare(
                    job.photo.path,
                    caption.text,
                    _signature(caption),
                    memory=job.memory,
                    extras=self._extras(job, caption),
                )
        except Exception as problem:  # one photo never stops a run
            job.write_trouble = Trouble.of(problem)


def _noted(job: PhotoJob) -> PhotoJob:
    """Return a photo after the commit of its write, with the file as it is on the disk now."""
    if job.write is None:
        return job
    if job.write.problem:
        job.write_trouble = Trouble.of(job.write.problem)
        return job
    if any(is_sidecar(record.path) for record in job.write.prepared.undo):  # looking for them takes a folder's listing
        job.photo = replace(job.photo, sidecar_mtime_ns=newest_sidecar_mtime_ns(job.photo.path))
    if job.write.written is Written.EMBEDDED and (status := job.write.status):
        job.photo = replace(
            job.photo,
            size_bytes=status.st_size,
            mtime_ns=status.st_mtime_ns,
            inode=status.st_ino,
            device=status.st_dev,
        )
    return job


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


def _is_to_be_recorded(job: PhotoJob) -> bool:
    """Return what the index remembers; nothing where the next run may succeed, so that it tries again."""
    return not job.changed and not (job.trouble and job.trouble.may_pass)


def _record(job: PhotoJob, extras: frozenset[str]) -> PhotoRecord:
    photo = job.photo
    return PhotoRecord(
        path=photo.path,
        size_bytes=photo.size_bytes,
        mtime_ns=photo.newest_mtime_ns,
        inode=photo.inode,
        device=photo.device,
        picture_hash=job.picture_hash or None,
        state=PhotoState.FAILED if job.trouble else PhotoState.PRESENT,
        error=job.trouble.reason if job.trouble else None,
        facts=job.facts,
        words=None if job.trouble else job.metadata.words,
        caption=job.caption,
        embedding=job.embedding,
        labels=job.labels,
        likely_labels=job.likely_labels,
        written=_written(job),
        moved_from=job.moved_from,
        extras=frozenset() if job.write_trouble else extras,
    )


def _written(job: PhotoJob) -> Written:
    return job.write.written if job.write else Written.NONE


def _result(job: PhotoJob) -> PhotoResult:
    prepared, caption = job.write and job.write.prepared, job.caption
    trouble = job.trouble or job.write_trouble
    remark = trouble.reason if trouble else _CHANGED if job.changed else ""
    if not remark and job.rejected:
        remark = "a person rejected its caption"
    return PhotoResult(
        path=job.photo.path,
        outcome=_outcome(job),
        caption=caption.text if caption else None,
        confidence=caption.confidence if caption else None,
        written=_written(job),
        error=remark or (prepared.reason if prepared else "") or None,
        before=prepared.before if prepared else None,
        labels=job.labels or (),
        opened=True,
    )


def _outcome(job: PhotoJob) -> Outcome:
    if job.trouble or job.write_trouble:
        return Outcome.FAILED
    if job.changed or job.caption is None:
        return Outcome.SKIPPED
    if job.moved_from:
        return Outcome.MOVED
    had = job.had
    is_same = had is not None and (had.text, had.source) == (job.caption.text, job.caption.source)
    is_written = job.write is not None and job.write.prepared.changes_files
    return Outcome.UNCHANGED if is_same and not is_written else Outcome.CAPTIONED
