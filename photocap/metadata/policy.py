"""What may be written, where, and what is said about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from photocap.metadata.captions import FoundCaption, Origin, Place
from photocap.metadata.sidecar import SidecarName


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


class Also(Enum):
    """Places where a caption is written only if asked, for programs that read no others."""

    XP_COMMENT = "xpcomment"
    IPTC = "iptc"


class DryRun(Enum):
    """Whether a write is only planned."""

    NO = "no"
    YES = "yes"


@dataclass(frozen=True, kw_only=True)
class WritePolicy:
    """How captions are written.

    Attributes:
        alt_text: also write the accessibility text that screen readers use.
        sidecar_dir: where sidecars go, by the photo's full path; None: beside the photo.
        sidecar_name: how new sidecars beside the photo are named.
        keywords: also write what the model recognised as keywords.
        also: further places for the caption.
    """

    mode: MetadataMode = MetadataMode.EMBED
    overwrite: Overwrite = Overwrite.JUNK
    alt_text: bool = False
    mtime: Mtime = Mtime.KEEP
    sidecar_dir: Path | None = None
    sidecar_name: SidecarName = SidecarName.FULL
    keywords: bool = False
    also: frozenset[Also] = frozenset()

    @property
    def extras(self) -> frozenset[str]:
        """Return the names of what is to be written besides the caption."""
        if self.mode is MetadataMode.NONE:
            return frozenset()
        asked = {"alt_text": self.alt_text, "keywords": self.keywords}
        return frozenset(name for name, is_asked in asked.items() if is_asked) | {also.value for also in self.also}


class Scope(Enum):
    """How much of a photo's metadata a write touches."""

    CAPTION = "caption"  # the caption in all its places, and what goes with it
    EXTRAS = "extras"  # alternative text and keywords only; the caption stays as it is
    REMOVAL = "removal"  # what photocap wrote is taken out by its mark


@dataclass(frozen=True, kw_only=True)
class WriteOrder:
    """What is to be written.

    Attributes:
        text: the caption, cleaned.
        signature: the model that wrote it; None: a person did, and photocap's own marks are taken away.
        scope: whether the caption itself is written.
        kept: places that stay as they are, since they hold other words of a person.
        alt_text: the alternative text to write where there is none; empty for none. One that photocap wrote follows
            the caption anyway.
        keywords: to be merged into those that are there; None leaves photocap's earlier ones.
        also: further places for the caption.
    """

    text: str
    signature: Signature | None
    scope: Scope = Scope.CAPTION
    kept: frozenset[Place] = frozenset()
    alt_text: str = ""
    keywords: tuple[str, ...] | None = None
    also: frozenset[Also] = frozenset()

    @property
    def writes_caption(self) -> bool:
        """Return whether the caption itself is written or taken out."""
        return self.scope is not Scope.EXTRAS


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
    """Return whether a found caption may be replaced."""
    needed = {
        Origin.NOBODY: Overwrite.NONE,
        Origin.PHOTOCAP: Overwrite.OWN,
        Origin.JUNK: Overwrite.JUNK,
        Origin.PERSON: Overwrite.ALL,
    }[found.origin]
    order = list(Overwrite)
    return order.index(overwrite) >= order.index(needed)
