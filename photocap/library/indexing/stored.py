"""Captions that were made elsewhere take the place of the network."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from photocap.index import CaptionRecord, PhotoIndex
from photocap.library.indexing.job import PhotoJob, Trouble
from photocap.library.indexing.options import IndexOptions
from photocap.metadata import DryRun, Overwrite
from photocap.photos import picture_hash
from photocap.records import CaptionSource, CaptionStore, HashKind, StoredCaption

_NONE_HELD = "the captions hold none for this picture (run `photocap index` without --captions, or caption it there)"


class StoredFiller:
    """Fills in what a store of captions knows of photos.

    Args:
        store: the captions.
        index: of the run.
        options: of the run.
    """

    def __init__(self, store: CaptionStore, index: PhotoIndex, options: IndexOptions) -> None:
        self._store = store
        self._index = index
        self._over_person = options.policy.overwrite is Overwrite.ALL
        self._is_dry = options.dry_run is DryRun.YES
        space_id = index.embeddings.space_id()
        # Embeddings of two spaces cannot be compared, and those that are there were not asked to go.
        self._takes_embeddings = store.space_id is not None and space_id in (None, store.space_id)

    def fill(self, job: PhotoJob) -> PhotoJob:
        """Give a photo that would go through the network what the store holds of it, or its trouble."""
        if job.trouble or not (job.needs_picture or job.waits):
            return job
        job.needs_picture = job.waits = False
        try:
            found = self._find(job)
        except Exception as problem:  # one photo never stops a run
            job.trouble = Trouble.of(problem)
            return job
        if found is not None:
            self._take(job, found)
        elif job.caption is None and not job.rejected:
            job.trouble = Trouble(_NONE_HELD, may_pass=True)
        return job

    def _find(self, job: PhotoJob) -> StoredCaption | None:
        found = self._store.get(partial(_hash_of, job.photo.path, job.picture_hash))
        if found is None and job.photo.companion:  # of a raw file and the picture beside it, either may be captioned
            found = self._store.get(partial(_hash_of, job.photo.companion, job.caption_key))
        return found

    def _take(self, job: PhotoJob, found: StoredCaption) -> None:
        job.take_labels(found.caption)
        if self._takes_embeddings and found.caption.embedding and self._store.space_id:
            job.embedding = found.caption.embedding
            if not self._is_dry:
                self._index.embeddings.set_space(self._store.space_id)
        if job.caption is None and not job.rejected:
            job.caption = self._record_of(found)

    def _record_of(self, found: StoredCaption) -> CaptionRecord:
        if found.source is CaptionSource.PERSON:
            return CaptionRecord(text=found.caption.text, source=CaptionSource.PERSON)
        return CaptionRecord(
            text=found.caption.text,
            model_id=found.model_id,
            weights_sha256=found.weights_sha256,
            confidence=found.caption.confidence,
            over_person=self._over_person,
        )


def _hash_of(path: Path, known: str, kind: HashKind) -> str:
    """Return the hash of a picture, of which the index's is known."""
    return known if HashKind.of(known) is kind else picture_hash(path, kind=kind)
