"""Sidecar files: where they stand, and which of them belongs to a photo."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

_SUFFIXES = (".xmp", ".XMP")
# What Adobe programs name a sidecar after: pictures, camera raw files and videos (those that `photos` knows).
_OWNERS = (
    "3fr 3g2 3gp apng ari arw asf avi avif bay bmp cr2 cr3 crw dcr dng erf fff flv gif gpr heic heif hif iiq j2k jfif "
    "jp2 jpe jpeg jpg jxl k25 kdc m2ts m4v mef mkv mos mov mp4 mpeg mpg mpo mrw mts mxf nef nrw ogv orf pef png raf "
    "raw rw2 rwl sr2 srf srw tif tiff vob webm webp wmv x3f"
)


def existing_sidecars(photo: Path, sidecar_dir: Path | None = None) -> list[Path]:
    """Return the sidecars a photo has, the most particular first.

    `IMG.JPG.xmp` (darktable, digiKam, Immich) belongs to one photo. `IMG.xmp` (Adobe) belongs to it only where no
    other picture or video shares the stem, since of a raw and its JPEG it is the raw's.
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


def is_sidecar(path: Path) -> bool:
    """Tell whether a file is a sidecar by its name."""
    return path.suffix in _SUFFIXES


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
    """Ask for each name that matters; listing the folder for every photo in it would take ages in a large one."""
    stem = os.fspath(photo.with_suffix(""))
    names = (f"{stem}.{ending}" for owner in _OWNERS.split() for ending in (owner, owner.upper()))
    return any(os.path.exists(name) and not os.path.samefile(name, photo) for name in names)


def _without_repeats(paths: list[Path]) -> list[Path]:
    """Return the paths without those that name the same file (on file systems that ignore case)."""
    found: list[Path] = []
    for path in paths:
        if not any(path.samefile(other) for other in found):
            found.append(path)
    return found
