"""Find the photos of a library.

Nothing is opened: one listing and one stat for each photo. Folders are met in the order of their names, files before
folders, so that two runs over the same library see the same order.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from photocap.formats.base import FileKind
from photocap.formats.detect import kind_of
from photocap.formats.sidecar_names import NAMES_ABOUT_FOLDERS, SUFFIXES_ABOUT_PHOTOS, folded, names_about
from photocap.photos.ignore import IGNORE_FILE, Rules, is_system_folder
from photocap.photos.open import reason_of

_CACHE_TAG = "CACHEDIR.TAG"  # https://bford.info/cachedir/


@dataclass(frozen=True, kw_only=True)
class PhotoFile:
    """A photo as the walk met it.

    Attributes:
        path: absolute path; links in it are kept as the user wrote them.
        companion: for a camera raw file, the picture of the same name beside it, which stands for it.
        sidecar_mtime_ns: of the newest XMP sidecar beside it; 0 where there is none.
    """

    path: Path
    size_bytes: int
    mtime_ns: int
    inode: int
    device: int
    companion: Path | None = None
    sidecar_mtime_ns: int = 0

    @property
    def newest_mtime_ns(self) -> int:
        """Return when the photo or what is said about it in a sidecar was last changed."""
        return max(self.mtime_ns, self.sidecar_mtime_ns)


class Skip(Enum):
    """Why something was passed by."""

    VIDEO = "video"
    HIDDEN = "hidden"
    SYSTEM = "system folder"
    IGNORED = "ignored"
    LINK = "link"
    LOOP = "folder met before"
    OTHER_FILE_SYSTEM = "other file system"
    UNREADABLE = "unreadable"
    GONE = "gone"


@dataclass(frozen=True)
class Skipped:
    """Something that the walk passed by; `error` says more where it is a problem."""

    path: Path
    why: Skip
    error: str = ""


@dataclass(frozen=True)
class WalkOptions:
    """What to leave out, and where to go.

    Attributes:
        exclude: patterns with the rules of .gitignore, counted from each root.
        follow_links: enter folders and take files that are symbolic links.
        one_file_system: stay on the file system that a root lies on.
    """

    exclude: tuple[str, ...] = ()
    follow_links: bool = False
    one_file_system: bool = False


def find_photos(
    roots: Iterable[Path], options: WalkOptions = WalkOptions(), *, on_skip: Callable[[Skipped], None] = lambda _: None
) -> Iterator[PhotoFile]:
    """Yield the photos at and below `roots`, each once, however the roots overlap.

    A root that is a file is taken whatever it is called; a root that is a link is followed.
    """
    walk = _Walk(options, outermost(roots), on_skip)
    for root in walk.roots:
        yield from walk.root(root)


def outermost(roots: Iterable[Path | str]) -> list[Path]:
    """Return the roots as absolute paths in order, without those that lie inside another one."""
    found: list[Path] = []
    for root in sorted({Path(os.path.abspath(root)) for root in roots}):
        if not any(outer in root.parents for outer in found):
            found.append(root)
    return found


class _Walk:
    def __init__(self, options: WalkOptions, roots: Sequence[Path], on_skip: Callable[[Skipped], None]) -> None:
        self.roots = roots
        self._options = options
        self._on_skip = on_skip
        self._real_roots = [os.path.realpath(root) for root in roots] if options.follow_links else []
        self._met: set[tuple[int, int]] = set()

    def root(self, path: Path) -> Iterator[PhotoFile]:
        try:
            status = path.stat()
        except OSError as error:
            gone = isinstance(error, (FileNotFoundError, NotADirectoryError))
            reason = "there is no such file or folder" if gone else reason_of(error)
            self._skip(os.fspath(path), Skip.GONE if gone else Skip.UNREADABLE, reason)
            return
        if stat.S_ISDIR(status.st_mode):
            yield from self._tree(os.fspath(path), status)
        elif kind_of(path) is FileKind.VIDEO:
            self._skip(os.fspath(path), Skip.VIDEO)
        else:
            yield _photo_file(os.fspath(path), status, sidecar_mtime_ns=newest_sidecar_mtime_ns(path))

    def _tree(self, root: str, status: os.stat_result) -> Iterator[PhotoFile]:
        waiting = [(root, Rules.of_root(root, self._options.exclude))]
        self._met.add((status.st_dev, status.st_ino))
        while waiting:
            folder, rules = waiting.pop()
            try:
                with os.scandir(folder) as listing:
                    entries = sorted(listing, key=lambda entry: entry.name)
                names = {entry.name for entry in entries}
                rules = rules.inside(folder, names)
            except (OSError, ValueError) as error:  # ValueError: an ignore file with a pattern that is none
                self._skip(folder, Skip.UNREADABLE, _folder_reason(error))
                continue
            if _CACHE_TAG in names and folder != root:
                self._skip(folder, Skip.SYSTEM)
                continue
            folders: list[str] = []
            yield from self._folder(entries, rules, status.st_dev, folders)
            waiting += [(inner, rules) for inner in reversed(folders)]

    def _folder(
        self, entries: list[os.DirEntry[str]], rules: Rules, device: int, folders: list[str]
    ) -> Iterator[PhotoFile]:
        """Yield the photos of one folder; put the folders to enter next into `folders`."""
        companions: dict[str, str] | None = None
        about = _files_about_photos(entries)
        for entry in entries:
            try:
                if entry.name.startswith("."):
                    self._skip(entry.path, Skip.HIDDEN)
                elif entry.is_dir(follow_symlinks=self._options.follow_links):
                    if self._may_enter(entry, rules, device):
                        folders.append(entry.path)
                elif (kind := kind_of(entry.name)) is FileKind.VIDEO:
                    self._skip(entry.path, Skip.VIDEO)
                elif kind is not FileKind.OTHER and (status := self._status_to_take(entry, rules)):
                    companion = None
                    if kind is FileKind.RAW:
                        companions = _pictures_by_stem(entries) if companions is None else companions
                        companion = companions.get(_stem(entry.name))
                    newest = _newest_ns(about, entry.name) if about else 0
                    yield _photo_file(entry.path, status, companion, newest)
            except OSError as error:
                self._skip(entry.path, Skip.UNREADABLE, reason_of(error))

    def _status_to_take(self, entry: os.DirEntry[str], rules: Rules) -> os.stat_result | None:
        """Return the stat of a file that is to be taken, None for one that is not."""
        if rules and rules.leave_out(entry.path, is_folder=False):
            self._skip(entry.path, Skip.IGNORED)
            return None
        linked = entry.is_symlink()
        if linked and not self._options.follow_links:
            self._skip(entry.path, Skip.LINK)
            return None
        status = entry.stat()
        if not stat.S_ISREG(status.st_mode):
            return None
        if linked and self._is_met_otherwise(entry.path, status):
            self._skip(entry.path, Skip.LINK)
            return None
        return status

    def _is_met_otherwise(self, link: str, status: os.stat_result) -> bool:
        """Return whether a link's target is inside a root anyway, or the target of a link met before."""
        target = os.path.realpath(link)
        if any(target.startswith(root + os.sep) for root in self._real_roots):
            return True
        return not self._is_first_visit(status)

    def _may_enter(self, entry: os.DirEntry[str], rules: Rules, device: int) -> bool:
        if is_system_folder(entry.name):
            self._skip(entry.path, Skip.SYSTEM)
        elif rules and rules.leave_out(entry.path, is_folder=True):
            self._skip(entry.path, Skip.IGNORED)
        else:
            status = entry.stat()
            if self._options.one_file_system and status.st_dev != device:
                self._skip(entry.path, Skip.OTHER_FILE_SYSTEM)
            elif not self._is_first_visit(status):
                self._skip(entry.path, Skip.LOOP)
            else:
                return True
        return False

    def _is_first_visit(self, status: os.stat_result) -> bool:
        identity = (status.st_dev, status.st_ino)
        if not self._options.follow_links:  # without links every folder is met once
            return True
        first = identity not in self._met
        self._met.add(identity)
        return first

    def _skip(self, path: str, why: Skip, error: str = "") -> None:
        self._on_skip(Skipped(Path(path), why, error))


def newest_sidecar_mtime_ns(photo: Path) -> int:
    """Return the modification time of the newest file beside a photo that says something about it; 0 without any."""
    try:
        with os.scandir(photo.parent) as listing:
            return _newest_ns(_files_about_photos(list(listing)), photo.name)
    except OSError:
        return 0


def _files_about_photos(entries: Iterable[os.DirEntry[str]]) -> dict[str, list[os.DirEntry[str]]]:
    """Return the sidecars and the like among the files of a folder, by folded name."""
    found: dict[str, list[os.DirEntry[str]]] = {}
    for entry in entries:
        name = folded(entry.name)
        if name.endswith(SUFFIXES_ABOUT_PHOTOS) or name in NAMES_ABOUT_FOLDERS:
            found.setdefault(name, []).append(entry)
    return found


def _newest_ns(about: dict[str, list[os.DirEntry[str]]], photo_name: str) -> int:
    found = [entry for name in names_about(photo_name) for entry in about.get(name, [])] if about else []
    newest = 0
    for entry in found:
        with contextlib.suppress(OSError):
            newest = max(newest, entry.stat().st_mtime_ns)
    return newest


def _photo_file(
    path: str, status: os.stat_result, companion: str | None = None, sidecar_mtime_ns: int = 0
) -> PhotoFile:
    return PhotoFile(
        path=Path(path),
        size_bytes=status.st_size,
        mtime_ns=status.st_mtime_ns,
        inode=status.st_ino,
        device=status.st_dev,
        companion=Path(companion) if companion else None,
        sidecar_mtime_ns=sidecar_mtime_ns,
    )


def _pictures_by_stem(entries: Iterable[os.DirEntry[str]]) -> dict[str, str]:
    return {_stem(entry.name): entry.path for entry in entries if kind_of(entry.name) is FileKind.PICTURE}


def _stem(name: str) -> str:
    return os.path.splitext(name)[0].lower()


def _folder_reason(error: OSError | ValueError) -> str:
    if isinstance(error, PermissionError):
        return "no permission to look into this folder"
    return reason_of(error) if isinstance(error, OSError) else f"its {IGNORE_FILE} cannot be understood: {error}"
