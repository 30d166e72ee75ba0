"""Write a caption: decide, plan in memory, verify, prepare on disk; then one rename.

The steps are apart so that a batch can be made safe together: prepare all, commit their undo records to the index
in one transaction, then commit each.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from photocap.errors import as_read_error
from photocap.formats.sidecar_names import FolderNames
from photocap.metadata.captions import MAIN_PLACES, NO_MEMORY, Origin, Place, clean_text
from photocap.metadata.contents import parse_contents
from photocap.metadata.decision import NO_EXTRAS, STANDS_ALREADY, Extras, write_order
from photocap.metadata.exiftool import ExifTool
from photocap.metadata.files import open_file, open_surroundings
from photocap.metadata.placement import OpenedPhoto, Placement, place_of
from photocap.metadata.policy import Also, DryRun, MetadataMode, Scope, Signature, WriteOrder, WritePolicy
from photocap.metadata.prepared_write import PreparedWrite, write_error_of
from photocap.metadata.reader import find_captions
from photocap.metadata.signature import has_own_extras
from photocap.records import CaptionMemory, Written


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
    photo = _open(path, policy, exiftool, memory=memory, names=names)
    order, refusal = write_order(photo.found, text, marking, policy, extras)
    if order is None:
        written = place_of(photo.found) if refusal == STANDS_ALREADY else Written.NONE
        return PreparedWrite(path=path, found=photo.found, after=photo.found.text, written=written, reason=refusal)
    placement = Placement(photo=photo, order=order, policy=policy, dry_run=dry_run, exiftool=exiftool)
    with _as_write_error(path):
        return placement.embed() if policy.mode is MetadataMode.EMBED else placement.write_sidecar("")


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
    photo = _open(path, policy, exiftool)
    found, packet = photo.found, photo.contents.packet
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
    placement = Placement(photo=photo, order=order, policy=policy, dry_run=dry_run, exiftool=exiftool)
    is_embedded = own - {Place.SIDECAR} or (packet and has_own_extras(packet))
    with _as_write_error(path):
        return placement.embed() if is_embedded else placement.write_sidecar("")


def _open(
    path: Path,
    policy: WritePolicy,
    exiftool: ExifTool | None,
    *,
    memory: CaptionMemory = NO_MEMORY,
    names: FolderNames | None = None,
) -> OpenedPhoto:
    """Read a photo and what lies beside it.

    Raises:
        ReadError: the photo cannot be read.
    """
    with as_read_error(path):
        file = open_file(path)
        contents = parse_contents(path, file.data)
        around = open_surroundings(path, policy.sidecar_dir, names or FolderNames())
        found = find_captions(contents, around, exiftool, memory=memory)
    return OpenedPhoto(file, contents, around, found)


@contextmanager
def _as_write_error(path: Path) -> Iterator[None]:
    """Turn trouble with the disk into a `WriteError` that names the photo."""
    try:
        yield
    except OSError as error:
        raise write_error_of(path, error) from error
