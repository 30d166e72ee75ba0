"""What the walk leaves out: system folders, `.photocapignore` files and `--exclude` patterns."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

from pathspec import GitIgnoreSpec, Pattern

from photocap.system.regularfile import read_regular

IGNORE_FILE = ".photocapignore"
# Ignore files come with the folders, from anybody: what they cost per photo has to have a bound.
_MAX_FILE_BYTES = 64 << 10
_MAX_PATTERNS = 500
_MAX_PATTERN_LENGTH = 4096  # as long as a path can be
_MAX_DEEP_STARS = 3  # "**" in one pattern
_STAR = "[^/]*"  # what pathspec makes of "*"
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
    """Return whether a folder holds trash, thumbnails, caches or another program's own files."""
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
        return cls(((root, _spec(lines)),) if lines else ())

    def inside(self, folder: str, names: AbstractSet[str]) -> Rules:
        """Return the rules that hold inside a folder with these names in it.

        Raises:
            ValueError: its ignore file cannot be read or understood.
        """
        if IGNORE_FILE not in names:
            return self
        try:
            data, _ = read_regular(Path(folder, IGNORE_FILE), limit_bytes=_MAX_FILE_BYTES)
        except OSError as error:
            raise ValueError(error.strerror) from error
        return Rules((*self.specs, (folder, _spec(data.decode("utf-8", "replace").splitlines()))))

    def leave_out(self, path: str, *, is_folder: bool) -> bool:
        """Return whether a path is to be left out; as with git, the innermost rule that speaks of it decides."""
        for base, spec in reversed(self.specs):
            inner = os.path.relpath(path, base) + ("/" if is_folder else "")
            verdict = spec.check_file(inner).include
            if verdict is not None:
                return verdict
        return False

    def __bool__(self) -> bool:
        return bool(self.specs)


def _spec(lines: list[str]) -> GitIgnoreSpec:
    """Return the patterns of an ignore file.

    Raises:
        ValueError: there are too many, or one is too long or cannot be understood.
    """
    if len(lines) > _MAX_PATTERNS:
        raise ValueError(f"more than {_MAX_PATTERNS} lines")
    if any(len(line) > _MAX_PATTERN_LENGTH for line in lines):
        raise ValueError(f"a line of more than {_MAX_PATTERN_LENGTH:,} characters")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of `re`, about brackets inside of brackets
            return GitIgnoreSpec.from_lines(lines, _pattern)
    except re.error as error:
        raise ValueError(f"a pattern is no pattern ({error})") from error


def _pattern(line: str) -> Pattern:
    (pattern,) = GitIgnoreSpec.from_lines([line]).patterns
    regex = getattr(pattern, "regex", None)
    if regex is not None:
        pattern.regex = re.compile(_linear(regex.pattern))
    return pattern


def _linear(regex: str) -> str:
    """Return an expression that matches the same names without going back over its stars.

    As `a*a*a*b` stands, Python tries every way to share a name out among the stars, which takes years. The first place
    where the text after a star fits is as good as any later one, so it is kept; `fnmatch` does the same.

    Raises:
        ValueError: it has too many "**", which the same cannot be done for.
    """
    if regex.count(".+") > _MAX_DEEP_STARS:
        raise ValueError(f"a pattern with more than {_MAX_DEEP_STARS} **")
    first, *between = regex.split(_STAR)
    if not between:
        return regex
    *between, last = between
    parts = [first]
    for number, text in enumerate(between):
        if "/" in text.replace("[^/]", ""):  # the next star belongs to another folder
            parts.append(_STAR + text)
        elif text:
            parts.append(f"(?=(?P<star{number}>{_STAR}?{text}))(?P=star{number})")
    return "".join([*parts, _STAR, last])
