"""The run: a chain of generators, each working a little ahead of the next, and a batch at a time at its end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path

from photocap.captioning.registry import load_captioner as load_base_model
from photocap.formats.sidecar_names import FolderNames
from photocap.index import PhotoIndex, PhotoRecord
from photocap.library.indexing.caption import LazyCaptioner
from photocap.library.indexing.caption_batch import BatchCaptioner
from photocap.library.indexing.decide import Decider
from photocap.library.indexing.detect_changes import changed_photos
from photocap.library.indexing.examine import Readers, examine
from photocap.library.indexing.job import PhotoJob, Trouble
from photocap.library.indexing.options import IndexOptions
from photocap.library.indexing.stored import StoredFiller
from photocap.library.indexing.tombstones import Tombstones, mark_missing
from photocap.library.indexing.write_batch import BatchWriter
from photocap.library.recovery import recover_interrupted_writes
from photocap.library.report import Outcome, PhotoResult, Report
from photocap.library.stopwatch import Stopwatch
from photocap.metadata import DryRun
from photocap.photos import Skip, Skipped, find_photos, outermost
from photocap.records import Caption, CaptionerProtocol
from photocap.system.atomicfile import TEMP_PREFIX, remove_stale_temps
from photocap.system.workers import Overdue, WorkerPool, map_ahead

_MOST_IN_BATCH = 128  # photos; those that need no network count as well
_MOST_BYTES_IN_BATCH = 256 << 20  # of their files, which are in memory together while they are written
_PASSED_BY = {
    Skip.VIDEO: "videos are not captioned",
    Skip.LINK: "links are left out (--follow-links takes them)",
    Skip.LOOP: "this folder was met before, by another way",
    Skip.OTHER_FILE_SYSTEM: "another file system begins here",
}


def index_photos(
    roots: Sequence[Path | str],
    index: PhotoIndex,
    load_captioner: Callable[[], CaptionerProtocol] = load_base_model,
    options: IndexOptions | None = None,
    *,
    on_result: Callable[[PhotoResult], None] = lambda _: None,
    stopwatch: Stopwatch | None = None,
) -> Report:
    """Bring the index, and the captions in the photos, up to date with what lies at and below `roots`.

    What is known and unchanged is not opened. A batch goes through the network while the one before is written and the
    next ones are read and decoded. Every batch is durable before it is reported, so that an interrupted or killed
    run loses two batches at most, and the same call continues from there.

    Args:
        roots: folders and photos.
        index: open for writing; in a dry run reading is enough.
        load_captioner: called when the first picture needs the network, so perhaps never; by default it loads the
            base model.
        on_result: called with each photo, in the order of the walk but for unchanged ones, which come early.
        options: see there.
        stopwatch: measures the stages.

    Returns:
        What became of the photos. Ctrl-C ends the run in order and shows there.

    Raises:
        IndexBusy: another run is indexing. Short writers, such as `write_caption`, are let in between two batches.
        PhotocapError: the index cannot be written or the model cannot be loaded.
    """
    options = options or IndexOptions()
    with nullcontext() if options.dry_run is DryRun.YES else index.indexing():
        return index_beside_others(roots, index, load_captioner, options, on_result=on_result, stopwatch=stopwatch)


def index_beside_others(
    roots: Sequence[Path | str],
    index: PhotoIndex,
    load_captioner: Callable[[], CaptionerProtocol],
    options: IndexOptions,
    *,
    on_result: Callable[[PhotoResult], None],
    stopwatch: Stopwatch | None = None,
) -> Report:
    """Do the same for a few photos, whether or not a run is indexing meanwhile."""
    roots = outermost(roots)
    readers = Readers(names=FolderNames(roots), hash_kind=index.photos.hash_kind(), stopwatch=stopwatch or Stopwatch())
    with WorkerPool(options.workers) as pool, WorkerPool(options.workers) as writing:
        writer = BatchWriter(index, options, writing, readers)
        run = _Run(index, LazyCaptioner(load_captioner), options, pool, readers, writer, on_result)
        try:
            run.go(roots)
        except KeyboardInterrupt:
            run.report.interrupted = True
        finally:
            for workers in (pool, writing):
                workers.shutdown(cancel_futures=True)
            run.close()
    return run.report


class _Run:
    def __init__(
        self,
        index: PhotoIndex,
        captioner: LazyCaptioner,
        options: IndexOptions,
        pool: WorkerPool,
        readers: Readers,
        writer: BatchWriter,
        on_result: Callable[[PhotoResult], None],
    ) -> None:
        self.report = Report()
        self._index = index
        self._captioner = captioner
        self._options = options
        self._pool = pool
        self._on_result = on_result
        self._decider = Decider(index, options)
        self._readers = readers
        self._stopwatch = readers.stopwatch
        self._batch_captioner = BatchCaptioner(captioner, index, self._decider, options)
        self._writer = writer
        self._is_dry = options.dry_run is DryRun.YES
        self._run_id: int | None = None
        self._gone: dict[Path, str] = {}
        self._tidied: set[Path] = set()

    def go(self, roots: Sequence[Path]) -> None:
        if not self._is_dry:
            recover_interrupted_writes(self._index)
        if self._options.recaption and self._options.space_id and not self._is_dry:
            # Now, so that the scan sees which photos lack an embedding of this space.
            self._index.embeddings.set_space(self._options.space_id)
        self._index.scan.start()
        underway: tuple[list[PhotoJob], Future[list[Caption | Trouble]]] | None = None
        for batch in _batches(self._ready(roots), self._captioner):
            before, underway = underway, (batch, self._batch_captioner.start(batch))
            if before:
                self._finish_batch(*before)
        if underway:
            self._finish_batch(*underway)
        for root in roots:
            self._settle_root(root)

    def close(self) -> None:
        self._batch_captioner.close()
        self._readers.exiftool.close()
        if self._run_id is not None:
            self._index.runs.finish(self._run_id, self.report.summary, model=self._captioner.provenance)

    def _ready(self, roots: Sequence[Path]) -> Iterator[PhotoJob]:
        """Yield the photos that must be opened, examined, decided and, where the network must see them, decoded."""
        photos = self._stopwatch.each("walk", find_photos(roots, self._options.walk, on_skip=self._pass_by))
        changed = changed_photos(
            self._index, photos, self._options, on_result=self._tell, on_return=self._record_returned
        )
        if is_at_rest := self._options.is_at_rest:
            changed = (job for job in changed if is_at_rest(job.photo))
        ahead = 4 * self._options.workers
        examine_ = partial(examine, policy=self._options.policy, readers=self._readers)
        examined = map_ahead(self._pool, examine_, changed, ahead, overdue=_overdue)
        decided = map(self._decide, examined)
        if self._options.stored is not None:
            decided = map(StoredFiller(self._options.stored, self._index, self._options).fill, decided)
        ready = self._with_captioner(decided)
        return map_ahead(self._pool, self._decode, ready, max(ahead, 64), overdue=_overdue)

    def _with_captioner(self, jobs: Iterable[PhotoJob]) -> Iterator[PhotoJob]:
        """Load the captioner, in this thread, before the first picture that needs it is decoded."""
        for job in jobs:
            if job.needs_picture:
                _ = self._captioner.captioner
            else:
                self._readers.held.drop(job)
            yield job

    def _decide(self, job: PhotoJob) -> PhotoJob:
        with self._stopwatch.stage("database"):
            return self._decider.decide(job)

    def _decode(self, job: PhotoJob) -> PhotoJob:
        if job.needs_picture:
            data = self._readers.held.drop(job)
            try:
                with self._stopwatch.stage("decode"):
                    job.image = self._captioner.decode(job.picture_path, data)
            except Exception as problem:  # one photo never stops a run
                job.trouble = Trouble.of(problem)
        return job

    def _finish_batch(self, batch: list[PhotoJob], seen: Future[list[Caption | Trouble]]) -> None:
        self._batch_captioner.finish(batch, seen)
        results = self._writer.write(batch, self._start_run)
        self._decider.arrived({job.caption_key for job in batch})
        for result in results:
            self._tell(result)

    def _start_run(self) -> int:
        """Return the run's number; a run that changes nothing leaves no trace."""
        if self._run_id is None:
            self._run_id = self._index.runs.start("index", model=self._captioner.provenance)
        return self._run_id

    def _record_returned(self, records: list[PhotoRecord]) -> None:
        if not self._is_dry:
            self._index.record_batch(self._start_run(), records)

    def _settle_root(self, root: Path) -> None:
        found = Tombstones()
        if not self._is_dry:
            found = mark_missing(self._index, root, allow_empty=self._options.allow_empty)
        self.report.gone += found.gone
        problems = found.kept or ({root: self._gone[root]} if root in self._gone else {})
        for folder, problem in problems.items():
            self._tell(PhotoResult(path=folder, outcome=Outcome.FAILED, error=problem))

    def _pass_by(self, skipped: Skipped) -> None:
        """Report what the walk left out, as far as a user wants to know of it; tidy up on the way."""
        if skipped.why is Skip.GONE:
            self._gone[skipped.path] = skipped.error
        elif skipped.why is Skip.UNREADABLE:
            self._tell(PhotoResult(path=skipped.path, outcome=Outcome.FAILED, error=skipped.error))
        elif skipped.why in _PASSED_BY:
            self._tell(PhotoResult(path=skipped.path, outcome=Outcome.SKIPPED, error=_PASSED_BY[skipped.why]))
        elif skipped.why is Skip.HIDDEN and skipped.path.name.startswith(TEMP_PREFIX):
            self._remove_stale_temps(skipped.path.parent)

    def _remove_stale_temps(self, folder: Path) -> None:
        if not self._is_dry and folder not in self._tidied:
            self._tidied.add(folder)
            remove_stale_temps(folder)

    def _tell(self, result: PhotoResult) -> None:
        self.report.add(result)
        self._on_result(result)


def _overdue(job: PhotoJob, error: Overdue) -> PhotoJob:
    """Return another job for the photo, since the thread that does not come to an end still has the old one."""
    return replace(job, trouble=Trouble.of(error), image=None, data=None)


def _batches(jobs: Iterable[PhotoJob], captioner: LazyCaptioner) -> Iterator[list[PhotoJob]]:
    """Cut the stream where the network has a full batch, or where the photos are many or large."""
    batch: list[PhotoJob] = []
    pictures = size_bytes = 0
    for job in jobs:
        batch.append(job)
        pictures += job.image is not None
        size_bytes += job.photo.size_bytes
        is_full_for_network = job.image is not None and pictures >= captioner.batch_size
        if is_full_for_network or len(batch) >= _MOST_IN_BATCH or size_bytes >= _MOST_BYTES_IN_BATCH:
            yield batch
            batch, pictures, size_bytes = [], 0, 0
    if batch:
        yield batch
