"""Plan a caption inside a photo, and prove that nothing else changes. Nothing here touches the disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from photocap.errors import unexpected
from photocap.formats.base import SIGNED, CaptionWriter, Change, Container, FormatError, Layout, Part
from photocap.formats.bmff import BoxFormat
from photocap.formats.jpeg import Jpeg
from photocap.formats.picture_digest import same_picture
from photocap.formats.spans import NotUnderstood
from photocap.formats.splice import Edit, Rewrite, SpliceError, splice
from photocap.formats.tiff import Tiff
from photocap.formats.tiff_structure import TiffError
from photocap.metadata.captions import Copy, Origin, Place, digest
from photocap.metadata.contents import Contents, parse_contents
from photocap.metadata.exiftool import ExifTool, ExifToolError
from photocap.metadata.exiftool_format import ToolWriter
from photocap.metadata.files import Surroundings
from photocap.metadata.iptc import (
    KEYWORDS,
    MAX_CAPTION_BYTES,
    IptcChange,
    IptcError,
    changed_datasets,
    digest_edits,
    foreign_datasets,
    foreign_resources,
    fresh_resources,
    has_iptc,
    resource_edits,
    texts_in,
    texts_in_resources,
)
from photocap.metadata.policy import Also, Scope, WriteOrder
from photocap.metadata.reader import find_captions
from photocap.metadata.second_reader import lost_tags
from photocap.metadata.signature import OWN_PROPERTIES, caption_change
from photocap.metadata.xml import XmlError
from photocap.metadata.xmp import EMPTY_PACKET, PROVENANCE, SUBJECT, Packet
from photocap.metadata.xmp_edits import BagChange, XmpChange, packet_edits

MAX_FILE_BYTES = 1 << 30
_IPTC_UNIT_BYTES = 4  # TIFF counts IPTC in LONGs, and the digest is over all of them


class CannotEmbed(ValueError):
    """The caption cannot go into this file without a risk; the text says why."""


@dataclass(frozen=True)
class NewContent:
    """What a file becomes, the edits that make it so, and what has been compared of it."""

    data: bytes
    edits: list[Edit]
    rewrite: Rewrite | None = None


def plan_embed(contents: Contents, order: WriteOrder, *, exiftool: ExifTool | None = None) -> NewContent:
    """Return a photo with a caption put into it, verified.

    Args:
        contents: the photo.
        order: what is to be written.
        exiftool: writes the formats that are not spliced; without it they are refused.

    Raises:
        CannotEmbed: the format has no safe writer here, or the file is damaged, signed or built in an unusual way.
    """
    data = contents.data
    with _translated():
        container = _writable(contents)
        packet = contents.packet or EMPTY_PACKET
        change = caption_change(packet, order)
        writer: Container | ToolWriter = container
        if isinstance(container, BoxFormat):
            writer = ToolWriter(container, exiftool)
        edits = _edits(writer, contents, packet, change, order)
        if not edits:
            return NewContent(data, [])
        new = splice(data, edits)
        rewrite = Rewrite(data, new)
        _verify_file(container, rewrite)
        after = parse_contents(contents.path, new)
        _verify_parts(contents.layout, after, packet, change, order)
        if order.scope is Scope.REMOVAL:
            _verify_removal(after)
        elif order.writes_caption:
            _verify_caption(after, order)
    return NewContent(new, edits, rewrite)


def _writable(contents: Contents) -> Container:
    """Return the container of a photo that may be changed.

    Raises:
        CannotEmbed: it may not.
        FormatError: it is damaged.
    """
    container, data = contents.container, contents.data
    if container is None:
        raise CannotEmbed("this format is not written to")
    if container.writer is CaptionWriter.NOBODY:
        raise CannotEmbed(container.refusal(data))
    if len(data) > MAX_FILE_BYTES:
        raise CannotEmbed(f"it has {len(data):,} bytes; up to {MAX_FILE_BYTES:,} are rewritten")
    if contents.damage:
        raise CannotEmbed(contents.damage)
    if Part.XMP in contents.layout.locked:
        raise CannotEmbed(f"its XMP cannot be changed: {contents.layout.locked[Part.XMP]}")
    if refusal := container.refusal(data):
        raise CannotEmbed(refusal)
    if contents.packet is not None and contents.packet.has(PROVENANCE):  # Content Credentials kept in the cloud
        raise CannotEmbed(SIGNED)
    return container


@contextmanager
def _translated() -> Iterator[None]:
    """Turn what goes wrong with a photo's format into `CannotEmbed`; what goes wrong with the disk stays as it is."""
    try:
        yield
    except XmlError as error:
        raise CannotEmbed(f"its XMP cannot be changed: {error}") from error
    except IptcError as error:
        raise CannotEmbed(f"its IPTC cannot be changed: {error}") from error
    except SpliceError as error:
        raise CannotEmbed("its parts overlap in the file") from error
    except (FormatError, TiffError, ExifToolError) as error:
        raise CannotEmbed(str(error)) from error
    except (CannotEmbed, OSError):
        raise
    except Exception as error:  # a file that our code does not understand is a file that it must not change
        raise CannotEmbed(unexpected(error)) from error


def plan_sidecar(content: bytes | None, order: WriteOrder) -> NewContent:
    """Return a sidecar with a caption put into it, verified; a fresh one for None.

    Raises:
        XmlError: the sidecar cannot be read, or is not changed as planned.
    """
    packet = EMPTY_PACKET if content is None else Packet(content)
    change = caption_change(packet, order)
    edits = packet_edits(packet, change)
    new = splice(packet.data, edits)
    _verify_packet(packet, Packet(new), change)
    return NewContent(new, [Edit(0, 0, new)] if content is None else edits)


def _edits(
    container: Container | ToolWriter, contents: Contents, packet: Packet, change: XmpChange, order: WriteOrder
) -> list[Edit]:
    """Return the edits to the file; without EXIF where its block has to stay as it is."""
    layout = contents.layout
    edits = packet_edits(packet, change, limit_bytes=container.xmp_limit_bytes)
    changes: dict[Part, Change] = {}
    if edits:
        changes[Part.XMP] = edits if contents.packet else splice(EMPTY_PACKET.data, edits)
    changes.update(_iptc_changes(container, layout, change, order))
    exif = _exif_changes(layout, order)
    if not changes and not exif:
        return []
    if exif:
        try:
            return container.edits(contents.data, {**changes, **exif})
        except TiffError:
            pass  # no room in EXIF: the caption goes into XMP alone
    return container.edits(contents.data, changes)


def _iptc_changes(
    container: Container | ToolWriter, layout: Layout, change: XmpChange, order: WriteOrder
) -> dict[Part, Change]:
    """Return the changes to IPTC where it is, or where it is asked for."""
    bag = change.bags.get(SUBJECT, BagChange())
    caption = order.text if order.writes_caption and Place.IPTC not in order.kept else None
    wanted = IptcChange(caption=caption, added=bag.added, removed=bag.removed)
    is_asked = Also.IPTC in order.also and caption is not None and Part.IRB not in layout.locked
    changes: dict[Part, Change] = {}
    irb = b"" if Part.IRB in layout.locked else layout.parts.get(Part.IRB, b"")
    datasets = layout.parts.get(Part.IIM)
    if datasets is None and is_asked and isinstance(container, Tiff) and not has_iptc(irb):
        datasets = b""  # TIFF has a tag for it
    irb_edits = resource_edits(irb, wanted, create=is_asked and bool(irb) and datasets is None)
    if datasets is not None:
        new_datasets = changed_datasets(datasets, wanted)
        if new_datasets != datasets:
            new_datasets += bytes(-len(new_datasets) % _IPTC_UNIT_BYTES)
        changes[Part.IIM] = new_datasets
        irb_edits = irb_edits or digest_edits(irb, new_datasets)
    elif is_asked and not irb and isinstance(container, Jpeg):
        changes[Part.IRB] = fresh_resources(wanted)
    if irb_edits:
        changes[Part.IRB] = irb_edits
    return changes


def _exif_changes(layout: Layout, order: WriteOrder) -> dict[Part, Change]:
    if not order.writes_caption or Part.DESCRIPTION in layout.locked:
        return {}
    changes: dict[Part, Change] = {}
    if Place.EXIF not in order.kept:
        changes[Part.DESCRIPTION] = order.text.encode() + b"\0"
    if Also.XP_COMMENT in order.also:
        changes[Part.XP_COMMENT] = order.text.encode("utf-16-le") + b"\0\0"
    return changes


def _verify_file(container: Container, rewrite: Rewrite) -> None:
    """Make sure that apart from the parts the new file is the old one."""
    difference = container.difference(rewrite)
    if difference:
        raise CannotEmbed(f"the check before writing found a change in {difference}")
    if lost := lost_tags(rewrite.old, rewrite.new, container.decoders):
        raise CannotEmbed(f"the check before writing found that Pillow would read {', '.join(lost)} otherwise")
    _verify_picture(container, rewrite)


def _verify_picture(container: Container, rewrite: Rewrite) -> None:
    """Make sure that the index will know the picture again, which it does by what is not metadata."""
    try:
        is_same = same_picture(rewrite, container)
    except NotUnderstood as error:
        raise CannotEmbed(f"its picture cannot be told from its metadata ({error})") from error
    if not is_same:
        raise CannotEmbed("the check before writing found a change in the picture data")


def _verify_parts(before: Layout, after: Contents, packet: Packet, change: XmpChange, order: WriteOrder) -> None:
    """Make sure that of the parts only what was asked for changed."""
    if after.packet is None and (after.damage or Part.XMP in before.parts):
        raise CannotEmbed(f"the check before writing did not find the XMP again: {after.damage}")
    _verify_packet(packet, after.packet or EMPTY_PACKET, change)
    for part, foreign in ((Part.IRB, foreign_resources), (Part.IIM, foreign_datasets)):
        old, new = before.parts.get(part, b""), after.layout.parts.get(part, b"")
        if old != new and (foreign(old) != foreign(new) or not _keeps_keywords(part, old, new, change)):
            raise CannotEmbed(f"the check before writing found a change in {part.value}")
    untouched = {
        Part.DESCRIPTION: not order.writes_caption or Place.EXIF in order.kept,
        Part.XP_COMMENT: Also.XP_COMMENT not in order.also,
    }
    for part, has_to_stay in untouched.items():
        if has_to_stay and before.parts.get(part) != after.layout.parts.get(part):
            raise CannotEmbed(f"the check before writing found a change in {part.value}")


def _keeps_keywords(part: Part, old: bytes, new: bytes, change: XmpChange) -> bool:
    """Return whether of the IPTC keywords all but photocap's own are still there."""
    read = texts_in_resources if part is Part.IRB else texts_in
    bag = change.bags.get(SUBJECT, BagChange())
    before, after = (Counter(read(block, KEYWORDS)) for block in (old, new))
    lost, gained = before - after, after - before
    return set(lost) <= bag.removed and set(gained) <= set(bag.added)


def _verify_caption(after: Contents, order: WriteOrder) -> None:
    """Make sure that the caption reads back from every place that has one."""
    found = find_captions(after, Surroundings())
    texts = {copy.text.encode()[:MAX_CAPTION_BYTES] for copy in found.copies if _is_written(copy, order)}
    whole = order.text.encode()
    is_there = bool(texts) and all(whole.startswith(text) and len(text) >= _least_bytes(whole) for text in texts)
    marks = {mark.digest for mark in found.evidence.marks}
    is_signed = digest(order.text) in marks
    if not is_there or is_signed is not (order.signature is not None):
        raise CannotEmbed("the check before writing did not find the caption in all its places")


def _verify_removal(after: Contents) -> None:
    """Make sure that nothing signed by photocap is left."""
    found = find_captions(after, Surroundings())
    if found.evidence.marks or any(copy.origin is Origin.PHOTOCAP for copy in found.copies):
        raise CannotEmbed("the check before writing found that photocap's caption would still be there")


def _least_bytes(whole: bytes) -> int:
    """Return how much of a caption a place holds at least; IPTC cuts a long one at a whole character."""
    return min(len(whole), MAX_CAPTION_BYTES - 10)


def _is_written(copy: Copy, order: WriteOrder) -> bool:
    return copy.is_main and copy.place not in order.kept


def _verify_packet(before: Packet, after: Packet, change: XmpChange) -> None:
    own = OWN_PROPERTIES | set(change.bags) | set(change.simple)
    if before.foreign(own, change.texts) != after.foreign(own, change.texts):
        raise XmlError("the check before writing found a change in another property")
    if any(after.text(name) != text for name, text in change.texts.items()):
        raise XmlError("the check before writing did not find the caption again")
    for name, bag in change.bags.items():
        kept = [text for _, text in before.texts(name) if text.strip() not in bag.removed]
        if Counter(text for _, text in after.texts(name)) != Counter([*kept, *bag.added]):
            raise XmlError("the check before writing did not find the keywords again")
