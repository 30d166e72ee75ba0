"""What a person says of a picture between the moment when its photo was decided about and the one when it is written.

A run lets other writers in between its batches, and a batch is under way for seconds: a picture that is in it may be
edited or rejected meanwhile, with `photocap edit` for example. The later word counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from photocap.index import KnownPicture, PhotoIndex
from photocap.library.indexing.examine import Readers, examine
from photocap.library.indexing.held_files import HeldFiles
from photocap.library.indexing.job import PersonsWord, PhotoJob
from photocap.metadata import WritePolicy
from photocap.photos import PhotoFile, newest_sidecar_mtime_ns
from photocap.records import CaptionSource


def persons_words(index: PhotoIndex, job: PhotoJob) -> tuple[PersonsWord, ...]:
    """Return what a person has said so far of the pictures that a photo's caption depends on."""
    keys = dict.fromkeys((job.picture_hash, job.caption_key))
    return tuple(_word(index.photos.find_picture(key)) for key in keys)


class LaterWords:
    """Heeds them, batch by batch, while other writers are kept out.

    Args:
        index: of the run.
        policy: where captions are written.
        readers: of the run.
    """

    def __init__(self, index: PhotoIndex, policy: WritePolicy, readers: Readers) -> None:
        self._index = index
        self._policy = policy
        self._readers = readers

    def heed(self, batch: Sequence[PhotoJob]) -> None:
        """Let what a person has said since take the place of what was decided, even of `--overwrite all`."""
        version = self._index.others_version()
        for job in batch:
            if job.trouble or job.index_version == version:
                continue
            now = persons_words(self._index, job)
            if now != job.said:
                self._take(job, next(word for word, before in zip(now, job.said, strict=True) if word != before))

    def _take(self, job: PhotoJob, word: PersonsWord) -> None:
        """Read the photo's files again, which the person's words may stand in by now, and take these."""
        path = job.photo.path
        self._readers.names.forget(path.parent)
        readers = replace(self._readers, held=HeldFiles(0))
        try:
            again = examine(PhotoJob(photo=_as_it_is(job.photo)), self._policy, readers)
        except OSError:  # it is gone
            job.changed = True
            return
        if again.trouble or again.picture_hash != job.picture_hash or word == PersonsWord():
            job.changed = True
            return
        job.photo, job.facts = again.photo, again.facts
        job.memory = self._index.captions.memory((job.picture_hash, job.caption_key), path)
        job.metadata = again.metadata.remembering(job.memory)
        job.caption, job.rejected = word.caption, word.rejected
        job.had = word.caption


def _word(known: KnownPicture | None) -> PersonsWord:
    if known is None:
        return PersonsWord()
    is_persons = known.caption is not None and known.caption.source is CaptionSource.PERSON
    return PersonsWord(known.caption if is_persons else None, known.rejected)


def _as_it_is(photo: PhotoFile) -> PhotoFile:
    """Return a file with the state that it has now.

    Raises:
        OSError: it is gone.
    """
    status = photo.path.stat()
    return replace(
        photo,
        size_bytes=status.st_size,
        mtime_ns=status.st_mtime_ns,
        inode=status.st_ino,
        device=status.st_dev,
        sidecar_mtime_ns=newest_sidecar_mtime_ns(photo.path),
    )
