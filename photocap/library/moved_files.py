"""Find the writes of the journal again where their files are now: moved, renamed, remounted or copied.

The journal names files by path. A file that is elsewhere is recognised by its picture, and a write to it by what it
left: only a file that is as the write left it is taken for the one that was written to.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from photocap.errors import FileProblem
from photocap.formats.sidecar_names import SIDECAR_SUFFIX
from photocap.index import PhotoIndex, UndoRow
from photocap.library.file_writes import is_as_indexed
from photocap.metadata import PatchError, is_sidecar, matches_after
from photocap.photos import find_photos, picture_hash
from photocap.records import Written
from photocap.system.regularfile import MAX_PHOTO_BYTES, read_regular


@dataclass(frozen=True)
class JournaledFile:
    """A file that photocap wrote to, where it is now.

    Attributes:
        path: the file.
        photo: the photo that it is or belongs to, where it is now; None where no photo is known.
        rows: its writes, the newest first, with this path in place of the one in the journal.
        is_copy: the file that was written to is still there; this is another one with the same content.
    """

    path: Path
    photo: Path | None
    rows: Sequence[UndoRow]
    is_copy: bool = False


def journaled_files(index: PhotoIndex, paths: Sequence[Path], run_id: int | None) -> list[JournaledFile]:
    """Return the files with writes to take back, in order of path.

    Args:
        index: holds the journal.
        paths: photos, sidecars and folders, absolute; none means all.
        run_id: only what this run wrote.
    """
    by_path: dict[Path, dict[int, UndoRow]] = {}
    # The journal names files without links, and photos as the index knows them.
    for asked in [[path, path.resolve()] for path in paths] or [[]]:
        for row in index.undo.rows(asked, run_id):
            by_path.setdefault(row.record.path, {})[row.id] = row
    if paths:
        named = {row.record.photo for rows in by_path.values() for row in rows.values()} | set(by_path)
        moved = list(_moved(index, unknown_photos(index, paths, named), run_id))
    else:
        moved = list(_moved_known(index, by_path))
    taken = {row.id for file in moved if not file.is_copy for row in file.rows}
    here = [
        JournaledFile(path, rows[0].record.photo, rows)
        for path, found in by_path.items()
        if (rows := [row for _, row in sorted(found.items(), reverse=True) if row.id not in taken])
    ]
    return sorted([*here, *moved], key=lambda file: file.path)


def unknown_photos(index: PhotoIndex, paths: Iterable[Path], known: Iterable[Path | None]) -> Iterator[Path]:
    """Yield the photos at and below paths that may hold what photocap wrote though the journal does not name them.

    Args:
        index: knows which photos lie untouched where they were.
        paths: files and folders.
        known: the photos and files that the journal names.
    """
    named = set(known)
    for path in paths:
        if is_sidecar(path):
            continue
        for photo in find_photos([path]):
            state = index.photos.file_state(photo.path)
            is_untouched = state is not None and state.written is Written.NONE and is_as_indexed(state, photo.path)
            if not is_untouched and photo.path not in named and photo.path.resolve() not in named:
                yield photo.path


def _moved_known(index: PhotoIndex, by_path: dict[Path, dict[int, UndoRow]]) -> Iterator[JournaledFile]:
    """Yield files that are gone from where they were written to, and that the index knows elsewhere."""
    gone = {
        row.record.photo
        for path, rows in by_path.items()
        if not os.path.lexists(path)
        for row in rows.values()
        if row.record.photo
    }
    places = {
        place
        for photo in gone
        if (row := index.photos.get(photo)) and row.picture_hash
        for place in _paths_of(index, row.picture_hash)
    }
    yield from _moved(index, sorted(place for place in places - gone if os.path.lexists(place)), None)


def _moved(index: PhotoIndex, photos: Iterable[Path], run_id: int | None) -> Iterator[JournaledFile]:
    kind = index.photos.hash_kind()
    claimed: set[Path] = set()  # of several photos with one picture, each is another of those that are gone
    for photo in photos:
        try:
            former = [path for path in _paths_of(index, picture_hash(photo, kind=kind)) if path != photo]
        except FileProblem:  # it cannot be read, so nothing can be taken back
            continue
        for place in sorted(former, key=lambda path: _likelihood(path, photo, claimed)):
            if found := list(_files_of(index, photo, place, run_id, is_claimed=place in claimed)):
                yield from found
                claimed.add(place)
                break


def _likelihood(former: Path, photo: Path, claimed: set[Path]) -> tuple[bool, bool, bool]:
    """Return what puts the places in order where a photo may have been, the likeliest first."""
    return (former in claimed, os.path.lexists(former), former.name != photo.name)


def _paths_of(index: PhotoIndex, hash_: str) -> tuple[Path, ...]:
    known = index.photos.find_picture(hash_)
    return known.paths if known else ()


def _files_of(
    index: PhotoIndex, photo: Path, former: Path, run_id: int | None, *, is_claimed: bool
) -> Iterator[JournaledFile]:
    """Yield the photo and its sidecars with the writes that were made when the photo was at `former`.

    Another photo may have been recognised as that one already: then this is a copy.
    """
    by_path: dict[Path, list[UndoRow]] = {}
    for row in index.undo.rows([former], run_id):
        if former in (row.record.photo, row.record.path):
            by_path.setdefault(row.record.path, []).append(row)
    for path, rows in by_path.items():
        for place in _places(path, photo, former):
            if _is_as_written(rows[0], place):
                there = [replace(row, record=replace(row.record, path=place)) for row in rows]
                is_copy = is_claimed or (place != path and os.path.lexists(path))
                yield JournaledFile(place, photo, there, is_copy=is_copy)
                break


def _places(path: Path, photo: Path, former: Path) -> list[Path]:
    """Return where a file may be now: beside the photo under its new name, or left behind."""
    if not is_sidecar(path):
        return [photo]
    moved_along = photo.with_name(photo.name + path.name[len(former.name) :])
    by_stem = photo.with_suffix(path.suffix)
    beside = [moved_along] if path.name.startswith(former.name) else [by_stem]
    left_behind = [] if os.path.lexists(former) else [path]
    return [*beside, photo.with_name(photo.name + SIDECAR_SUFFIX), *left_behind]


def _is_as_written(row: UndoRow, path: Path) -> bool:
    try:
        data, _ = read_regular(path, limit_bytes=MAX_PHOTO_BYTES)
        return matches_after(row.record, data)
    except (OSError, PatchError):
        return False
