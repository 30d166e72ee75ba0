"""Write a caption: decide, plan in memory, verify, prepare on disk; then one rename.

The steps are apart so that a batch can be made safe together: prepare all, commit their undo records to the index
in one transaction, then commit each.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field, replace
from pathlib import Path

from photocap.errors import ReadError, WriteError, as_read_error
from photocap.formats.sidecar_names import FolderNames
from photocap.metadata.captions import MAIN_PLACES, NO_MEMORY, Copy, FoundCaption, Origin, Place, clean_text
from photocap.metadata.contents import Contents, parse_contents
from photocap.metadata.decision import NO_EXTRAS, STANDS_ALREADY, Extras, write_order
from photocap.metadata.exiftool import ExifTool
from photocap.metadata.files import OpenedFile, Surroundings, open_file, open_surroundings
from photocap.metadata.plan import CannotEmbed, NewContent, plan_embed, plan_sidecar
from photocap.metadata.policy import Also, DryRun, MetadataMode, Mtime, Scope, Signature, WriteOrder, WritePolicy
from photocap.metadata.reader import find_captions
from photocap.metadata.sidecar import sidecar_for
from photocap.metadata.signature import has_own_extras
from photocap.metadata.undo import PatchError, record_write
from photocap.metadata.xml import XmlError
from photocap.records import CaptionMemory, UndoRecord, Written
from photocap.system.atomicfile import CannotCarry, ChangedMeanwhile, Replacement


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
                raise _write_error(replacement.path, error) from error
            if replacement.path == self._target:
                result = done
        try:
            return result if result is not None else self.path.stat()
        except OSError as error:
            raise ReadError(self.path, _plain(error)) from error

    def discard(self) -> None:
        """Remove what was prepared; the photo stays as it is."""
        while self._replacements:
            self._replacements.pop().discard()


@dataclass(frozen=True)
class _FileChange:
    """One file to be replaced, or to be made where `opened` is None."""

    target: Path
    opened: OpenedFile | None
    new: NewContent


def prepare_write(
    path: Path,
    text: str,
    *,
    marking: Signature | None,
    policy: WritePolicy,
    dry_run: DryRun = DryRun.NO,
    exiftool: ExifTool | None = None,
    memory: CaptionMemory = NO_MEMORY,
    names: FolderNames | None = None,
    extras: Extras = NO_EXTRAS,
) -> PreparedWrite:
    """Plan a caption for a photo, verify the plan and put the new files on disk beside the old ones.

    Args:
        path: the photo; links are followed.
        text: the caption.
        marking: the model that wrote it; None: a person did, and photocap's own marks are taken away.
        policy: where it may go and what it may replace.
        dry_run: YES plans and verifies only; `commit` must not be called.
        exiftool: writes HEIC, AVIF and JPEG XL, without it these get a sidecar; reads what cannot be read here.
        memory: what the index knows of the picture's captions.
        names: knows what lies in the folders of a run; None lists the photo's folder.
        extras: what goes with the caption.

    Raises:
        ReadError: the photo cannot be read.
        WriteError: neither the photo nor a sidecar can be written.
    """
    text = clean_text(text)
    with as_read_error(path):
        photo = open_file(path)
        contents = parse_contents(path, photo.data)
        around = open_surroundings(path, policy.sidecar_dir, names or FolderNames())
        found = find_captions(contents, around, exiftool).remembering(memory)
    order, refusal = write_order(found, text, marking, policy, extras)
    if order is None:
        stands = refusal == STANDS_ALREADY
        return PreparedWrite(
            path=path, found=found, after=found.text, written=_where(found) if stands else Written.NONE, reason=refusal
        )
    plan = _Plan(
        photo=photo,
        contents=contents,
        around=around,
        found=found,
        order=order,
        policy=policy,
        dry_run=dry_run,
        exiftool=exiftool,
    )
    try:
        return plan.embed() if policy.mode is MetadataMode.EMBED else plan.write_sidecar("")
    except OSError as error:
        raise _write_error(path, error) from error


def prepare_removal(
    path: Path, *, policy: WritePolicy, dry_run: DryRun = DryRun.NO, exiftool: ExifTool | None = None
) -> PreparedWrite:
    """Plan to take photocap's caption out of a photo by the mark that it left there; other bytes stay as they are.

    Args:
        path: the photo; links are followed.
        policy: where sidecars are kept.
        dry_run: YES plans and verifies only; `commit` must not be called.
        exiftool: writes HEIC, AVIF and JPEG XL.

    Raises:
        ReadError: the photo cannot be read.
        WriteError: a file cannot be written.
    """
    with as_read_error(path):
        photo = open_file(path)
        contents = parse_contents(path, photo.data)
        around = open_surroundings(path, policy.sidecar_dir, FolderNames())
        found = find_captions(contents, around, exiftool)
    own = {copy.place for copy in found.copies if copy.origin is Origin.PHOTOCAP}
    if not own and not found.evidence.has_own_extras:
        return PreparedWrite(
            path=path, found=found, after=found.text, written=Written.NONE, reason="it has nothing with photocap's mark"
        )
    order = WriteOrder(
        text="",
        signature=None,
        scope=Scope.REMOVAL,
        kept=frozenset(place for place in MAIN_PLACES if place not in own),
        also=frozenset({Also.XP_COMMENT} if Place.XP_COMMENT in own else ()),
    )
    plan = _Plan(
        photo=photo,
        contents=contents,
        around=around,
        found=found,
        order=order,
        policy=policy,
        dry_run=dry_run,
        exiftool=exiftool,
    )
    try:
        is_embedded = own - {Place.SIDECAR} or (contents.packet and has_own_extras(contents.packet))
        return plan.embed() if is_embedded else plan.write_sidecar("")
    except OSError as error:
        raise _write_error(path, error) from error


def _where(found: FoundCaption) -> Written:
    embedded_copy = any(copy.place is not Place.SIDECAR for copy in found.copies)
    return Written.EMBEDDED if embedded_copy else Written.SIDECAR


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """All that is known when a caption may be written."""

    photo: OpenedFile
    contents: Contents
    around: Surroundings
    found: FoundCaption
    order: WriteOrder
    policy: WritePolicy
    dry_run: DryRun
    exiftool: ExifTool | None

    def embed(self) -> PreparedWrite:
        """Prepare the photo itself, and its sidecars that hold a description; else a sidecar, with the reason."""
        try:
            check_replaceable(self.photo.target, self.photo.stat)
            new = plan_embed(self.contents, self.order, exiftool=self.exiftool)
        except (CannotEmbed, PermissionError) as error:
            return self.write_sidecar(_plain(error))
        try:
            changes = [self._sidecar_change(path) for path in self._sidecars_to_follow()]
            if new.edits:
                changes.append(_FileChange(self.photo.target, self.photo, new))
            return self._prepared(Written.EMBEDDED, "", changes)
        except (CannotCarry, PatchError, PermissionError) as error:
            return self.write_sidecar(_plain(error))
        except CannotEmbed as error:  # a sidecar that would go on saying something else
            return self._index_only(str(error))

    def write_sidecar(self, reason: str) -> PreparedWrite:
        """Prepare a sidecar.

        Args:
            reason: why not the photo itself; empty where that was not asked for.
        """
        is_removal_elsewhere = self.order.scope is Scope.REMOVAL and reason
        if self.order.scope is not Scope.CAPTION and (is_removal_elsewhere or not self.around.own):
            return self._index_only(reason)
        target = sidecar_for(
            self.photo.path,
            list(self.around.own),
            self.around.beside,
            folder=self.policy.sidecar_dir,
            naming=self.policy.sidecar_name,
        )
        try:
            return self._prepared(Written.SIDECAR, reason, [self._sidecar_change(target)])
        except CannotEmbed as error:
            return self._index_only("; ".join(filter(None, (reason, str(error)))))
        except OSError as error:
            raise _write_error(target, error) from error
        except PatchError as error:
            raise WriteError(target, str(error)) from error

    def _sidecars_to_follow(self) -> list[Path]:
        """Return the sidecars whose description has to say the same as the photo."""
        if not self.order.writes_caption:
            return []
        people = {copy.path for copy in self.found.copies if copy.place is Place.SIDECAR and self._is_kept(copy)}
        described = {copy.path for copy in self.found.copies if copy.place is Place.SIDECAR and not copy.is_shared}
        return sorted(described - people)

    def _is_kept(self, copy: Copy) -> bool:
        return bool(self.order.kept) and copy.origin is not Origin.PHOTOCAP

    def _sidecar_change(self, path: Path) -> _FileChange:
        """Plan the new content of a sidecar.

        Raises:
            CannotEmbed: it may not be replaced, or it cannot be changed and a model's caption can do without it.
            WriteError: it cannot be changed, and a person wants it to be.
        """
        opened = self.around.own.get(path)
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
        return PreparedWrite(
            path=self.photo.path, found=self.found, after=self.found.text, written=Written.NONE, reason=reason
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
            records = tuple(_undo_record(change, self.photo.path) for change in changes)
            if self.dry_run is DryRun.NO:
                replacements.extend(_replacement(change, self.policy, self.photo.stat) for change in changes)
        except BaseException:
            for replacement in replacements:
                replacement.discard()
            raise
        after = self.order.text if self.order.writes_caption else self.found.text
        if not self.order.writes_caption:
            written = _where(self.found)
        return PreparedWrite(
            path=self.photo.path,
            found=self.found,
            after=after,
            written=written,
            reason=reason,
            undo=records,
            _target=self.photo.target,
            _replacements=replacements,
        )


def _check_sidecar(path: Path, opened: OpenedFile) -> None:
    try:
        check_replaceable(opened.target, opened.stat)
    except CannotEmbed as error:
        raise CannotEmbed(f"its sidecar {path.name} is left alone: {error}") from error


def _undo_record(change: _FileChange, photo: Path) -> UndoRecord:
    old = None if change.opened is None else change.opened.data
    return record_write(change.target, old, change.new.data, change.new.edits, photo=photo)


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


def _plain(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _write_error(path: Path, error: OSError) -> WriteError:
    if isinstance(error, ChangedMeanwhile):
        return WriteError(path, "it changed meanwhile and was left alone", "run the same command again")
    if isinstance(error, PermissionError):
        return WriteError(path, _plain(error), "choose another place with --sidecar-dir")
    return WriteError(path, _plain(error))
