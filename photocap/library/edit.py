"""Apply a caption by a person to every copy of a picture and record it in the index."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from photocap.errors import PhotocapError
from photocap.index import CaptionRecord, FileState, PhotoIndex, PhotoRow, PhotoState
from photocap.library.file_writes import FileWrite, FileWrites, is_as_indexed, note_written
from photocap.library.recovery import writing_files
from photocap.metadata import DryRun, ExifTool, Origin, Overwrite, WritePolicy, read_caption, read_metadata
from photocap.records import CaptionSource, Verdict, Written

NOTHING_SPARED: Mapping[Path, str] = MappingProxyType({})
_KEPT = "the words of a person are kept there"


@dataclass(frozen=True, kw_only=True)
class CorrectedFile:
    """What became of one file that shows the picture.

    Attributes:
        path: the photo.
        before: the caption it had.
        written: where the words stand besides the index.
        reason: why they are not in the photo itself; empty where they are.
        error: why nothing was written; empty where it was.
    """

    path: Path
    before: str | None
    written: Written
    reason: str = ""
    error: str = ""


def correct(
    index: PhotoIndex,
    run_id: int,
    picture_hash: str,
    text: str,
    policy: WritePolicy,
    *,
    verdict: Verdict,
    sparing: Mapping[Path, str] = NOTHING_SPARED,
    dry_run: DryRun = DryRun.NO,
) -> list[CorrectedFile]:
    """Put a person's words on a picture: on the files that show it, and in the index whatever becomes of the files.

    Args:
        index: open for writing, unless it is a dry run.
        run_id: the run this belongs to.
        picture_hash: the picture.
        text: the words.
        policy: where they are written. What may be replaced is not asked, since it is a person who is asking.
        verdict: noted at the caption that this one replaces.
        sparing: files that keep the words they have, and these; see `copies_with_other_words`.
        dry_run: YES plans only.
    """
    with contextlib.nullcontext() if dry_run is DryRun.YES else writing_files(index):
        return _correct(index, run_id, picture_hash, text, policy, verdict=verdict, sparing=sparing, dry_run=dry_run)


def _correct(
    index: PhotoIndex,
    run_id: int,
    picture_hash: str,
    text: str,
    policy: WritePolicy,
    *,
    verdict: Verdict,
    sparing: Mapping[Path, str],
    dry_run: DryRun,
) -> list[CorrectedFile]:
    asked = replace(policy, overwrite=Overwrite.ALL)
    present = _present_files(index, picture_hash)
    as_indexed = {path for path, state in present.items() if is_as_indexed(state, path)}
    refused = [
        CorrectedFile(path=path, before=sparing[path], written=Written.NONE, reason=_KEPT)
        for path in present
        if path in sparing
    ]
    prepared: list[FileWrite] = []
    with ExifTool() as exiftool, FileWrites(asked, exiftool, dry_run) as writes:  # ExifTool starts where it is needed
        for path in (path for path in present if path not in sparing):
            memory = index.captions.memory((picture_hash,), path)
            try:
                prepared.append(writes.prepare(path, text, None, memory=memory))
            except PhotocapError as error:
                refused.append(CorrectedFile(path=path, before=None, written=Written.NONE, error=str(error)))
        if dry_run is DryRun.NO:
            writes.commit(index, run_id)
            for write in prepared:
                if not write.problem and write.prepared.path in as_indexed:
                    note_written(index, write.prepared.path, write.written, write.status)
                    _note_words(index, write.prepared.path, policy)
            caption = CaptionRecord(text=text, source=CaptionSource.PERSON)
            index.captions.record(run_id, picture_hash, caption, verdict=verdict, settled=writes.settled)
    return refused + [_outcome(write) for write in prepared]


def copies_with_other_words(index: PhotoIndex, photo: PhotoRow, policy: WritePolicy) -> dict[Path, str]:
    """Return the other files of a photo's picture in which a person says something else than in this one.

    Args:
        index: knows the files.
        photo: the one that is to be edited.
        policy: where sidecars are kept.
    """
    if photo.picture_hash is None:
        return {}
    words = {
        path: text
        for path in _present_files(index, photo.picture_hash)
        if (text := _words_of_person(index, photo.picture_hash, path, policy))
    }
    mine = words.pop(photo.path, "")
    return {path: text for path, text in words.items() if text != mine}


def _words_of_person(index: PhotoIndex, picture_hash: str, path: Path, policy: WritePolicy) -> str:
    try:
        found = read_caption(path, sidecar_dir=policy.sidecar_dir)
    except PhotocapError:  # it cannot be written either, which is said there
        return ""
    found = found.remembering(index.captions.memory((picture_hash,), path))
    return (found.text or "") if found.origin is Origin.PERSON else ""


def _note_words(index: PhotoIndex, path: Path, policy: WritePolicy) -> None:
    """Let the photo be found by its new words, and no longer by those that they replaced."""
    with contextlib.suppress(PhotocapError):  # what changes under our hands is read by the next run
        index.photos.update_words(path, read_metadata(path, sidecar_dir=policy.sidecar_dir).words)


def _present_files(index: PhotoIndex, picture_hash: str) -> dict[Path, FileState]:
    known = index.photos.find_picture(picture_hash)
    states = {path: index.photos.file_state(path) for path in (known.paths if known else ())}
    return {path: state for path, state in states.items() if state is not None and state.state is PhotoState.PRESENT}


def _outcome(write: FileWrite) -> CorrectedFile:
    done = write.prepared
    if write.problem:
        return CorrectedFile(path=done.path, before=done.before, written=Written.NONE, error=str(write.problem))
    return CorrectedFile(path=done.path, before=done.before, written=done.written, reason=done.reason)
