"""Find the captions of a photo and whatever else people have written about it: in the file and beside it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from photocap.errors import as_read_error
from photocap.formats.base import CommentKind, Part
from photocap.formats.exif_texts import ExifTexts, decoded, exif_texts
from photocap.formats.sidecar_names import FolderNames
from photocap.metadata.captions import (
    NO_MEMORY,
    Copy,
    Evidence,
    FoundCaption,
    FoundText,
    Mark,
    Origin,
    Place,
    clean_text,
    resolve_caption,
)
from photocap.metadata.contents import Contents, parse_contents
from photocap.metadata.exiftool import ExifTool
from photocap.metadata.exiftool_reader import ToolReader
from photocap.metadata.files import Surroundings, open_file, open_surroundings
from photocap.metadata.folder_lists import listed_description
from photocap.metadata.iptc import IptcError, captions_in, captions_in_resources
from photocap.metadata.neighbours import plain_text, takeout_words
from photocap.metadata.signature import has_own_extras, is_own_alt_text, read_mark
from photocap.metadata.words import descriptions_of, find_alt_texts, find_words
from photocap.metadata.xml import Name, XmlError
from photocap.metadata.xmp import ALT_TEXT, DESCRIPTION, Packet, name_of
from photocap.records import CaptionMemory, PhotoWords

_OTHER_PROPERTIES = {
    name_of("tiff:ImageDescription"): Place.XMP_IMAGE_DESCRIPTION,
    name_of("exif:UserComment"): Place.XMP_USER_COMMENT,
    name_of("acdsee:notes"): Place.XMP_NOTES,
    name_of("acdsee:caption"): Place.XMP_NOTES,
    name_of("xmpDM:logComment"): Place.XMP_LOG_COMMENT,
    name_of("Iptc4xmpCore:ExtDescrAccessibility"): Place.XMP_EXTENDED,
}
# What programs call a description in namespaces of their own, in lower case, as Photoshop Elements' album:Notes.
_DESCRIBING = {"description", "imagedescription", "caption", "comment", "usercomment", "xpcomment", "notes", "note"}
_NO_WORDS = "http://ns.adobe.com/camera-raw"  # the names of presets and looks

_MAX_TEXTS = 1000  # the most known of one photo is some dozen


@dataclass(frozen=True)
class PhotoMetadata:
    """What a photo's files say in words.

    Attributes:
        caption: the caption, who wrote it, and its copies.
        alt_texts: what is said to those who cannot see the picture.
        words: what people have written, descriptions and alternative texts among it.
    """

    caption: FoundCaption = field(default=FoundCaption(text=None, origin=Origin.NOBODY))
    alt_texts: tuple[Copy, ...] = ()
    words: PhotoWords = field(default_factory=PhotoWords)

    def remembering(self, memory: CaptionMemory) -> PhotoMetadata:
        """Return what they say in the light of what the index knows of the picture."""
        caption = self.caption.remembering(memory)
        return _metadata(caption, self.alt_texts, self.words)


def read_metadata(
    path: Path,
    *,
    sidecar_dir: Path | None = None,
    names: FolderNames | None = None,
    exiftool: ExifTool | None = None,
    data: bytes | None = None,
) -> PhotoMetadata:
    """Return what a photo's files say in words; each is opened once.

    Args:
        path: the photo.
        sidecar_dir: where sidecars are kept, if not beside the photos.
        names: knows what lies in the folders of a run; None lists the photo's folder.
        exiftool: asked for what cannot be read here.
        data: the photo's content, where it was read already.

    Raises:
        ReadError: the photo cannot be read. Damaged metadata does not raise; see `FoundCaption.problem`.
    """
    with as_read_error(path):
        content = open_file(path).data if data is None else data
        around = open_surroundings(path, sidecar_dir, names or FolderNames())
        contents = parse_contents(path, content)
        caption = find_captions(contents, around, exiftool)
        return _metadata(caption, find_alt_texts(contents, around), find_words(contents, around))


def _metadata(caption: FoundCaption, alt_texts: tuple[Copy, ...], words: PhotoWords) -> PhotoMetadata:
    descriptions = descriptions_of((*caption.copies, *alt_texts))
    return PhotoMetadata(caption, alt_texts, replace(words, descriptions=descriptions))


def read_caption(
    path: Path | str, *, sidecar_dir: Path | None = None, exiftool: ExifTool | None = None
) -> FoundCaption:
    """Return the caption that other programs would show for a photo, who wrote it, and its copies.

    Args:
        path: the photo.
        sidecar_dir: where sidecars are kept, if not beside the photos.
        exiftool: asked for what cannot be read here.

    Raises:
        ReadError: the photo cannot be read. Damaged metadata does not raise; see `FoundCaption.problem`.
    """
    return read_metadata(Path(path), sidecar_dir=sidecar_dir, exiftool=exiftool).caption


def find_captions(
    contents: Contents,
    around: Surroundings,
    exiftool: ExifTool | None = None,
    *,
    memory: CaptionMemory = NO_MEMORY,
) -> FoundCaption:
    """Judge the captions in a photo and beside it, in the light of what the index knows."""
    search = _Search([*around.problems])
    unread: dict[Path, bool] = {}  # whether there must be XMP in it
    for sidecars, is_shared in ((around.own, False), (around.shared, True)):
        for path, sidecar in sidecars.items():
            try:
                search.packet(Place.SIDECAR, path, Packet(sidecar.data), is_shared=is_shared)
            except XmlError as error:
                search.problems.append(f"its sidecar {path.name} cannot be read: {error}")
                unread[path] = _has_rdf(sidecar.data)
    if not search.photo(contents):
        has_rdf = contents.packet is None and _has_rdf(contents.layout.parts.get(Part.XMP, b""))
        unread[contents.path] = has_rdf or contents.layout.texts.is_compressed  # the module may be missing
    search.neighbours(around, contents.path.name)
    if unread and exiftool is not None:
        _ask(ToolReader(exiftool), unread, search)
    return resolve_caption(search.evidence(), memory)


def _has_rdf(packet: bytes) -> bool:
    """Return whether XMP says anything, in whichever encoding."""
    return b"RDF" in packet.replace(b"\0", b"")


def _ask(reader: ToolReader, unread: Mapping[Path, bool], search: _Search) -> None:
    """Let ExifTool read what could not be read here; what it reads without a warning is no problem any more.

    It passes by in silence what it does not take for XMP.
    """
    answers = [reader.read(path) for path in unread]
    is_found = all(answer.has_xmp or not must_be for answer, must_be in zip(answers, unread.values(), strict=True))
    known = set(search.texts)
    search.texts += [text for answer in answers for text in answer.texts if text not in known]
    if is_found and all(answer.is_complete for answer in answers):
        search.problems.clear()


def _others_in(packet: Packet) -> Iterator[tuple[Place, Name]]:
    """Yield the properties of a packet besides dc:description that hold a description."""
    for name in packet.names():
        namespace, local = name
        if name in _OTHER_PROPERTIES:
            yield _OTHER_PROPERTIES[name], name
        elif local.lower() in _DESCRIBING and name != DESCRIPTION and not namespace.startswith(_NO_WORDS):
            yield Place.XMP_OTHER, name


class _Search:
    """Gathers copies in the order in which readers prefer them."""

    def __init__(self, problems: list[str]) -> None:
        self.texts: list[FoundText] = []
        self.marks: list[Mark] = []
        self.problems = problems
        self.make = ""
        self.has_own_extras = False
        self.own_alt_texts: list[str] = []

    def evidence(self) -> Evidence:
        """Return all that was found, up to a bound for files made to fill an index."""
        if len(self.texts) > _MAX_TEXTS:
            del self.texts[_MAX_TEXTS:]
            self.problems.append(f"it has more than {_MAX_TEXTS:,} descriptions")
        return Evidence(
            texts=self.texts,
            marks=self.marks,
            make=self.make,
            problems=self.problems,
            has_own_extras=self.has_own_extras,
            own_alt_texts=self.own_alt_texts,
        )

    def photo(self, contents: Contents) -> bool:
        """Look at a photo's own parts in the order of the Metadata Working Group; return whether all could be read."""
        known_problems = len(self.problems)
        if contents.damage:
            self.problems.append(contents.damage)
        texts, parts = contents.layout.texts, contents.layout.parts
        blocks = [exif_texts(exif) for exif in texts.exifs]
        self._add(Place.EXIF, contents.path, (text for block in blocks for text in block.descriptions))
        if not blocks and (value := parts.get(Part.DESCRIPTION)) is not None:
            self._add(Place.EXIF, contents.path, [decoded(value)])
        if contents.packet is not None:
            self.packet(Place.XMP, contents.path, contents.packet)
        for data in texts.packets:
            try:
                self.packet(Place.XMP, contents.path, Packet(data))
            except XmlError as error:
                self.problems.append(f"its XMP cannot be read: {error}")
        self._iptc(contents)
        self._more_exif(contents.path, blocks)
        self._add(
            Place.COMMENT, contents.path, (text for kind, text in texts.comments if kind is not CommentKind.TITLE)
        )
        self.problems += texts.problems
        return len(self.problems) == known_problems

    def packet(self, place: Place, path: Path, packet: Packet, *, is_shared: bool = False) -> None:
        """Look at a packet, in the photo or in a sidecar."""
        descriptions = packet.texts(DESCRIPTION)
        if (mark := read_mark(packet)) is not None:
            self.marks.append(replace(mark, is_shared=is_shared))
        if not is_shared:
            self.has_own_extras |= has_own_extras(packet)
            self.own_alt_texts += [text for text in (packet.text(ALT_TEXT),) if text and is_own_alt_text(packet)]
        for language, text in descriptions:
            self.texts.append(
                FoundText(place=place, path=path, text=clean_text(text), language=language, is_shared=is_shared)
            )
        for other, name in _others_in(packet):
            for language, text in packet.texts(name):
                self.texts.append(
                    FoundText(place=other, path=path, text=clean_text(text), language=language, is_shared=is_shared)
                )

    def neighbours(self, around: Surroundings, photo: str) -> None:
        """Look at what lies beside the photo of this name and is no XMP."""
        for file in around.takeout:
            takeout = takeout_words(file.data)
            self._add(Place.TAKEOUT, file.path, [takeout.description])
            if not takeout.is_readable:
                self.problems.append(f"{file.path.name} cannot be read")
        for file in around.texts:
            self._add(Place.TEXT_FILE, file.path, [plain_text(file.data)])
        for file in around.lists:
            try:
                words = listed_description(file.path.parent.name, file.path.name, file.data, photo)
            except ValueError:
                self.problems.append(f"{file.path.name} cannot be read")
            else:
                self._add(Place.FOLDER_LIST, file.path, [words])

    def _iptc(self, contents: Contents) -> None:
        parts, texts = contents.layout.parts, contents.layout.texts
        for irb in (parts.get(Part.IRB, b""), *texts.irbs):
            self._datasets(contents.path, irb, is_resource=True)
        for iim in (parts.get(Part.IIM, b""), *texts.iims):
            self._datasets(contents.path, iim, is_resource=False)

    def _datasets(self, path: Path, block: bytes, *, is_resource: bool) -> None:
        try:
            self._add(Place.IPTC, path, captions_in_resources(block) if is_resource else captions_in(block))
        except IptcError as error:
            self.problems.append(f"its IPTC cannot be read: {error}")

    def _more_exif(self, path: Path, blocks: Iterable[ExifTexts]) -> None:
        for block in blocks:
            self.make = self.make or block.make
            self._add(Place.EXIF_ELSEWHERE, path, block.other_descriptions)
            self._add(Place.USER_COMMENT, path, block.user_comments)
            self._add(Place.XP_COMMENT, path, block.xp_comments)
            self._add(Place.XP_TITLE, path, block.xp_titles)
            self._add(Place.XP_SUBJECT, path, block.xp_subjects)
            if block.problem:
                self.problems.append(block.problem)

    def _add(self, place: Place, path: Path, texts: Iterable[str]) -> None:
        cleaned = (clean_text(text) for text in texts)
        self.texts += [FoundText(place=place, path=path, text=text) for text in cleaned if text]
