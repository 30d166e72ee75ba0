"""What a query means, as a tree of small records."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias


@dataclass(frozen=True)
class Word:
    """A word, found whatever its ending, accents and case.

    Attributes:
        text: the word.
        prefix: find also longer words that begin with it.
        column: where it must stand, a key of `COLUMNS`; empty: anywhere.
    """

    text: str
    prefix: bool = False
    column: str = ""


@dataclass(frozen=True)
class Phrase:
    """Words in this order; `column` as in `Word`."""

    text: str
    column: str = ""


@dataclass(frozen=True)
class Substring:
    """Characters anywhere in what people wrote: for scripts without spaces, and for emoji."""

    text: str


class Field(Enum):
    """What can be asked of a photo besides its words."""

    TAKEN = "taken"
    ADDED = "added"
    TIME = "time"
    CAMERA = "camera"
    LENS = "lens"
    PATH = "path"
    TYPE = "type"
    CONFIDENCE = "conf"
    RATING = "rating"
    WIDTH = "width"
    HEIGHT = "height"
    SIZE = "size"
    ISO = "iso"
    F_NUMBER = "fnumber"
    FOCAL_LENGTH = "focal"
    NEAR = "near"
    HAS = "has"
    IS = "is"


@dataclass(frozen=True)
class Contains:
    """A part of the camera's or lens's name or of the path, in any case; * and ? in a path stand for other letters."""

    field: Field
    text: str


@dataclass(frozen=True)
class FileType:
    """A photo whose name ends in one of these suffixes (lower case, no dot)."""

    name: str
    suffixes: tuple[str, ...]


@dataclass(frozen=True)
class Compare:
    """A number against a limit; `operator` is one of < <= > >= =."""

    field: Field
    operator: str
    limit: float


@dataclass(frozen=True)
class Taken:
    """Taken from `start` on and before `end`, both ISO dates; None leaves that side open."""

    start: str | None
    end: str | None


@dataclass(frozen=True)
class Added:
    """First indexed from `start` on and before `end`, both ISO dates; None leaves that side open."""

    start: str | None
    end: str | None


@dataclass(frozen=True)
class TimeOfDay:
    """Taken at `start` or later and before `end`, each "HH:MM"; where `end` is not after `start`, over midnight."""

    start: str
    end: str


@dataclass(frozen=True)
class Near:
    """Taken within `radius_km` of a place."""

    latitude: float
    longitude: float
    radius_km: float


@dataclass(frozen=True)
class NearPlace:
    """Taken within `radius_km` of where the photos whose metadata name this place were taken."""

    name: str
    radius_km: float


@dataclass(frozen=True)
class Trait:
    """`has:gps`, `is:edited` and their like."""

    field: Field
    name: str


@dataclass(frozen=True)
class And:
    """All parts hold."""

    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Or:
    """At least one part holds."""

    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Not:
    """The part does not hold."""

    part: Node


Text: TypeAlias = "Word | Phrase | Substring"
Filter: TypeAlias = "Contains | FileType | Compare | Taken | Added | TimeOfDay | Near | NearPlace | Trait"
Node: TypeAlias = "Text | Filter | And | Or | Not"


@dataclass(frozen=True, kw_only=True)
class Query:
    """A query as it was read.

    Attributes:
        text: as typed.
        tree: what it means; None where nothing in it can be searched for.
        notes: what was read otherwise than it may have been meant, for `--explain`.
        words: what it says of the picture as one line of text, exclusions and filters left out.
        plain: only words and filters side by side, no operators: then a search may look wider.
    """

    text: str
    tree: Node | None
    notes: tuple[str, ...] = ()
    words: str = ""
    plain: bool = True
