"""What can go wrong, in words for a user.

Every message names the thing, the reason and, where there is one, the way out.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LONGEST_REASON = 120


class PhotocapError(Exception):
    """The base of every error that photocap raises on purpose; its text is meant for the user."""

    exit_code = 1


class FileProblem(PhotocapError):
    """A problem with one file.

    Args:
        path: the file.
        reason: what is wrong, in plain words.
        hint: what the user can do about it.
    """

    def __init__(self, path: Path | str, reason: str, hint: str = "") -> None:
        self.path = Path(path)
        self.reason = reason
        self.hint = hint
        super().__init__(f"{printable(path)}: {reason}" + (f" ({hint})" if hint else ""))


class ReadError(FileProblem):
    """A photo or another input file cannot be read or decoded."""


@contextmanager
def as_read_error(path: Path) -> Iterator[None]:
    """Turn whatever goes wrong with a photo into a `ReadError`.

    Photos come from anywhere, and the code that takes them apart has faults nobody has found yet. A photo that meets
    one of them is a photo that cannot be read; the next photo is none the worse.

    Raises:
        ReadError: anything but photocap's own errors was raised inside.
    """
    try:
        yield
    except PhotocapError:
        raise
    except Exception as error:
        raise ReadError(path, unexpected(error)) from error


def unexpected(error: Exception) -> str:
    """Say of an error that nobody foresaw what happened, in one line."""
    if isinstance(error, MemoryError):
        return "there is not enough memory"
    said = " ".join(str(error).split())[:_LONGEST_REASON]
    return f"unexpected trouble ({type(error).__name__}{': ' if said else ''}{said})"


class WriteError(FileProblem):
    """A file cannot be written; what was there before is unchanged."""


class CaptionFileError(FileProblem):
    """A caption file holds nothing that can be used."""


class CheckpointError(FileProblem):
    """A model folder is missing, damaged, hostile or of another kind."""


class IndexNotFound(FileProblem):
    """There is no index where one is needed."""


class IndexUnusable(FileProblem):
    """The index file is damaged, of a newer version, or not photocap's."""


class IndexBusy(FileProblem):
    """Another process is writing to the index."""

    exit_code = 5


class QueryError(PhotocapError):
    """A query option cannot be honoured (query text itself never raises)."""


class TrainingError(PhotocapError):
    """Training cannot start or go on."""


def printable(path: Path | str) -> str:
    """Return a path as one safe line of text: control characters and stray bytes escaped."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
