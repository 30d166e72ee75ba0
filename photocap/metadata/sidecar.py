"""Sidecar files: where they stand, and which of them belongs to a photo."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

_SUFFIXES = (".xmp", ".XMP")


def existing_sidecars(photo: Path, sidecar_dir: Path | None = None) -> list[Path]:
    """Return the sidecars a photo has, the most particular first.

    `IMG.JPG.xmp` (darktable, digiKam, Immich) belongs to one photo. `IMG.xmp` (Adobe) belongs to it only where no
    other file shares the stem, since of a raw and its JPEG it is the raw's.
    """
    found = []
    if sidecar_dir is not None:
        found.append(sidecar_under(photo, sidecar_dir))
    found += [photo.with_name(photo.name + suffix) for suffix in _SUFFIXES]
    found = [path for path in found if path.is_file()]
    adobe = [path for path in (photo.with_suffix(suffix) for suffix in _SUFFIXES) if path.is_file()]
    if adobe and not _shares_stem(photo):
        found += adobe
    return _without_repeats(found)


def sidecar_for(photo: Path, existing: Iterable[Path], sidecar_dir: Path | None = None) -> Path:
    """Return the sidecar to write: one that exists, else `NAME.EXT.xmp`."""
    if sidecar_dir is not None:
        return sidecar_under(photo, sidecar_dir)
    return next(iter(existing), photo.with_name(photo.name + ".xmp"))


def sidecar_under(photo: Path, sidecar_dir: Path) -> Path:
    """Return the sidecar under a folder of its own, by the photo's full path so that names cannot collide."""
    absolute = photo.absolute()
    inner = absolute.relative_to(absolute.anchor)
    return sidecar_dir / inner.with_name(inner.name + ".xmp")


def _shares_stem(photo: Path) -> bool:
    others = (other for other in photo.parent.iterdir() if other.stem == photo.stem)
    return any(other.name != photo.name and other.suffix.lower() != ".xmp" for other in others)


def _without_repeats(paths: list[Path]) -> list[Path]:
    """Return the paths without those that name the same file (on file systems that ignore case)."""
    found: list[Path] = []
    for path in paths:
        if not any(path.samefile(other) for other in found):
            found.append(path)
    return found
