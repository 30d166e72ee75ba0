"""What goes into the index and what comes out of it, as plain frozen records."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TypeVar

from photocap.records import CaptionSource, Label, PhotoFacts, PhotoWords, UndoRecord, Verdict, Written

FACTS_VERSION = 1
"""Grows when more is read from a photo's metadata; photos with an older number are read once more."""


E = TypeVar("E", bound=Enum)


def stored(kind: type[E], value: object) -> E:
    """Return a stored word as a member of its kind.

    Raises:
        sqlite3.DatabaseError: it is none of the words that photocap writes.
    """
    try:
        return kind(value)
    except ValueError:
        raise sqlite3.DatabaseError(f"malformed: {value!r} is no {kind.__name__}") from None


class PhotoState(Enum):
    """Where a photo stands in its life."""

    PRESENT = "present"
    FAILED = "failed"
    MISSING = "missing"


class UndoState(Enum):
    """How far a write to a file has come.

    OPEN means that the write may or may not have happened (it is settled after a crash by
    looking at the file), WRITTEN that it has, RESTORED that it was taken back.
    """

    OPEN = "open"
    WRITTEN = "written"
    RESTORED = "restored"


@dataclass(frozen=True, kw_only=True)
class FileState:
    """What the index knows of a file without opening it.

    Attributes:
        extras: what was to be written besides the caption when the file was last opened (alternative text, keywords,
            further places): of these nothing is left to do.
    """

    size_bytes: int
    mtime_ns: int
    inode: int
    state: PhotoState
    picture_hash: str | None
    has_caption: bool
    written: Written
    facts_version: int = FACTS_VERSION
    extras: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class CaptionRecord:
    """One caption with its provenance.

    Attributes:
        text: the words.
        source: a person or a model.
        model_id: the model's name and version; None for people.
        weights_sha256: which weights exactly.
        confidence: in [0, 1]; None for people.
        over_person: let a generated caption take the place of a person's. Only set where the
            user asked for it: without it a person's words stay and the sentence is only remembered.
    """

    text: str
    source: CaptionSource = CaptionSource.MODEL
    model_id: str | None = None
    weights_sha256: str | None = None
    confidence: float | None = None
    over_person: bool = False


@dataclass(frozen=True, kw_only=True)
class PhotoRecord:
    """One photo as it goes into the index at the end of its batch.

    Attributes:
        path: absolute path.
        size_bytes, mtime_ns, inode, device: of the file as it lies on disk *now* (after the write).
        picture_hash: hash of the picture data alone; None where the file could not be read.
        state: PRESENT or FAILED.
        error: why it failed.
        facts: None keeps the facts that are known.
        words: of its metadata; None keeps those that are known.
        labels: what the model recognised in the picture; None keeps those that are known.
        likely_labels: what it likely shows; kept and replaced with `labels`.
        caption: None keeps the picture's present caption.
        embedding: float16 little-endian, unit length; None keeps the known one.
        written: where the caption stands outside the index.
        moved_from: the path that this very file had before; its row is renamed.
        extras: what this run had to write besides the caption; see `FileState`.
    """

    path: Path
    size_bytes: int
    mtime_ns: int
    inode: int = 0
    device: int = 0
    picture_hash: str | None = None
    state: PhotoState = PhotoState.PRESENT
    error: str | None = None
    facts: PhotoFacts | None = None
    caption: CaptionRecord | None = None
    embedding: bytes | None = None
    written: Written = Written.NONE
    moved_from: Path | None = None
    words: PhotoWords | None = None
    labels: tuple[Label, ...] | None = None
    likely_labels: tuple[Label, ...] = ()
    extras: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class KnownPicture:
    """A picture that the index knows by its hash, with the caption that is valid for it.

    `caption` is None where it never had one or where a person rejected it (`rejected`);
    `paths` are the files that show it, missing ones included.
    """

    picture_hash: str
    caption: CaptionRecord | None
    rejected: bool
    has_embedding: bool
    paths: tuple[Path, ...]


@dataclass(frozen=True, kw_only=True)
class UndoRow:
    """One row of the undo journal."""

    id: int
    run_id: int
    state: UndoState
    created: str
    record: UndoRecord


@dataclass(frozen=True, kw_only=True)
class RunRow:
    """One run of a command that writes."""

    id: int
    command: str
    started: str
    finished: str | None
    model_id: str | None
    weights_sha256: str | None
    outcome: str


@dataclass(frozen=True, kw_only=True)
class CaptionVersion:
    """One caption in a picture's history."""

    text: str
    source: CaptionSource
    model_id: str | None
    weights_sha256: str | None
    confidence: float | None
    run_id: int | None
    created: str
    verdict: Verdict | None
    current: bool


@dataclass(frozen=True, kw_only=True)
class PhotoRow:
    """Everything the index knows of one photo, for showing it."""

    id: int
    path: Path
    state: PhotoState
    error: str | None
    picture_hash: str | None
    caption: str | None
    source: CaptionSource | None
    model_id: str | None
    confidence: float | None
    size_bytes: int
    mtime_ns: int
    written: Written
    width_px: int | None
    height_px: int | None
    taken: str | None
    camera: str | None
    lens: str | None
    latitude: float | None
    longitude: float | None
    rating: int | None
    iso: int | None
    f_number: float | None
    focal_length_mm: float | None
    taken_source: str | None
