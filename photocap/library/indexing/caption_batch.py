"""One batch through the network: each picture is seen once, whatever the number of files that show it."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property

from photocap.index import CaptionRecord, PhotoIndex
from photocap.library.indexing.caption import LazyCaptioner
from photocap.library.indexing.decide import Decider
from photocap.library.indexing.job import PhotoJob, Trouble
from photocap.library.indexing.options import IndexOptions
from photocap.metadata import DryRun, Overwrite
from photocap.records import Caption, ConcurrentCaptioner


class BatchCaptioner:
    """Captions the batches of one run; the network has threads of its own, which the index never meets."""

    def __init__(self, captioner: LazyCaptioner, index: PhotoIndex, decider: Decider, options: IndexOptions) -> None:
        self._captioner = captioner
        self._index = index
        self._decider = decider
        self._is_dry = options.dry_run is DryRun.YES
        self._over_person = options.policy.overwrite is Overwrite.ALL

    @cached_property
    def _network(self) -> ThreadPoolExecutor:
        captioner = self._captioner.captioner
        threads = captioner.batches_at_once if isinstance(captioner, ConcurrentCaptioner) else 1
        return ThreadPoolExecutor(threads, thread_name_prefix="photocap-network")

    def start(self, batch: list[PhotoJob]) -> Future[list[Caption | Trouble]]:
        """Send the pictures of a batch to the network, behind those that are there already."""
        if images := [job.image for job in batch if job.image is not None]:
            return self._network.submit(self._captioner.caption, images)
        nothing: Future[list[Caption | Trouble]] = Future()
        nothing.set_result([])
        return nothing

    def finish(self, batch: list[PhotoJob], seen: Future[list[Caption | Trouble]]) -> None:
        """Give each photo of a batch its caption, or its trouble."""
        answers = seen.result()
        fresh = iter(answers)
        if answers and not self._is_dry and (space_id := self._captioner.captioner.space_id):
            self._index.embeddings.set_space(space_id)
        in_batch: dict[str, PhotoJob] = {}
        for job in batch:
            if job.image is not None:
                job.image = None  # the memory is needed
                self._take(job, next(fresh))
            elif job.waits and not job.trouble:
                self._take_from_twin(job, in_batch)
            if job.trouble:
                job.caption = None  # the index keeps the one it has
            elif job.caption:
                in_batch.setdefault(job.caption_key, job)

    def close(self) -> None:
        """Let the network's threads end with what they have in hand."""
        if "_network" in self.__dict__:
            self._network.shutdown(wait=False, cancel_futures=True)

    def _take(self, job: PhotoJob, fresh: Caption | Trouble) -> None:
        if isinstance(fresh, Trouble):
            job.trouble = fresh
            return
        job.embedding = fresh.embedding
        job.take_labels(fresh)
        if job.caption is None and not job.rejected:
            job.caption = self._record_of(fresh)

    def _take_from_twin(self, job: PhotoJob, in_batch: dict[str, PhotoJob]) -> None:
        """Give a photo what the same picture got, earlier in this batch or in this run."""
        if twin := in_batch.get(job.caption_key):
            job.caption, job.embedding = twin.caption, twin.embedding
            job.labels, job.likely_labels = twin.labels, twin.likely_labels
        elif caption := self._decider.known_caption(job.caption_key):
            job.caption = caption
        else:
            self._caption_alone(job)

    def _caption_alone(self, job: PhotoJob) -> None:
        """Caption a photo whose twin failed."""
        try:
            picture = self._captioner.decode(job.picture_path)
            (fresh,) = self._network.submit(self._captioner.caption, [picture]).result()
        except Exception as problem:  # one photo never stops a run
            job.trouble = Trouble.of(problem)
        else:
            self._take(job, fresh)

    def _record_of(self, caption: Caption) -> CaptionRecord:
        return self._captioner.record_of(caption, over_person=self._over_person)
