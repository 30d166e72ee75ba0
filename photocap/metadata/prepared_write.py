"""A caption that is planned, verified and laid down beside the files it changes; one rename each puts it in place."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from photocap.errors import ReadError, WriteError
from photocap.metadata.captions import FoundCaption
from photocap.records import UndoRecord, Written
from photocap.system.atomicfile import ChangedMeanwhile, Replacement


@dataclass(kw_only=True)
class PreparedWrite:
    """A caption that is ready to be put in place by `commit`, or dropped by `discard`.

    Attributes:
        path: the photo.
        found: the captions that were there before.
        after: the caption that other programs would show after the commit.
        written: where photocap's caption stands after the commit.
        reason: why the caption is not in the photo, or why nothing is written; empty where it was embedded.
        undo: what takes the write back: one record for each file it changes (a photo, a sidecar, both or none).
    """

    path: Path
    found: FoundCaption
    after: str | None
    written: Written
    reason: str = ""
    undo: tuple[UndoRecord, ...] = ()
    _target: Path | None = None
    _replacements: list[Replacement] = field(default_factory=list)

    @property
    def before(self) -> str | None:
        """Return the caption that was there before."""
        return self.found.text

    @property
    def changes_files(self) -> bool:
        """Return whether `commit` has anything to do."""
        return bool(self.undo)

    def commit(self) -> os.stat_result:
        """Put the new files in place and return the photo's stat.

        Raises:
            WriteError: a file changed meanwhile or cannot be replaced; it stands as it was.
        """
        result: os.stat_result | None = None
        while self._replacements:
            replacement = self._replacements.pop(0)
            try:
                done = replacement.commit()
            except OSError as error:
                self.discard()
                raise write_error_of(replacement.path, error) from error
            if replacement.path == self._target:
                result = done
        try:
            return result if result is not None else self.path.stat()
        except OSError as error:
            raise ReadError(self.path, reason_of(error)) from error

    def discard(self) -> None:
        """Remove what was prepared; the photo stays as it is."""
        while self._replacements:
            self._replacements.pop().discard()


def reason_of(error: Exception) -> str:
    """Return why something failed, without the number and the path that an `OSError` adds."""
    return getattr(error, "strerror", None) or str(error)


def write_error_of(path: Path, error: OSError) -> WriteError:
    """Return what a person is told about a file that cannot be replaced."""
    if isinstance(error, ChangedMeanwhile):
        return WriteError(path, "it changed meanwhile and was left alone", "run the same command again")
    if isinstance(error, PermissionError):
        return WriteError(path, reason_of(error), "choose another place with --sidecar-dir")
    return WriteError(path, reason_of(error))
