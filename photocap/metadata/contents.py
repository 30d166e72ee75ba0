"""A photo's bytes, taken apart once: container, parts and packet."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from photocap.formats.base import Container, EmbeddedTexts, FormatError, Layout, Part
from photocap.formats.detect import container_of
from photocap.metadata.xml import XmlError
from photocap.metadata.xmp import Packet

# Real files have one or two of each; a made-up one may have a hundred thousand, each of which would be taken apart.
_MAX_BLOCKS = 16
_MAX_COMMENTS = 1000


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What is in a photo.

    Attributes:
        path: where it stands.
        data: its bytes.
        container: its format, None where that cannot be edited here.
        layout: its metadata parts; empty where the file is damaged.
        packet: its XMP, None where there is none or where it cannot be read.
        damage: why the file or its XMP cannot be read; empty where all is well.
    """

    path: Path
    data: bytes
    container: Container | None
    layout: Layout
    packet: Packet | None
    damage: str


def parse_contents(path: Path, data: bytes) -> Contents:
    """Return what is in a photo; damage is noted, not raised."""
    container = container_of(data, path)
    if container is None:
        return Contents(
            path=path,
            data=data,
            container=None,
            layout=Layout({}),
            packet=None,
            damage="only ExifTool reads the words in this format",
        )
    try:
        layout = container.layout(data)
        _check_amount(layout.texts)
    except FormatError as error:
        return Contents(path=path, data=data, container=container, layout=Layout({}), packet=None, damage=str(error))
    content = layout.parts.get(Part.XMP)
    try:
        packet = None if content is None else Packet(content)
    except XmlError as error:
        return Contents(
            path=path,
            data=data,
            container=container,
            layout=layout,
            packet=None,
            damage=f"its XMP cannot be read: {error}",
        )
    return Contents(path=path, data=data, container=container, layout=layout, packet=packet, damage="")


def _check_amount(texts: EmbeddedTexts) -> None:
    """Refuse a file that was made to keep its readers busy.

    Raises:
        FormatError: it is one.
    """
    for name, found, limit in (
        ("XMP packets", texts.packets, _MAX_BLOCKS),
        ("Photoshop resources", texts.irbs, _MAX_BLOCKS),
        ("IPTC blocks", texts.iims, _MAX_BLOCKS),
        ("comments", texts.comments, _MAX_COMMENTS),
    ):
        if len(found) > limit:
            raise FormatError(f"it has {len(found):,} {name}")
