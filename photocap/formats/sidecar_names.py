"""The names of files that say something about the photo beside them: XMP sidecars, Takeout's JSON, text, lists.

Upper and lower case do not count, nor how accents are composed, since cameras, programs and file systems disagree about
them.
"""

from __future__ import annotations

import os
import re
import threading
import unicodedata
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from photocap.formats.base import FileKind
from photocap.formats.detect import kind_of

SIDECAR_SUFFIX = ".xmp"
_TEXT_SUFFIX = ".txt"
_JSON_SUFFIX = ".json"
SUFFIXES_ABOUT_PHOTOS = (SIDECAR_SUFFIX, _TEXT_SUFFIX, _JSON_SUFFIX)
DESCRIPT_ION = "descript.ion"
COMMENTS_FOLDER = ".comments"  # of gThumb, with an XML file for each photo
_LISTS = (DESCRIPT_ION, ".picasa.ini", "picasa.ini")
NAMES_ABOUT_FOLDERS = (*_LISTS, COMMENTS_FOLDER)
_OWNERS = (FileKind.PICTURE, FileKind.RAW, FileKind.VIDEO)
_NUMBERED = re.compile(r"(.+)(\(\d+\))(\.[^.]+)")  # how Takeout tells photos of one name apart
_EDITED = re.compile(r"(.+)-(?:edited|bearbeitet|modifié|editado|modificato)(\(\d+\))?(\.[^.]+)", re.IGNORECASE)
_TAKEOUT_CHARACTERS = 46  # longer names are cut, before ".json"
_TAKEOUT_MARK = ".supplemental-metadata"  # often cut, also where the name is short
_FOLDERS_KEPT = 16


@dataclass(frozen=True, kw_only=True)
class Beside:
    """The names beside a photo that may say something about it.

    Attributes:
        full: sidecars named after the whole name, `IMG.JPG.xmp`; they are the photo's alone.
        stem: sidecars named after the stem, `IMG.xmp`; whose they are depends on `rivals` and on what they say.
        rivals: other pictures, raw files and videos of the same stem.
        takeout: the JSON files of Google Takeout.
        loose_json: JSON files named after the stem, which are any program's.
        texts: plain text files named after the photo.
        lists: files that describe all photos of the folder, and gThumb's about this one.
    """

    full: tuple[Path, ...] = ()
    stem: tuple[Path, ...] = ()
    rivals: tuple[Path, ...] = ()
    takeout: tuple[Path, ...] = ()
    loose_json: tuple[Path, ...] = ()
    texts: tuple[Path, ...] = ()
    lists: tuple[Path, ...] = ()


def folded(name: str) -> str:
    """Return a name in the form in which names are compared."""
    return name.lower() if name.isascii() else unicodedata.normalize("NFC", name).lower()


def names_about(photo_name: str) -> list[str]:
    """Return, folded, what the files may be called that say something about a photo."""
    stem = os.path.splitext(photo_name)[0]
    names = [name + suffix for suffix in (SIDECAR_SUFFIX, _TEXT_SUFFIX) for name in (photo_name, stem)]
    named = (folded(name) for name in (*names, stem + _JSON_SUFFIX, *takeout_names(photo_name)))
    return list(dict.fromkeys((*named, *NAMES_ABOUT_FOLDERS)))


def takeout_names(photo_name: str) -> list[str]:
    """Return what Google Takeout may call the JSON file of a photo."""
    edited = _EDITED.fullmatch(photo_name)
    original = f"{edited[1]}{edited[2] or ''}{edited[3]}" if edited else photo_name
    numbered = _NUMBERED.fullmatch(original)
    bare, number = (numbered[1] + numbered[3], numbered[2]) if numbered else (original, "")
    bases = [(bare + _TAKEOUT_MARK[:length])[:_TAKEOUT_CHARACTERS] for length in range(len(_TAKEOUT_MARK) + 1)]
    return list(dict.fromkeys(f"{base}{number}{_JSON_SUFFIX}" for base in bases))


class FolderNames:
    """What lies in the folders of a run; each is listed once, however many photos are in it.

    Safe to use from several threads. A run makes its own, so that it sees the folders as they are.

    Args:
        roots: the folders and photos of the run; empty: each photo's own folder is all that is known of the library.
    """

    def __init__(self, roots: Sequence[Path] = ()) -> None:
        self._roots = [_library_of(root) for root in roots]
        self._folders: OrderedDict[Path, _Listing] = OrderedDict()
        self._lock = threading.Lock()

    def beside(self, photo: Path) -> Beside:
        """Return what lies beside a photo.

        Raises:
            OSError: the folder cannot be listed.
        """
        with self._lock:
            listing = self._folders.get(photo.parent)
            if listing is None:
                listing = self._folders[photo.parent] = _Listing(os.listdir(photo.parent))
                if len(self._folders) > _FOLDERS_KEPT:
                    self._folders.popitem(last=False)
        return listing.beside(photo)

    def forget(self, folder: Path) -> None:
        """List a folder again when it is next asked for, since files were made in it."""
        with self._lock:
            self._folders.pop(folder, None)

    def holds(self, photo: Path, target: Path) -> bool:
        """Return whether a file lies in the library of a photo: below a root, or in or below the photo's folder."""
        folders = [*self._roots, _library_of(photo), _library_of(photo.parent)]
        return any(target.is_relative_to(folder) for folder in folders)


def _library_of(root: Path) -> Path:
    real = Path(os.path.realpath(root))
    return real if real.is_dir() else real.parent


class _Listing:
    """The names in one folder, found by name and by stem, both folded."""

    def __init__(self, names: Iterable[str]) -> None:
        self._by_name: dict[str, list[str]] = {}
        self._by_stem: dict[str, list[str]] = {}
        for name in names:
            self._by_name.setdefault(folded(name), []).append(name)
            if kind_of(name) in _OWNERS:
                self._by_stem.setdefault(folded(os.path.splitext(name)[0]), []).append(name)

    def beside(self, photo: Path) -> Beside:
        name, stem = photo.name, os.path.splitext(photo.name)[0]
        rivals = [rival for rival in self._by_stem.get(folded(stem), []) if rival != name]
        return Beside(
            full=self._found(photo, [name + SIDECAR_SUFFIX]),
            stem=self._found(photo, [stem + SIDECAR_SUFFIX]),
            rivals=tuple(photo.with_name(rival) for rival in rivals),
            takeout=self._found(photo, takeout_names(name)),
            loose_json=self._found(photo, [stem + _JSON_SUFFIX]),
            texts=self._found(photo, [name + _TEXT_SUFFIX, stem + _TEXT_SUFFIX]),
            lists=self._lists(photo),
        )

    def _lists(self, photo: Path) -> tuple[Path, ...]:
        lists = [photo.with_name(found) for name in _LISTS for found in self._by_name.get(name, [])]
        folders = self._by_name.get(COMMENTS_FOLDER, [])
        return (*lists, *(photo.parent / folder / f"{photo.name}.xml" for folder in folders))

    def _found(self, photo: Path, wanted: list[str]) -> tuple[Path, ...]:
        """Return the files of these names, those in the photo's own case first."""
        found = dict.fromkeys(name for want in wanted for name in self._by_name.get(folded(want), []))
        mine = [name for name in found if not self._is_of_a_namesake(photo.name, name)]
        return tuple(photo.with_name(name) for name in sorted(mine, key=lambda name: name not in wanted))

    def _is_of_a_namesake(self, photo_name: str, name: str) -> bool:
        """Return whether a file is named after another photo whose name is the same when folded."""
        owner = os.path.splitext(name)[0]
        return owner != photo_name and folded(owner) == folded(photo_name) and owner in self._by_name[folded(owner)]
