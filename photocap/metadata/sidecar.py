"""XMP sidecars: which of them belong to a photo, and which of them is written.

`IMG.JPG.xmp` (darktable, digiKam, Immich) belongs to one photo. `IMG.xmp` (Lightroom, Bridge, Capture One, the exports
of Apple Photos) belongs to the raw file of that name if there is one, else to the only picture; where it says itself
for which file it is, that decides. Where it stays unclear, or where it is the raw file's of the same shot, its words
count for the photo but it is not written for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from photocap.formats.base import FileKind
from photocap.formats.detect import kind_of
from photocap.formats.sidecar_names import SIDECAR_SUFFIX, Beside


class Ownership(Enum):
    """What a sidecar is to a photo."""

    OWN = "own"
    SHARED = "shared"
    FOREIGN = "foreign"


class SidecarName(Enum):
    """How a new sidecar is named."""

    FULL = "full"
    ADOBE = "adobe"


@dataclass(frozen=True)
class StemSidecar:
    """A sidecar that is named after a stem.

    Attributes:
        path: the sidecar.
        made_for: the ending of the file that it says it is for, without the dot; empty where it does not say.
    """

    path: Path
    made_for: str = ""


def is_sidecar(path: Path) -> bool:
    """Return whether a file is a sidecar by its name."""
    return path.suffix.lower() == SIDECAR_SUFFIX


def ownership(photo: Path, sidecar: StemSidecar, rivals: Sequence[Path]) -> Ownership:
    """Return what a sidecar named after a stem is to a photo.

    Args:
        photo: the photo.
        sidecar: the sidecar.
        rivals: the other pictures, raw files and videos of that stem.
    """
    is_raw = kind_of(photo) is FileKind.RAW
    raws = [rival for rival in rivals if kind_of(rival) is FileKind.RAW]
    pictures = [rival for rival in rivals if kind_of(rival) is FileKind.PICTURE]
    if sidecar.made_for:
        ending = f".{sidecar.made_for.lower()}"
        if photo.suffix.lower() == ending:
            return Ownership.OWN
        is_of_another_picture = any(rival.suffix.lower() == ending for rival in pictures)
        return Ownership.FOREIGN if is_of_another_picture else Ownership.SHARED
    if is_raw:
        return Ownership.SHARED if raws else Ownership.OWN
    return Ownership.SHARED if raws or pictures else Ownership.OWN


def sidecar_for(photo: Path, own: Sequence[Path], beside: Beside, *, folder: Path | None, naming: SidecarName) -> Path:
    """Return the sidecar to write: one that exists, else a new name.

    Args:
        photo: the photo.
        own: the sidecars that are its own, the most particular first.
        beside: what lies beside it.
        folder: where sidecars are kept, if not beside the photos.
        naming: how a new one is named; a name that would be another file's as well is not taken.
    """
    if folder is not None:
        return sidecar_under(photo, folder)
    if own:
        return own[0]
    is_raw = kind_of(photo) is FileKind.RAW
    others = [rival for rival in beside.rivals if kind_of(rival) is not FileKind.VIDEO]
    competes = any(kind_of(rival) is FileKind.RAW for rival in others) if is_raw else bool(others)
    if naming is SidecarName.ADOBE and not competes and not beside.stem:
        return photo.with_suffix(SIDECAR_SUFFIX)
    return photo.with_name(photo.name + SIDECAR_SUFFIX)


def sidecar_under(photo: Path, folder: Path) -> Path:
    """Return the sidecar under a folder of its own, by the photo's full path so that names cannot collide."""
    absolute = photo.absolute()
    inner = absolute.relative_to(absolute.anchor)
    return folder / inner.with_name(inner.name + SIDECAR_SUFFIX)
