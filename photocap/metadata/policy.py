"""What may be written, where, and what is said about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from photocap.metadata.captions import FoundCaption, Origin


class MetadataMode(Enum):
    """Where captions go besides the index."""

    EMBED = "embed"
    SIDECAR = "sidecar"
    NONE = "none"


class Overwrite(Enum):
    """Which captions may be replaced; each step includes the ones before it."""

    NONE = "none"
    OWN = "own"
    JUNK = "junk"
    ALL = "all"


class Mtime(Enum):
    """What a write does to the file's modification time."""

    KEEP = "keep"
    TOUCH = "touch"


class DryRun(Enum):
    """Whether a write is only planned."""

    NO = "no"
    YES = "yes"


@dataclass(frozen=True)
class WritePolicy:
    """How captions are written.

    Attributes:
        alt_text: also write the accessibility text that screen readers use.
        sidecar_dir: where sidecars go, by the photo's full path; None: beside the photo.
    """

    mode: MetadataMode = MetadataMode.EMBED
    overwrite: Overwrite = Overwrite.JUNK
    alt_text: bool = False
    mtime: Mtime = Mtime.KEEP
    sidecar_dir: Path | None = None


@dataclass(frozen=True)
class Signature:
    """Who wrote a caption.

    Attributes:
        model_id: the model.
        version: photocap's version.
        confidence: in [0, 1]; None where nothing was measured.
        date: ISO 8601, with time zone.
    """

    model_id: str
    version: str
    confidence: float | None
    date: str


def may_replace(found: FoundCaption, overwrite: Overwrite) -> bool:
    """Tell whether a found caption may be replaced."""
    needed = {
        Origin.NOBODY: Overwrite.NONE,
        Origin.PHOTOCAP: Overwrite.OWN,
        Origin.JUNK: Overwrite.JUNK,
        Origin.PERSON: Overwrite.ALL,
    }[found.origin]
    order = list(Overwrite)
    return order.index(overwrite) >= order.index(needed)
