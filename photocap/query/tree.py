"""What a query means, as a tree of small records."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias


@dataclass(frozen=True)
class Word:
    """A word in a caption, found whatever its ending, accents and case; with `prefix` also its beginning."""

    text: str
    prefix: bool = False


@dataclass(frozen=True)
class Phrase:
    """Words in a caption in this order."""

    text: str


@dataclass(frozen=True)
class Substring:
    """Characters anywhere in a person's caption: for scripts without spaces, and for emoji."""

    text: str


class Field(Enum):
    """What can be asked of a photo besides its words."""

    TAKEN = "taken"
    CAMERA = "camera"
    LENS = "lens"
    PATH = "path"
    CONFIDENCE = "conf"
    RATING = "rating"
    WIDTH = "width"
    HEIGHT = "height"
    NEAR = "near"
    HAS = "has"
    IS = "is"


@dataclass(frozen=True)
class Contains:
    """A part of the camera's or lens's name or of the path, in any case."""

    field: Field
    text: str


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
class Near:
    """Taken within `radius_km` of a place."""

    latitude: float
    longitude: float
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
Filter: TypeAlias = "Contains | Compare | Taken | Near | Trait"
Node: TypeAlias = "Text | Filter | And | Or | Not"


@dataclass(frozen=True)
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
