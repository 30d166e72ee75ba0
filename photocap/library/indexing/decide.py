"""Where a photo's caption comes from: a person, the index, the same picture in this run, or the model."""

from __future__ import annotations

import os
from pathlib import Path

from photocap.index import CaptionRecord, KnownPicture, PhotoIndex
from photocap.library.indexing.job import PhotoJob
from photocap.library.indexing.later_words import persons_words
from photocap.library.indexing.options import IndexOptions
from photocap.metadata import Overwrite
from photocap.records import CaptionSource


class Decider:
    """Decides photo by photo, in the order of the walk."""

    def __init__(self, index: PhotoIndex, options: IndexOptions) -> None:
        self._index = index
        self._may_replace_persons = options.policy.overwrite is Overwrite.ALL
        self._wants_embeddings = options.space_id is not None
        self._wants_keywords = options.policy.keywords
        self._recaption = options.recaption
        self._coming: set[str] = set()
        self._claimed: set[Path] = set()

    def decide(self, job: PhotoJob) -> PhotoJob:
        """Decide about one photo that was examined."""
        if job.trouble:
            return job
        job.index_version = self._index.others_version()
        job.said = persons_words(self._index, job)
        known = self._index.photos.find_picture(job.picture_hash)
        job.memory = self._index.captions.memory((job.picture_hash, job.caption_key), job.photo.path)
        job.metadata = job.metadata.remembering(job.memory)
        job.caption, job.rejected = self._without_model(job, known)
        lacks_embedding = self._wants_embeddings and not (known and known.has_embedding)
        needs_picture = (job.caption is None and not job.rejected) or lacks_embedding
        job.waits = needs_picture and job.caption is None and job.caption_key in self._coming
        job.needs_picture = needs_picture and not job.waits
        if needs_picture or job.caption != (known and known.caption):
            self._coming.add(job.caption_key)
        job.moved_from = self._former_place(job, known)
        if self._wants_keywords:
            job.known_labels = self._index.photos.picture_labels(job.caption_key)
        if known and job.known is not None and job.known.picture_hash == job.picture_hash:
            job.had = known.caption
        return job

    def known_caption(self, caption_key: str) -> CaptionRecord | None:
        """Return the caption that the index has for a picture by now."""
        known = self._index.photos.find_picture(caption_key)
        return known.caption if known else None

    def arrived(self, caption_keys: set[str]) -> None:
        """Note that these pictures stand in the index now."""
        self._coming -= caption_keys

    def _without_model(self, job: PhotoJob, known: KnownPicture | None) -> tuple[CaptionRecord | None, bool]:
        """Return the caption that is there already, and whether a person wants none."""
        if job.persons_words and not self._may_replace_persons and not _is_no_news(job, known):
            return CaptionRecord(text=job.persons_words, source=CaptionSource.PERSON), False
        if known is None or (known.caption is None and not known.rejected):
            known = self._index.photos.find_picture(job.caption_key)
        if known is None:
            return None, False
        if known.caption and self._is_to_be_replaced(known.caption):
            return None, False
        return known.caption, known.rejected

    def _is_to_be_replaced(self, caption: CaptionRecord) -> bool:
        if caption.source is CaptionSource.PERSON:
            return self._may_replace_persons
        return self._recaption is not None and self._recaption.replaces(
            caption.text, caption.model_id, caption.confidence
        )

    def _former_place(self, job: PhotoJob, known: KnownPicture | None) -> Path | None:
        """Return where a photo that is new to the index stood before it was moved or renamed."""
        if job.known is not None or known is None:
            return None
        for path in known.paths:
            if path not in self._claimed and path != job.photo.path and self._is_gone(path, job):
                self._claimed.add(path)
                return path
        return None

    def _is_gone(self, path: Path, job: PhotoJob) -> bool:
        """Return whether a file was moved away, and not its whole drive."""
        if os.path.lexists(path):
            return False
        stamp = self._index.photos.file_state(path)
        return path.parent.is_dir() or (stamp is not None and stamp.inode == job.photo.inode)


def _is_no_news(job: PhotoJob, known: KnownPicture | None) -> bool:
    """Return whether a person has said something else since about this picture, on another copy or with `edit`."""
    later = known.caption if known else None
    is_persons = later is not None and later.source is CaptionSource.PERSON
    return is_persons and job.persons_words in job.memory.here
