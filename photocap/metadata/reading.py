"""Finding the captions of a photo: in the file and in its sidecars."""

from __future__ import annotations

from pathlib import Path

from photocap.errors import ReadError
from photocap.metadata.captions import FoundCaption, Mark, Place, clean_text, decode_exif_text, judge
from photocap.metadata.container import FormatError, Layout, Part
from photocap.metadata.formats import container_of
from photocap.metadata.iptc import IptcError, caption_in, caption_in_resources
from photocap.metadata.marking import read_mark
from photocap.metadata.sidecar import existing_sidecars
from photocap.metadata.xmltree import XmlError
from photocap.metadata.xmp import DESCRIPTION, Packet

Text = tuple[Place, Path, str]


def read_caption(path: Path, *, sidecar_dir: Path | None = None) -> FoundCaption:
    """Return the caption that other programs would show for a photo, whose it is and where each copy stands.

    Args:
        path: the photo.
        sidecar_dir: where sidecars are kept, if not beside the photos.

    Raises:
        ReadError: the photo cannot be read. Damaged metadata does not raise; see `FoundCaption.problem`.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ReadError(path, error.strerror or str(error)) from error
    return find_captions(path, data, sidecar_contents(path, sidecar_dir))


def sidecar_contents(photo: Path, sidecar_dir: Path | None) -> dict[Path, bytes]:
    """Return the photo's sidecars that can be read, and what is in them."""
    contents = {}
    for path in existing_sidecars(photo, sidecar_dir):
        try:
            contents[path] = path.read_bytes()
        except OSError:
            continue  # such a sidecar has nothing to say; writing will report it
    return contents


def find_captions(path: Path, data: bytes, sidecars: dict[Path, bytes]) -> FoundCaption:
    """Judge the captions in a photo's bytes and in its sidecars."""
    texts: list[Text] = []
    marks: list[Mark] = []
    problems: list[str] = []
    for sidecar, content in sidecars.items():
        _read_packet(Place.SIDECAR, sidecar, content, texts, marks, problems)
    try:
        container = container_of(data, path)
        layout = container.layout(data) if container else Layout({})
    except FormatError as error:
        problems.append(str(error))
        layout = Layout({})
    _read_layout(path, layout, texts, marks, problems)
    return judge(texts, marks, "; ".join(problems))


def _read_layout(path: Path, layout: Layout, texts: list[Text], marks: list[Mark], problems: list[str]) -> None:
    """Add what a photo's own parts say, in the order of the Metadata Working Group: EXIF, XMP, IPTC."""
    if (value := layout.parts.get(Part.DESCRIPTION)) is not None:
        texts.append((Place.EXIF, path, decode_exif_text(value)))
    if (packet := layout.parts.get(Part.XMP)) is not None:
        _read_packet(Place.XMP, path, packet, texts, marks, problems)
    try:
        resources, datasets = layout.parts.get(Part.IRB), layout.parts.get(Part.IIM)
        captions = [
            caption_in_resources(resources) if resources else None,
            caption_in(datasets) if datasets else None,
        ]
        texts += [(Place.IPTC, path, clean_text(caption)) for caption in captions if caption]
    except IptcError as error:
        problems.append(str(error))


def _read_packet(
    place: Place, path: Path, content: bytes, texts: list[Text], marks: list[Mark], problems: list[str]
) -> None:
    try:
        packet = Packet(content)
    except XmlError as error:
        problems.append(f"XMP in {path.name} cannot be read: {error}")
        return
    mark = read_mark(packet)
    if mark is not None:
        marks.append(mark)
    text = packet.text(DESCRIPTION)
    if text:
        texts.append((place, path, clean_text(text)))
