"""A photo and what lies beside it, each file read whole, with the stat by which a later change is noticed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from photocap.errors import ReadError
from photocap.formats.sidecar_names import Beside, FolderNames
from photocap.metadata.neighbours import takeout_words
from photocap.metadata.sidecar import Ownership, StemSidecar, ownership, sidecar_under
from photocap.metadata.xml import XmlError
from photocap.metadata.xmp import SIDECAR_FOR, Packet
from photocap.system.regularfile import MAX_PHOTO_BYTES, MAX_SIDECAR_BYTES, read_regular

_MAX_TEXT_BYTES = 64 << 10
_MAX_LIST_BYTES = 4 << 20
_MAX_TAKEOUT_BYTES = 1 << 20  # a JSON of brackets takes a hundred times as much memory


@dataclass(frozen=True)
class OpenedFile:
    """A file as it was read.

    Attributes:
        path: as it was asked for.
        target: without links.
        data: all its bytes.
        stat: taken before reading, so that whatever happens after it is noticed.
    """

    path: Path
    target: Path
    data: bytes
    stat: os.stat_result


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """The files that say something about a photo.

    Attributes:
        own: its sidecars, the most particular first.
        shared: sidecars whose words may be about it, and that are not written for it.
        takeout: JSON files of Google Takeout.
        texts: plain text files.
        lists: files that describe several photos or are kept in a folder of their own.
        beside: the names that lie beside it.
        problems: why one of them could not be read.
    """

    own: Mapping[Path, OpenedFile] = field(default_factory=dict)
    shared: Mapping[Path, OpenedFile] = field(default_factory=dict)
    takeout: tuple[OpenedFile, ...] = ()
    texts: tuple[OpenedFile, ...] = ()
    lists: tuple[OpenedFile, ...] = ()
    beside: Beside = field(default_factory=Beside)
    problems: tuple[str, ...] = ()


def open_file(path: Path, *, limit_bytes: int = MAX_PHOTO_BYTES) -> OpenedFile:
    """Read a file.

    Raises:
        ReadError: it is not there, no regular file, too large, or cannot be read.
    """
    try:
        target = path.resolve(strict=True)
        data, like = read_regular(target, limit_bytes=limit_bytes)
        return OpenedFile(path, target, data, like)
    except (OSError, RuntimeError) as error:  # RuntimeError: links that lead in a circle, on Python below 3.13
        raise ReadError(path, getattr(error, "strerror", None) or str(error)) from error


def open_surroundings(photo: Path, sidecar_dir: Path | None, names: FolderNames) -> Surroundings:
    """Read what lies beside a photo; what cannot be read is noted, since it may hold a person's words.

    Args:
        photo: the photo.
        sidecar_dir: where sidecars are kept besides.
        names: knows what lies in folders.

    Raises:
        ReadError: the folder cannot be listed.
    """
    try:
        beside = names.beside(photo)
    except OSError as error:
        raise ReadError(photo, f"its sidecars cannot be looked for: {error.strerror or error}") from error
    problems: list[str] = []
    kept = [sidecar_under(photo, sidecar_dir)] if sidecar_dir is not None else []
    own = _opened([*kept, *_inside(photo, beside.full, names, problems)], MAX_SIDECAR_BYTES, problems)
    shared: dict[Path, OpenedFile] = {}
    stem = _inside(photo, beside.stem, names, problems)
    for path, sidecar in _opened(stem, MAX_SIDECAR_BYTES, problems).items():
        whose = ownership(photo, StemSidecar(path, _made_for(sidecar)), beside.rivals)
        if whose is Ownership.OWN and not any(sidecar.target == other.target for other in own.values()):
            own[path] = sidecar
        elif whose is Ownership.SHARED:
            shared[path] = sidecar
    return Surroundings(
        own=own,
        shared=shared,
        takeout=(*_opened(beside.takeout, _MAX_TAKEOUT_BYTES, problems).values(), *_takeout_among(beside.loose_json)),
        texts=tuple(_opened(beside.texts, _MAX_TEXT_BYTES, []).values()),
        lists=tuple(_opened(beside.lists, _MAX_LIST_BYTES, problems).values()),
        beside=beside,
        problems=tuple(problems),
    )


def _inside(photo: Path, paths: Iterable[Path], names: FolderNames, problems: list[str]) -> list[Path]:
    """Return the sidecars that are no links out of the library: through those another file would be written to."""
    found = []
    for path in paths:
        if path.is_symlink() and not names.holds(photo, Path(os.path.realpath(path))):
            problems.append(f"{path.name} is a link to a file outside the library")
        else:
            found.append(path)
    return found


def _opened(paths: Iterable[Path], limit_bytes: int, problems: list[str]) -> dict[Path, OpenedFile]:
    """Read those that are there, each once; on file systems that ignore case two names may be one file."""
    found: dict[Path, OpenedFile] = {}
    for path in paths:
        if not path.is_file():
            continue
        try:
            data, status = read_regular(path, limit_bytes=limit_bytes)
            if not any(os.path.samestat(status, other.stat) for other in found.values()):
                found[path] = OpenedFile(path, path.resolve(), data, status)
        except OSError as error:
            problems.append(f"{path.name} cannot be read: {error.strerror or error}")
    return found


def _takeout_among(paths: Iterable[Path]) -> list[OpenedFile]:
    """Return those of some JSON files that say something of a photo; what the others are, nobody knows."""
    files = _opened(paths, _MAX_TAKEOUT_BYTES, []).values()
    return [file for file in files if (words := takeout_words(file.data)).description or words.people]


def _made_for(sidecar: OpenedFile) -> str:
    """Return for which ending a sidecar says that it is; empty where it does not say or cannot be read."""
    try:
        return (Packet(sidecar.data).text(SIDECAR_FOR) or "").strip()
    except XmlError:
        return ""
