"""What can be told of a photo before any caption is thought of; runs in worker threads, ahead of the network."""

from __future__ import annotations

from dataclasses import dataclass, field

from photocap.errors import FileProblem, unexpected
from photocap.formats.sidecar_names import FolderNames
from photocap.index import FileState
from photocap.metadata import ExifTool, Origin, PhotoMetadata, WritePolicy, read_metadata
from photocap.photos import PhotoFile, picture_hash, read_facts
from photocap.records import PhotoFacts
from photocap.workers import Overdue


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
class Examined:
    """A photo that is new or has changed.

    Attributes:
        photo: as the walk met it.
        known: what the index knew of this path.
        picture_hash: of the photo itself; empty where it could not be read.
        caption_key: the hash of the picture that the caption is about: the photo's own, or that of the picture
            beside a raw file.
        facts: None where the photo could not be read.
        metadata: what its files say in words.
        trouble: why it could not be read; None where it could.
    """

    photo: PhotoFile
    known: FileState | None
    picture_hash: str = ""
    caption_key: str = ""
    facts: PhotoFacts | None = None
    metadata: PhotoMetadata = field(default_factory=PhotoMetadata)
    trouble: Trouble | None = None

    @property
    def persons_words(self) -> str | None:
        """Return what a person wrote into the file; None where nobody did."""
        found = self.metadata.caption
        return found.text or None if found.origin is Origin.PERSON else None


@dataclass(frozen=True)
class Readers:
    """What the photos of a run are read with.

    Attributes:
        names: knows what lies in the folders.
        exiftool: asked for what cannot be read here; starts with the first photo that needs it.
    """

    names: FolderNames = field(default_factory=FolderNames)
    exiftool: ExifTool = field(default_factory=ExifTool)


def examine(photo: PhotoFile, known: FileState | None, policy: WritePolicy, readers: Readers) -> Examined:
    """Read a photo's hash, facts and caption; what goes wrong is part of the result."""
    try:
        own_hash = picture_hash(photo.path)
        key = picture_hash(photo.companion) if photo.companion else own_hash
        facts = read_facts(photo.path)
        metadata = read_metadata(
            photo.path, sidecar_dir=policy.sidecar_dir, names=readers.names, exiftool=readers.exiftool
        )
    except Exception as problem:  # one photo never stops a run
        return Examined(photo, known, trouble=Trouble.of(problem))
    return Examined(photo, known, own_hash, key, facts, metadata)
