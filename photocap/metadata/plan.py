"""Planning a caption inside a photo, and proving that nothing else changes. Nothing here touches the disk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from photocap.errors import unexpected
from photocap.formats.base import Change, Container, FormatError, Layout, Part
from photocap.formats.bmff import BoxFormat
from photocap.formats.splice import Edit, SpliceError, splice
from photocap.formats.tiff_ifd import TiffError
from photocap.metadata.captions import Origin
from photocap.metadata.contents import Contents, parse_contents
from photocap.metadata.exiftool import ExifTool, ExifToolError
from photocap.metadata.exiftool_format import ToolWriter
from photocap.metadata.iptc import (
    IptcError,
    digest_edits,
    foreign_datasets,
    foreign_resources,
    resource_edits,
    with_caption,
)
from photocap.metadata.policy import Signature
from photocap.metadata.reader import find_captions
from photocap.metadata.signature import OWN_PROPERTIES, caption_change
from photocap.metadata.xml import XmlError
from photocap.metadata.xmp import CAPTION_WRITER, EMPTY_PACKET, Packet, XmpChange

MAX_FILE_BYTES = 1 << 30


class CannotEmbed(ValueError):
    """The caption cannot go into this file without a risk; the text says why."""


@dataclass(frozen=True)
class NewContent:
    """What a file becomes, and the edits that make it so."""

    data: bytes
    edits: list[Edit]


def plan_embed(
    contents: Contents, text: str, marking: Signature | None, *, alt_text: bool, exiftool: ExifTool | None = None
) -> NewContent:
    """Return a photo with a caption put into it, verified.

    Args:
        contents: the photo.
        text: the caption, cleaned.
        marking: the model that wrote it; None: a person did, and photocap's own marks are taken away.
        alt_text: also write the accessibility text.
        exiftool: writes the formats that are not spliced; without it they are refused.

    Raises:
        CannotEmbed: the format has no safe writer here, or the file is damaged, signed or built in an unusual way.
    """
    container, data = contents.container, contents.data
    if container is None:
        raise CannotEmbed("this format is not written to")
    if len(data) > MAX_FILE_BYTES:
        raise CannotEmbed(f"it has {len(data):,} bytes; up to {MAX_FILE_BYTES:,} are rewritten")
    if contents.damage:
        raise CannotEmbed(contents.damage)
    if Part.XMP in contents.layout.locked:
        raise CannotEmbed(f"its XMP cannot be changed: {contents.layout.locked[Part.XMP]}")
    with _translated():
        refusal = container.refusal(data)
        if refusal:
            raise CannotEmbed(refusal)
        packet = contents.packet or Packet(EMPTY_PACKET)
        change = caption_change(packet, text, marking, alt_text=alt_text)
        writer: Container | ToolWriter = container
        if isinstance(container, BoxFormat):
            writer = ToolWriter(container, exiftool)
        edits = _edits(writer, contents, packet, change, text)
        new = splice(data, edits)
        _verify_file(container, data, new)
        after = parse_contents(contents.path, new)
        _verify_parts(contents.layout, after, packet, change)
        _verify_caption(after, text, is_signed=marking is not None)
    return NewContent(new, edits)


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


def plan_sidecar(content: bytes | None, text: str, marking: Signature | None, *, alt_text: bool) -> NewContent:
    """Return a sidecar with a caption put into it, verified; a fresh one for None.

    Raises:
        XmlError: the sidecar cannot be read, or is not changed as planned.
    """
    packet = Packet(EMPTY_PACKET if content is None else content)
    change = caption_change(packet, text, marking, alt_text=alt_text)
    edits = packet.edits(change)
    new = splice(packet.data, edits)
    _verify_packet(packet, Packet(new), change)
    return NewContent(new, [Edit(0, 0, new)] if content is None else edits)


def _edits(
    container: Container | ToolWriter, contents: Contents, packet: Packet, change: XmpChange, text: str
) -> list[Edit]:
    """Return the edits to the file; without EXIF where its block has to stay as it is."""
    layout = contents.layout
    edits = packet.edits(change, limit_bytes=container.xmp_limit_bytes)
    changes: dict[Part, Change] = {Part.XMP: edits if contents.packet else splice(EMPTY_PACKET, edits)}
    irb = b"" if Part.IRB in layout.locked else layout.parts.get(Part.IRB, b"")
    irb_edits = resource_edits(irb, text)
    if (datasets := layout.parts.get(Part.IIM)) is not None:
        changes[Part.IIM] = new_datasets = with_caption(datasets, text)
        irb_edits = irb_edits or digest_edits(irb, new_datasets)
    if irb_edits:
        changes[Part.IRB] = irb_edits
    if Part.DESCRIPTION not in layout.locked:
        try:
            return container.edits(contents.data, {**changes, Part.DESCRIPTION: text.encode() + b"\0"})
        except TiffError:
            pass  # no room in EXIF: the caption goes into XMP alone
    return container.edits(contents.data, changes)


def _verify_file(container: Container, old: bytes, new: bytes) -> None:
    """Make sure that apart from the parts the new file is the old one."""
    difference = container.difference(old, new)
    if difference:
        raise CannotEmbed(f"the check before writing found a change in {difference}")


def _verify_parts(before: Layout, after: Contents, packet: Packet, change: XmpChange) -> None:
    """Make sure that of the parts only photocap's own properties changed."""
    if after.packet is None:
        raise CannotEmbed(f"the check before writing did not find the XMP again: {after.damage}")
    _verify_packet(packet, after.packet, change)
    for part, foreign in ((Part.IRB, foreign_resources), (Part.IIM, foreign_datasets)):
        old, new = before.parts.get(part, b""), after.layout.parts.get(part, b"")
        if old != new and foreign(old) != foreign(new):
            raise CannotEmbed(f"the check before writing found a change in {part.value}")


def _verify_caption(after: Contents, text: str, *, is_signed: bool) -> None:
    """Make sure that the caption reads back from every place that has one."""
    found = find_captions(after, {})
    if found.text != text or (found.origin is Origin.PHOTOCAP) is not is_signed or not found.agree:
        raise CannotEmbed("the check before writing did not find the caption in all its places")


def _verify_packet(before: Packet, after: Packet, change: XmpChange) -> None:
    own = OWN_PROPERTIES | ({CAPTION_WRITER} if CAPTION_WRITER in change.simple else set())
    if before.foreign(own, change.texts) != after.foreign(own, change.texts):
        raise XmlError("the check before writing found a change in another property")
    if any(after.text(name) != text for name, text in change.texts.items()):
        raise XmlError("the check before writing did not find the caption again")
