"""One photo on its way through a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from photocap.errors import FileProblem, unexpected
from photocap.index import CaptionRecord, FileState
from photocap.library.file_writes import FileWrite
from photocap.metadata import Origin, PhotoMetadata
from photocap.photos import PhotoFile
from photocap.records import Caption, CaptionMemory, Label, PhotoFacts
from photocap.system.workers import Overdue

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True)
class Trouble:
    """Why something could not be done with a photo.

    Attributes:
        reason: what went wrong and the way out, without the path: that stands beside it.
        may_pass: a missing permission, too little memory or a drive's failure, which may be over next time while the
            photo is the same.
    """

    reason: str
    may_pass: bool = False

    @classmethod
    def of(cls, problem: Exception) -> Trouble:
        """Say what a problem means for the photo, whatever it is."""
        if isinstance(problem, Overdue):
            return cls(str(problem), may_pass=True)
        if not isinstance(problem, FileProblem):
            return cls(unexpected(problem), isinstance(problem, MemoryError))
        cause = problem.__cause__
        # Decoders raise OSErrors without a number.
        may_pass = isinstance(cause, MemoryError) or (isinstance(cause, OSError) and cause.errno is not None)
        return cls(problem.reason + (f" ({problem.hint})" if problem.hint else ""), may_pass)


@dataclass(frozen=True)
class PersonsWord:
    """What a person has said of a picture, as far as it stands: words, or that there shall be none."""

    caption: CaptionRecord | None = None
    rejected: bool = False


@dataclass(kw_only=True)
class PhotoJob:
    """A photo that a run opens. Each stage fills in its part; only one thread has it in hand at a time.

    Attributes:
        photo: the file as the scan met it; after the commit of its write, as it is on the disk then.
        known: what the index knew of this path.
        trouble: why it could not be read or captioned; the stages after that leave it alone.

        picture_hash: (examine) of the photo itself; empty where it could not be read.
        caption_key: (examine) the hash of the picture that the caption is about: the photo's own, or that of the
            picture beside a raw file.
        facts: (examine) what the camera wrote; None where the photo could not be read.
        metadata: (examine) what its files say in words.
        data: (examine) the file's content, until it is decoded; None where there is no room for it.

        caption: (decide) the caption that needs no model; (caption) else the model's. None for a rejected one.
        needs_picture: (decide) whether the network must see the picture.
        waits: (decide) the same picture is on its way through the network; its caption will do.
        rejected: (decide) a person rejected this picture's caption; there shall be none.
        moved_from: (decide) where this very photo was before.
        had: (decide) the caption that this path had so far, if it still shows the same picture.
        memory: (decide) what the index knows of the picture's captions.
        said: (decide) what people had said by then of the photo's own picture and of that of `caption_key`.
        index_version: (decide) of the index then; see `PhotoIndex.others_version`.
        known_labels: (decide) what a model saw in the picture earlier, where keywords are to be written.

        image: (decode) the small picture for the network, until it was there.
        embedding: (caption) the picture's embedding, where it is new.
        labels: (caption) what the model sees in the picture, where it looked.
        likely_labels: (caption) what it likely sees there.

        changed: (write) it is no longer the file that was read, or its caption was taken back; nothing is recorded.
        write: (write) what is written into files.
        write_trouble: (write) why that could not be done; the index has the caption, and the next run tries again.
    """

    photo: PhotoFile
    known: FileState | None = None
    trouble: Trouble | None = None

    picture_hash: str = ""
    caption_key: str = ""
    facts: PhotoFacts | None = None
    metadata: PhotoMetadata = field(default_factory=PhotoMetadata)
    data: bytes | None = None

    caption: CaptionRecord | None = None
    needs_picture: bool = False
    waits: bool = False
    rejected: bool = False
    moved_from: Path | None = None
    had: CaptionRecord | None = None
    memory: CaptionMemory = field(default_factory=CaptionMemory)
    said: tuple[PersonsWord, ...] = ()
    index_version: int = 0
    known_labels: tuple[Label, ...] = ()

    image: Image.Image | None = None
    embedding: bytes | None = None
    labels: tuple[Label, ...] | None = None
    likely_labels: tuple[Label, ...] = ()

    changed: bool = False
    write: FileWrite | None = None
    write_trouble: Trouble | None = None

    def take_labels(self, caption: Caption) -> None:
        """Keep what a model sees in the picture; one that gives no labels leaves those that are known."""
        if caption.labels or caption.likely_labels:
            self.labels, self.likely_labels = caption.labels, caption.likely_labels

    @property
    def persons_words(self) -> str | None:
        """Return what a person wrote into the file; None where nobody did."""
        found = self.metadata.caption
        return found.text or None if found.origin is Origin.PERSON else None

    @property
    def picture_path(self) -> Path:
        """Return the file that shows the picture: of a raw file with a picture beside it, that one."""
        return self.photo.companion or self.photo.path
