"""The run: a chain of generators, each working a little ahead of the next, and a batch at a time at its end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from photocap.atomicfile import TEMP_PREFIX, remove_stale_temps
from photocap.index import CaptionRecord, FileState, PhotoIndex, PhotoRecord
from photocap.library.indexing.caption import LazyCaptioner
from photocap.library.indexing.decide import Decider, Decision
from photocap.library.indexing.detect_changes import changed_photos
from photocap.library.indexing.examine import Examined, Readers, Trouble, examine
from photocap.library.indexing.options import IndexOptions
from photocap.library.indexing.prefetch import interrupts_wait
from photocap.library.indexing.tombstones import mark_missing
from photocap.library.indexing.write_batch import BatchWriter, PhotoJob
from photocap.library.recovery import recover_interrupted_writes
from photocap.metadata import DryRun, Overwrite
from photocap.photos import PhotoFile, Skip, Skipped, find_photos, outermost
from photocap.records import Caption, CaptionerProtocol
from photocap.report import Outcome, PhotoResult, Report
from photocap.workers import Overdue, WorkerPool, map_ahead

if TYPE_CHECKING:
    from PIL import Image

_MOST_IN_BATCH = 128  # photos; those that need no network count as well
_MOST_BYTES_IN_BATCH = 256 << 20  # of their files, which are in memory together while they are written
_PASSED_BY = {
    Skip.VIDEO: "videos are not captioned",
    Skip.LINK: "links are left out (--follow-links takes them)",
    Skip.LOOP: "this folder was met before, by another way",
    Skip.OTHER_FILE_SYSTEM: "another file system begins here",
}


def index_photos(
    roots: Sequence[Path],
    index: PhotoIndex,
    load_captioner: Callable[[], CaptionerProtocol],
    options: IndexOptions | None = None,
    *,
    on_result: Callable[[PhotoResult], None] = lambda _: None,
) -> Report:
    """Bring the index, and the captions in the photos, up to date with what lies at and below `roots`.

    What is known and unchanged is not opened. Every batch is durable before its results are told, so that an
    interrupted or killed run loses one batch at most, and the same call goes on from there.

    Args:
        roots: folders and photos.
        index: open for writing; in a dry run reading is enough.
        load_captioner: called when the first picture needs the network, so perhaps never.
        on_result: told of each photo, in the order of the walk but for unchanged ones, which come early.
        options: see there.

    Returns:
        What became of the photos. Ctrl-C ends the run in order and shows there.

    Raises:
        PhotocapError: the index cannot be written or the model cannot be loaded.
    """
    options = options or IndexOptions()
    with WorkerPool(options.workers) as pool:
        run = _Run(index, LazyCaptioner(load_captioner), options, pool, on_result)
        try:
            run.go(outermost(roots))
        except KeyboardInterrupt:
            run.report.interrupted = True
        finally:
            pool.shutdown(cancel_futures=True)
            run.close()
    return run.report


@dataclass(frozen=True)
class _Ready:
    """A photo before its batch: decided and, where the network must see it, decoded."""

    decision: Decision
    image: Image.Image | None = None
    trouble: Trouble | None = None


class _Run:
    def __init__(
        self,
        index: PhotoIndex,
        captioner: LazyCaptioner,
        options: IndexOptions,
        pool: WorkerPool,
        on_result: Callable[[PhotoResult], None],
    ) -> None:
        self.report = Report()
        self._index = index
        self._captioner = captioner
        self._options = options
        self._pool = pool
        self._on_result = on_result
        self._decider = Decider(index, options)
        self._readers = Readers()
        self._writer = BatchWriter(index, options, pool, self._readers)
        self._is_dry = options.dry_run is DryRun.YES
        self._run_id: int | None = None
        self._gone: dict[Path, str] = {}
        self._tidied: set[Path] = set()

    def go(self, roots: Sequence[Path]) -> None:
        if not self._is_dry:
            recover_interrupted_writes(self._index)
        if self._options.recaption and self._options.space_id and not self._is_dry:
            self._index.embeddings.set_space(
                self._options.space_id
            )  # now, so that the walk sees which photos lack a place in it
        self._index.scan.start()
        for batch in _batches(self._ready(roots), self._captioner):
            self._finish_batch(batch)
        for root in roots:
            self._settle_root(root)

    def close(self) -> None:
        self._readers.exiftool.close()
        if self._run_id is not None:
            self._index.runs.finish(self._run_id, self.report.summary)

    def _ready(self, roots: Sequence[Path]) -> Iterator[_Ready]:
        photos = find_photos(roots, self._options.walk, on_skip=self._pass_by)
        changed = changed_photos(
            self._index, photos, self._options, on_result=self._tell, on_return=self._record_returned
        )
        ahead = 4 * self._options.workers
        examined = map_ahead(self._pool, self._examine, changed, ahead, overdue=_examined_too_long)
        decided = map(self._decider.decide, examined)
        ready = self._with_captioner(decided)
        return map_ahead(self._pool, self._decode, ready, max(ahead, 64), overdue=_decoded_too_long)

    def _examine(self, changed: tuple[PhotoFile, FileState | None]) -> Examined:
        return examine(*changed, self._options.policy, self._readers)

    def _with_captioner(self, decisions: Iterable[Decision]) -> Iterator[Decision]:
        """Load the captioner, in this thread, before the first picture that needs it is decoded."""
        for decision in decisions:
            if decision.needs_picture:
                _ = self._captioner.captioner
            yield decision

    def _decode(self, decision: Decision) -> _Ready:
        if not decision.needs_picture:
            return _Ready(decision)
        photo = decision.examined.photo
        try:
            return _Ready(decision, self._captioner.decode(photo.companion or photo.path))
        except Exception as problem:  # one photo never stops a run
            return _Ready(decision, trouble=Trouble.of(problem))

    def _finish_batch(self, batch: list[_Ready]) -> None:
        captioned = self._caption(batch)
        with interrupts_wait():
            results = self._writer.write(captioned, self._start_run)
        self._decider.arrived({ready.decision.examined.caption_key for ready in batch})
        for result in results:
            self._tell(result)

    def _caption(self, batch: list[_Ready]) -> list[PhotoJob]:
        images = [ready.image for ready in batch if ready.image is not None]
        made = iter(self._captioner.caption(images) if images else [])
        if images and not self._is_dry and (space_id := self._captioner.captioner.space_id):
            self._index.embeddings.set_space(space_id)
        in_batch: dict[str, PhotoJob] = {}
        captioned = []
        for ready in batch:
            if ready.decision.waits:
                item = self._captioned_as_its_twin(ready.decision, in_batch)
            else:
                item = self._captioned(ready, next(made) if ready.image is not None else None)
            captioned.append(item)
            if item.caption and not item.trouble:
                in_batch.setdefault(ready.decision.examined.caption_key, item)
        return captioned

    def _captioned(self, ready: _Ready, fresh: Caption | Trouble | None) -> PhotoJob:
        decision = ready.decision
        if trouble := decision.examined.trouble or ready.trouble:
            return PhotoJob(decision, trouble=trouble)
        if isinstance(fresh, Trouble):
            return PhotoJob(decision, trouble=fresh)
        caption = decision.caption
        if caption is None and fresh is not None and not decision.rejected:
            caption = self._record_of(fresh)
        return PhotoJob(
            decision, caption, fresh.embedding if fresh else None, (fresh.labels or None) if fresh else None
        )

    def _captioned_as_its_twin(self, decision: Decision, in_batch: dict[str, PhotoJob]) -> PhotoJob:
        """Give a photo what the same picture got, earlier in this batch or in this run."""
        key = decision.examined.caption_key
        if twin := in_batch.get(key):
            return PhotoJob(decision, twin.caption, twin.embedding, twin.labels)
        if caption := self._decider.known_caption(key):
            return PhotoJob(decision, caption)
        return self._captioned_alone(decision)

    def _captioned_alone(self, decision: Decision) -> PhotoJob:
        """Caption a photo whose twin failed."""
        photo = decision.examined.photo
        try:
            (fresh,) = self._captioner.caption([self._captioner.decode(photo.companion or photo.path)])
        except Exception as problem:  # one photo never stops a run
            return PhotoJob(decision, trouble=Trouble.of(problem))
        if isinstance(fresh, Trouble):
            return PhotoJob(decision, trouble=fresh)
        return PhotoJob(decision, self._record_of(fresh), fresh.embedding, fresh.labels or None)

    def _record_of(self, caption: Caption) -> CaptionRecord:
        return self._captioner.record_of(caption, over_person=self._options.policy.overwrite is Overwrite.ALL)

    def _start_run(self) -> int:
        """Return the run's number; a run that changes nothing leaves no trace."""
        if self._run_id is None:
            self._run_id = self._index.runs.start("index")
        return self._run_id

    def _record_returned(self, records: list[PhotoRecord]) -> None:
        if not self._is_dry:
            self._index.record_batch(self._start_run(), records)

    def _settle_root(self, root: Path) -> None:
        problem = ""
        if not self._is_dry:
            problem = mark_missing(self._index, root, allow_empty=self._options.allow_empty)
        if problem := problem or self._gone.get(root, ""):
            self._tell(PhotoResult(root, Outcome.FAILED, error=problem))

    def _pass_by(self, skipped: Skipped) -> None:
        """Report what the walk left out, as far as a user wants to know of it; tidy up on the way."""
        if skipped.why is Skip.GONE:
            self._gone[skipped.path] = skipped.error
        elif skipped.why is Skip.UNREADABLE:
            self._tell(PhotoResult(skipped.path, Outcome.FAILED, error=skipped.error))
        elif skipped.why in _PASSED_BY:
            self._tell(PhotoResult(skipped.path, Outcome.SKIPPED, error=_PASSED_BY[skipped.why]))
        elif skipped.why is Skip.HIDDEN and skipped.path.name.startswith(TEMP_PREFIX):
            self._remove_stale_temps(skipped.path.parent)

    def _remove_stale_temps(self, folder: Path) -> None:
        if not self._is_dry and folder not in self._tidied:
            self._tidied.add(folder)
            remove_stale_temps(folder)

    def _tell(self, result: PhotoResult) -> None:
        self.report.add(result)
        self._on_result(result)


def _examined_too_long(changed: tuple[PhotoFile, FileState | None], error: Overdue) -> Examined:
    return Examined(*changed, trouble=Trouble.of(error))


def _decoded_too_long(decision: Decision, error: Overdue) -> _Ready:
    return _Ready(decision, trouble=Trouble.of(error))


def _batches(ready: Iterable[_Ready], captioner: LazyCaptioner) -> Iterator[list[_Ready]]:
    """Cut the stream where the network has a full batch, or where the photos are many or large."""
    batch: list[_Ready] = []
    pictures = size_bytes = 0
    for item in ready:
        batch.append(item)
        pictures += item.image is not None
        size_bytes += item.decision.examined.photo.size_bytes
        is_full_for_network = item.image is not None and pictures >= captioner.batch_size
        if is_full_for_network or len(batch) >= _MOST_IN_BATCH or size_bytes >= _MOST_BYTES_IN_BATCH:
            yield batch
            batch, pictures, size_bytes = [], 0, 0
    if batch:
        yield batch
