"""Detect which files are new or changed, by size, modification time and inode alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from photocap.index import FACTS_VERSION, FileState, PhotoIndex, PhotoRecord, PhotoState
from photocap.library.indexing.job import PhotoJob
from photocap.library.indexing.options import IndexOptions
from photocap.library.indexing.prefetch import in_chunks
from photocap.library.report import Outcome, PhotoResult
from photocap.metadata import MetadataMode
from photocap.photos import PhotoFile, find_photos
from photocap.records import CaptionSource, Written

_CHUNK = 500
_FAILED_BEFORE = "it could not be read before and has not changed (--retry-failed tries again)"


def changed_photos(
    index: PhotoIndex,
    photos: Iterable[PhotoFile],
    options: IndexOptions,
    *,
    on_result: Callable[[PhotoResult], None],
    on_return: Callable[[list[PhotoRecord]], None],
) -> Iterator[PhotoJob]:
    """Yield a job for each photo that must be opened; report the others.

    Args:
        index: knows the files as they were.
        photos: as the walk meets them.
        options: what to do about captions that stand in the index only, and about failures.
        on_result: gets the photos that are as they were.
        on_return: gets the records of photos that were missing and are back, unchanged.
    """
    for chunk in in_chunks(photos, _CHUNK):
        known = index.scan.file_states(photo.path for photo in chunk)
        returned = []
        for photo in chunk:
            stamp = known.get(photo.path)
            if (
                stamp is None
                or not _is_same_file(photo, stamp)
                or _has_old_facts(stamp)
                or _wants_another_caption(index, photo, stamp, options)
                or _lacks_extras(stamp, options)
            ):
                yield PhotoJob(photo=photo, known=stamp)
            elif stamp.state is PhotoState.FAILED:
                if options.retry_failed:
                    yield PhotoJob(photo=photo, known=stamp)
                else:
                    on_result(PhotoResult(path=photo.path, outcome=Outcome.SKIPPED, error=_FAILED_BEFORE))
            elif stamp.picture_hash is None:  # it was missing, and could not be read before that
                yield PhotoJob(photo=photo, known=stamp)
            else:
                if stamp.state is PhotoState.MISSING:
                    returned.append(_record(photo, stamp))
                on_result(PhotoResult(path=photo.path, outcome=Outcome.UNCHANGED, written=stamp.written))
        if returned:
            on_return(returned)


def count_changed(index_path: Path, roots: Sequence[Path], options: IndexOptions) -> int:
    """Count the photos that a run that begins now has to open.

    Args:
        index_path: the index, which is opened anew, since this is done in a thread beside the run.
        roots: as for the run.
        options: as for the run.

    Raises:
        PhotocapError: the index cannot be read.
    """
    with PhotoIndex.open(index_path, read_only=True) as index, index.scan.of_a_moment():
        photos = find_photos(roots, options.walk)
        return sum(1 for _ in changed_photos(index, photos, options, on_result=_ignore, on_return=_ignore))


def _ignore(_: object) -> None:
    pass


def _is_same_file(photo: PhotoFile, stamp: FileState) -> bool:
    return (
        photo.newest_mtime_ns == stamp.mtime_ns and photo.size_bytes == stamp.size_bytes and photo.inode == stamp.inode
    )


def _has_old_facts(stamp: FileState) -> bool:
    """Return whether more is read from a photo's metadata by now than when this one was read."""
    return stamp.state is not PhotoState.FAILED and bool(stamp.picture_hash) and stamp.facts_version < FACTS_VERSION


def _wants_another_caption(index: PhotoIndex, photo: PhotoFile, stamp: FileState, options: IndexOptions) -> bool:
    """Return whether an unchanged photo is to be opened for the sake of its caption or its embedding.

    Either its caption is to be made anew, or it stands in the index only and is now to be written into the photo too.
    """
    stands_in_index_only = options.policy.mode is not MetadataMode.NONE and stamp.written is Written.NONE
    if not stamp.has_caption or not (options.recaption or stands_in_index_only):
        return False
    row = index.photos.get(photo.path)
    if row is None or row.state is not PhotoState.PRESENT:
        return False
    if options.recaption and options.space_id and not _has_embedding(index, stamp):
        return True
    if row.source is not CaptionSource.MODEL:
        return False
    if options.recaption and options.recaption.replaces(row.caption or "", row.model_id, row.confidence):
        return True
    return stands_in_index_only and (row.confidence or 0.0) >= options.min_confidence


def _lacks_extras(stamp: FileState, options: IndexOptions) -> bool:
    """Return whether a captioned photo is still to get alternative text, keywords or a caption in further places."""
    is_captioned = stamp.has_caption and stamp.state is PhotoState.PRESENT
    return is_captioned and not options.policy.extras <= stamp.extras


def _has_embedding(index: PhotoIndex, stamp: FileState) -> bool:
    known = index.photos.find_picture(stamp.picture_hash) if stamp.picture_hash else None
    return known is not None and known.has_embedding


def _record(photo: PhotoFile, stamp: FileState) -> PhotoRecord:
    return PhotoRecord(
        path=photo.path,
        size_bytes=photo.size_bytes,
        mtime_ns=photo.newest_mtime_ns,
        inode=photo.inode,
        device=photo.device,
        picture_hash=stamp.picture_hash,
        written=stamp.written,
        extras=stamp.extras,
    )
