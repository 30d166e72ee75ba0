"""What the walk leaves out: system folders, `.photocapignore` files and `--exclude` patterns."""

from __future__ import annotations

import os
from collections.abc import Iterable, Set
from dataclasses import dataclass
from pathlib import Path

from pathspec import GitIgnoreSpec

IGNORE_FILE = ".photocapignore"
_SYSTEM_FOLDERS = frozenset(
    {
        "@eadir",
        "@recycle",
        "@tmp",
        "#recycle",
        "#snapshot",
        "$recycle.bin",
        "system volume information",
        "lost+found",
        "__macosx",
        "thumbnails",
        "thumbs",
        "trash",
        "trashes",
        "cache",
        "caches",
        "ipod photo cache",
    }
)
# Libraries that another program keeps: thumbnails without end, and files that it does not expect to change.
_LIBRARY_ENDINGS = (".photoslibrary", ".aplibrary", ".migratedphotolibrary", ".lrdata", ".lrlibrary")


def is_system_folder(name: str) -> bool:
    """Tell whether a folder holds trash, thumbnails, caches or another program's own files."""
    lower = name.lower()
    return lower in _SYSTEM_FOLDERS or lower.endswith(_LIBRARY_ENDINGS)


@dataclass(frozen=True)
class Rules:
    """Ignore rules that hold in a folder, the innermost last; each counts from the folder it stands in."""

    specs: tuple[tuple[str, GitIgnoreSpec], ...] = ()

    @classmethod
    def of_root(cls, root: str, exclude: Iterable[str]) -> Rules:
        """Make the rules of a root from `--exclude` patterns."""
        lines = list(exclude)
        return cls(((root, GitIgnoreSpec.from_lines(lines)),) if lines else ())

    def inside(self, folder: str, names: Set[str]) -> Rules:
        """Return the rules that hold inside a folder with these names in it."""
        if IGNORE_FILE not in names:
            return self
        lines = Path(folder, IGNORE_FILE).read_text(encoding="utf-8", errors="replace").splitlines()
        return Rules((*self.specs, (folder, GitIgnoreSpec.from_lines(lines))))

    def leave_out(self, path: str, *, is_folder: bool) -> bool:
        """Tell whether a path is to be left out; as with git, the innermost rule that speaks of it decides."""
        for base, spec in reversed(self.specs):
            inner = os.path.relpath(path, base) + ("/" if is_folder else "")
            verdict = spec.check_file(inner).include
            if verdict is not None:
                return verdict
        return False

    def __bool__(self) -> bool:
        return bool(self.specs)
