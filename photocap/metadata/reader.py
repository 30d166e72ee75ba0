"""Finding the captions of a photo: in the file and in its sidecars."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from photocap.errors import as_read_error
from photocap.formats.base import Part
from photocap.metadata.captions import FoundCaption, Mark, Place, clean_text, decode_exif_text, resolve_caption
from photocap.metadata.contents import Contents, parse_contents
from photocap.metadata.files import OpenedFile, open_file, open_sidecars
from photocap.metadata.iptc import IptcError, caption_in, caption_in_resources
from photocap.metadata.signature import read_mark
from photocap.metadata.xml import XmlError
from photocap.metadata.xmp import DESCRIPTION, Packet


def read_caption(path: Path, *, sidecar_dir: Path | None = None) -> FoundCaption:
    """Return the caption that other programs would show for a photo, whose it is and where each copy stands.

    Args:
        path: the photo.
        sidecar_dir: where sidecars are kept, if not beside the photos.

    Raises:
        ReadError: the photo or its sidecar cannot be read. Damaged metadata does not raise; see `FoundCaption.problem`.
    """
    with as_read_error(path):
        photo = open_file(path)
        return find_captions(parse_contents(path, photo.data), open_sidecars(path, sidecar_dir))


def find_captions(contents: Contents, sidecars: Mapping[Path, OpenedFile]) -> FoundCaption:
    """Judge the captions in a photo and in its sidecars."""
    search = _Search([contents.damage] if contents.damage else [])
    for path, sidecar in sidecars.items():
        try:
            search.packet(Place.SIDECAR, path, Packet(sidecar.data))
        except XmlError as error:
            search.problems.append(f"its sidecar {path.name} cannot be read: {error}")
    search.photo(contents)
    return resolve_caption(search.texts, search.marks, "; ".join(search.problems))


class _Search:
    """Gathers copies in the order in which readers prefer them."""

    def __init__(self, problems: list[str]) -> None:
        self.texts: list[tuple[Place, Path, str]] = []
        self.marks: list[Mark] = []
        self.problems = problems

    def photo(self, contents: Contents) -> None:
        """Look at a photo's own parts, in the order of the Metadata Working Group: EXIF, XMP, IPTC."""
        parts = contents.layout.parts
        if (value := parts.get(Part.DESCRIPTION)) is not None:
            self.texts.append((Place.EXIF, contents.path, decode_exif_text(value)))
        if contents.packet is not None:
            self.packet(Place.XMP, contents.path, contents.packet)
        try:
            captions = [caption_in_resources(parts.get(Part.IRB, b"")), caption_in(parts.get(Part.IIM, b""))]
        except IptcError as error:
            self.problems.append(str(error))
            return
        self.texts += [(Place.IPTC, contents.path, clean_text(caption)) for caption in captions if caption]

    def packet(self, place: Place, path: Path, packet: Packet) -> None:
        """Look at a packet, in the photo or in a sidecar."""
        if (mark := read_mark(packet)) is not None:
            self.marks.append(mark)
        if text := packet.text(DESCRIPTION):
            self.texts.append((place, path, clean_text(text)))
