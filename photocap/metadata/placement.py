"""Where a caption goes: into the photo, into a sidecar, or into the index alone, with the reason."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, replace
from pathlib import Path

from photocap.errors import WriteError
from photocap.metadata.captions import Copy, FoundCaption, Origin, Place
from photocap.metadata.contents import Contents
from photocap.metadata.exiftool import ExifTool
from photocap.metadata.files import OpenedFile, Surroundings
from photocap.metadata.plan import CannotEmbed, NewContent, plan_embed, plan_sidecar
from photocap.metadata.policy import DryRun, Mtime, Scope, WriteOrder, WritePolicy
from photocap.metadata.prepared_write import PreparedWrite, reason_of, write_error_of
from photocap.metadata.sidecar import sidecar_for
from photocap.metadata.undo import PatchError, record_write
from photocap.metadata.xml import XmlError
from photocap.records import UndoRecord, Written
from photocap.system.atomicfile import Replacement
from photocap.system.file_attributes import CannotCarry


@dataclass(frozen=True)
class _FileChange:
    """One file to be replaced, or to be made where `opened` is None."""

    target: Path
    opened: OpenedFile | None
    new: NewContent


@dataclass(frozen=True)
class OpenedPhoto:
    """A photo, what lies beside it, and the captions that are there."""

    file: OpenedFile
    contents: Contents
    around: Surroundings
    found: FoundCaption


@dataclass(frozen=True, kw_only=True)
class Placement:
    """A caption that may be written.

    Attributes:
        photo: the photo.
        order: what is to be written.
        policy: where it may go.
        dry_run: YES lays nothing down.
        exiftool: writes the formats that are not spliced.
    """

    photo: OpenedPhoto
    order: WriteOrder
    policy: WritePolicy
    dry_run: DryRun
    exiftool: ExifTool | None

    def embed(self) -> PreparedWrite:
        """Prepare the photo itself, and its sidecars that hold a description; else a sidecar, with the reason."""
        try:
            check_replaceable(self.photo.file.target, self.photo.file.stat)
            new = plan_embed(self.photo.contents, self.order, exiftool=self.exiftool)
        except (CannotEmbed, PermissionError) as error:
            return self.write_sidecar(reason_of(error))
        try:
            changes = [self._sidecar_change(path) for path in self._sidecars_to_follow()]
            if new.edits:
                changes.append(_FileChange(self.photo.file.target, self.photo.file, new))
            return self._prepared(Written.EMBEDDED, "", changes)
        except (CannotCarry, PatchError, PermissionError) as error:
            return self.write_sidecar(reason_of(error))
        except CannotEmbed as error:  # a sidecar that would go on saying something else
            return self._index_only(str(error))

    def write_sidecar(self, reason: str) -> PreparedWrite:
        """Prepare a sidecar.

        Args:
            reason: why not the photo itself; empty where that was not asked for.
        """
        is_removal_elsewhere = self.order.scope is Scope.REMOVAL and reason
        if self.order.scope is not Scope.CAPTION and (is_removal_elsewhere or not self.photo.around.own):
            return self._index_only(reason)
        target = sidecar_for(
            self.photo.file.path,
            list(self.photo.around.own),
            self.photo.around.beside,
            folder=self.policy.sidecar_dir,
            naming=self.policy.sidecar_name,
        )
        try:
            stale = [path for path in self._sidecars_to_follow() if path != target]
            return self._prepared(Written.SIDECAR, reason, [self._sidecar_change(path) for path in (target, *stale)])
        except CannotEmbed as error:
            return self._index_only("; ".join(filter(None, (reason, str(error)))))
        except OSError as error:
            raise write_error_of(target, error) from error
        except PatchError as error:
            raise WriteError(target, str(error)) from error

    def _sidecars_to_follow(self) -> list[Path]:
        """Return the sidecars whose description has to say the same as the photo."""
        if not self.order.writes_caption:
            return []
        copies = [copy for copy in self.photo.found.copies if copy.place is Place.SIDECAR]
        people = {copy.path for copy in copies if self._is_kept(copy)}
        described = {copy.path for copy in copies if not copy.is_shared}
        return sorted(described - people)

    def _is_kept(self, copy: Copy) -> bool:
        return bool(self.order.kept) and copy.origin is not Origin.PHOTOCAP

    def _sidecar_change(self, path: Path) -> _FileChange:
        """Plan the new content of a sidecar.

        Raises:
            CannotEmbed: it may not be replaced, or it cannot be changed and a model's caption can do without it.
            WriteError: it cannot be changed, and a person wants it to be.
        """
        opened = self.photo.around.own.get(path)
        if opened is not None:
            _check_sidecar(path, opened)
        try:
            new = plan_sidecar(None if opened is None else opened.data, replace(self.order, kept=frozenset()))
        except XmlError as error:
            if self.order.signature is not None:
                raise CannotEmbed(f"its sidecar {path.name} cannot be changed: {error}") from error
            raise WriteError(path, f"this sidecar cannot be changed: {error}", "move it away or mend it") from error
        return _FileChange(path if opened is None else opened.target, opened, new)

    def _index_only(self, reason: str) -> PreparedWrite:
        found = self.photo.found
        return PreparedWrite(
            path=self.photo.file.path, found=found, after=found.text, written=Written.NONE, reason=reason
        )

    def _prepared(self, written: Written, reason: str, changes: list[_FileChange]) -> PreparedWrite:
        """Write the temporary files of all changes.

        Raises:
            CannotCarry: a new file could not be given what belongs to the old one.
            PatchError: a write could not be taken back.
            OSError: any other trouble, such as a full disk. In all cases nothing is left behind.
        """
        replacements: list[Replacement] = []
        changes = [change for change in changes if change.opened is None or change.new.edits]
        try:
            records = tuple(_undo_record(change, self.photo.file.path) for change in changes)
            if self.dry_run is DryRun.NO:
                replacements.extend(_replacement(change, self.policy, self.photo.file.stat) for change in changes)
        except BaseException:
            for replacement in replacements:
                replacement.discard()
            raise
        after = self.order.text if self.order.writes_caption else self.photo.found.text
        if not self.order.writes_caption:
            written = place_of(self.photo.found)
        return PreparedWrite(
            path=self.photo.file.path,
            found=self.photo.found,
            after=after,
            written=written,
            reason=reason,
            undo=records,
            _target=self.photo.file.target,
            _replacements=replacements,
        )


def _check_sidecar(path: Path, opened: OpenedFile) -> None:
    try:
        check_replaceable(opened.target, opened.stat)
    except CannotEmbed as error:
        raise CannotEmbed(f"its sidecar {path.name} is left alone: {error}") from error


def _undo_record(change: _FileChange, photo: Path) -> UndoRecord:
    old = None if change.opened is None else change.opened.data
    return record_write(change.target, old, change.new.data, change.new.edits, photo=photo, rewrite=change.new.rewrite)


def _replacement(change: _FileChange, policy: WritePolicy, photo: os.stat_result) -> Replacement:
    if change.opened is None:
        change.target.parent.mkdir(parents=True, exist_ok=True)
        return Replacement(change.target, change.new.data, beside=photo)
    kept_ns = change.opened.stat.st_mtime_ns if policy.mtime is Mtime.KEEP else None
    return Replacement(change.target, change.new.data, like=change.opened.stat, mtime_ns=kept_ns)


def check_replaceable(path: Path, like: os.stat_result) -> None:
    """Make sure that a file may be replaced by a new one.

    Raises:
        CannotEmbed: it is no regular file, read-only, or one of several names of a file, which would part ways.
    """
    if not stat.S_ISREG(like.st_mode):
        raise CannotEmbed("it is not a regular file")
    if like.st_nlink > 1:
        raise CannotEmbed(f"it has {like.st_nlink} hard links")
    if not like.st_mode & stat.S_IWUSR or not os.access(path, os.W_OK):
        raise CannotEmbed("it is read-only")


def place_of(found: FoundCaption) -> Written:
    """Return where a caption that stands already is."""
    embedded_copy = any(copy.place is not Place.SIDECAR for copy in found.copies)
    return Written.EMBEDDED if embedded_copy else Written.SIDECAR
