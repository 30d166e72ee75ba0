"""A person's decisions about captions, each of which can be taken back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum

from photocap.captioning.hedge import unhedged
from photocap.errors import PhotocapError, ReadError, printable
from photocap.index import CaptionRecord, PhotoIndex, PhotoRow
from photocap.library.edit import copies_with_other_words, correct
from photocap.library.recovery import writing_files
from photocap.library.reject import reject
from photocap.library.restore import Restored, restore
from photocap.metadata import WritePolicy
from photocap.records import Verdict


class CaptionChanged(PhotocapError):
    """The caption is no longer the one that was shown."""


class DecisionKind(Enum):
    """What was decided, in the words of the page."""

    ACCEPTED = "accepted"
    EDITED = "saved"
    REJECTED = "rejected"


@dataclass(frozen=True, kw_only=True)
class CaptionDecision:
    """One decision.

    Attributes:
        kind: what was decided.
        photo_id: the photo that was shown.
        picture_hash: the picture that it is about.
        before: the caption that it replaced.
        after: the caption that it left; None where it left none.
        run_id: the run under which files were written.
        problems: files that could not be written as they should, one line each.
    """

    kind: DecisionKind
    photo_id: int
    picture_hash: str
    before: CaptionRecord | None
    after: str | None
    run_id: int
    problems: tuple[str, ...] = ()


def save_words(
    index: PhotoIndex, photo: PhotoRow, words: str, shown: str, policy: WritePolicy, *, command: str = "serve"
) -> CaptionDecision:
    """Put a person's words on a photo and its copies; the model's own words, unchanged, are accepted.

    Args:
        index: open for writing.
        photo: the photo.
        words: what the person wants.
        shown: the caption that the person saw.
        policy: where captions are written.
        command: the name of the run.

    Raises:
        CaptionChanged: the caption is another one by now.
        ReadError: the photo was never read, so there is no picture to caption.
        PhotocapError: the words are empty.
    """
    with writing_files(index):
        picture_hash, before = _current(index, photo, shown)
        if not words:
            raise PhotocapError("The caption is empty. To take it away, reject it.")
        accepted = before is not None and words in (before.text, unhedged(before.text))
        if accepted:
            words = unhedged(words)  # now somebody knows
        verdict = Verdict.ACCEPTED if accepted else Verdict.EDITED
        run_id = index.runs.start(command)
        others = copies_with_other_words(index, photo, policy)
        files = correct(index, run_id, picture_hash, words, policy, verdict=verdict, sparing=others)
        index.runs.finish(run_id, f"1 caption {verdict.value}")
        problems = tuple(f"{file.error}; your words are in the index" for file in files if file.error)
        problems += tuple(
            f"{printable(path)} keeps other words of a person: {printable(text)}" for path, text in others.items()
        )
        kind = DecisionKind.ACCEPTED if accepted else DecisionKind.EDITED
        return CaptionDecision(
            kind=kind,
            photo_id=photo.id,
            picture_hash=picture_hash,
            before=before,
            after=words,
            run_id=run_id,
            problems=problems,
        )


def reject_words(index: PhotoIndex, photo: PhotoRow, shown: str, *, command: str = "serve") -> CaptionDecision:
    """Take a photo's caption out of its files and out of the index; arguments as for `save_words`.

    Raises:
        CaptionChanged: the caption is another one by now.
        ReadError: the photo was never read.
    """
    with writing_files(index):
        picture_hash, before = _current(index, photo, shown)
        run_id = index.runs.start(command)
        problems = _left_alone(reject(index, picture_hash))
        index.runs.finish(run_id, "1 caption rejected")
        return CaptionDecision(
            kind=DecisionKind.REJECTED,
            photo_id=photo.id,
            picture_hash=picture_hash,
            before=before,
            after=None,
            run_id=run_id,
            problems=problems,
        )


def undo(index: PhotoIndex, decision: CaptionDecision) -> tuple[str, ...]:
    """Take a decision back, so that the caption is as it was; return what did not succeed, one line each.

    Files are as they were before the decision. Where that had taken a caption out of files, the caption
    is in the index again, and comes into the files with the next `photocap index`.

    Raises:
        CaptionChanged: somebody has changed the caption since.
    """
    with writing_files(index):
        known = index.photos.find_picture(decision.picture_hash)
        current = known.caption.text if known and known.caption else None
        if current != decision.after:
            raise CaptionChanged("Somebody has changed this caption since; it stays as it is.")
        # No paths would mean all files of the library.
        restored = list(restore(index, known.paths, run_id=decision.run_id)) if known and known.paths else []
        if decision.before is None:
            index.captions.reject(decision.picture_hash)
        else:
            again = replace(decision.before, over_person=True)
            index.captions.record(decision.run_id, decision.picture_hash, again)
        return _left_alone(restored)


def _current(index: PhotoIndex, photo: PhotoRow, shown: str) -> tuple[str, CaptionRecord | None]:
    """Return the picture of a photo and its caption, if that is still the one that was shown."""
    (photo,) = index.photos.by_id([photo.id]) or [photo]  # others may have written since it was read
    if photo.picture_hash is None:
        raise ReadError(photo.path, f"it has no caption to change: {photo.error or 'it was never read'}")
    if " ".join(shown.split()) != " ".join((photo.caption or "").split()):
        now = printable(photo.caption) if photo.caption else "none"
        raise CaptionChanged(f"Somebody changed this caption meanwhile; it is now: {now}")
    known = index.photos.find_picture(photo.picture_hash)
    return photo.picture_hash, known.caption if known else None


def _left_alone(results: Iterable[Restored]) -> tuple[str, ...]:
    """Return a line for each file that has to stay as it is."""
    return tuple(f"{printable(result.path)} stays as it is: {result.reason}" for result in results if result.reason)
