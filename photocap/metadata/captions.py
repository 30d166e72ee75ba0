"""What is found of captions in a photo: which texts, where, whose, and whether they agree."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from photocap.metadata.camera_strings import Writer, is_camera_string, looks_like_camera_string
from photocap.records import CaptionMemory


class Place(Enum):
    """Where a copy of a caption stands.

    The first four are those that photocap writes and that galleries show; programs keep words in the others too.
    """

    SIDECAR = "sidecar"
    EXIF = "EXIF ImageDescription"
    XMP = "XMP dc:description"
    IPTC = "IPTC 2:120"
    XMP_IMAGE_DESCRIPTION = "XMP tiff:ImageDescription"
    XMP_USER_COMMENT = "XMP exif:UserComment"
    XMP_NOTES = "XMP acdsee:notes"
    XMP_LOG_COMMENT = "XMP xmpDM:logComment"
    XMP_EXTENDED = "XMP ExtDescrAccessibility"
    XMP_OTHER = "XMP of another program"
    EXIF_ELSEWHERE = "EXIF ImageDescription of another directory"
    USER_COMMENT = "EXIF UserComment"
    XP_COMMENT = "EXIF XPComment"
    XP_TITLE = "EXIF XPTitle"
    XP_SUBJECT = "EXIF XPSubject"
    COMMENT = "comment of the file format"
    TAKEOUT = "Google Takeout"
    TEXT_FILE = "text file"
    FOLDER_LIST = "file about the folder"
    OTHER = "read by ExifTool"
    ALT_TEXT = "XMP AltTextAccessibility"  # no caption; it stands beside one


NO_MEMORY = CaptionMemory()
MAIN_PLACES = (Place.SIDECAR, Place.EXIF, Place.XMP, Place.IPTC)
_WRITERS = {
    Place.EXIF: Writer.DESCRIPTION,
    Place.EXIF_ELSEWHERE: Writer.DESCRIPTION,
    Place.USER_COMMENT: Writer.USER_COMMENT,
    Place.COMMENT: Writer.COMMENT,
}


class Origin(Enum):
    """Whose words they are."""

    PERSON = "person"
    PHOTOCAP = "photocap"
    JUNK = "junk"
    NOBODY = "nobody"


@dataclass(frozen=True, kw_only=True)
class FoundText:
    """A text as it was read, before its author is known.

    Attributes:
        place: the property it stands in.
        path: the file it stands in.
        text: the words, blanks around them removed.
        language: of a language alternative; empty for plain values.
        is_shared: it stands in a sidecar that may be another photo's.
    """

    place: Place
    path: Path
    text: str
    language: str = ""
    is_shared: bool = False


@dataclass(frozen=True, kw_only=True)
class Copy:
    """One copy of a caption.

    Attributes:
        place: the property it stands in.
        path: the file it stands in.
        text: the words, blanks around them removed.
        origin: whose they are.
        language: of a language alternative; empty for plain values.
        is_shared: it stands in a sidecar that may be another photo's.
    """

    place: Place
    path: Path
    text: str
    origin: Origin
    language: str = ""
    is_shared: bool = False

    @property
    def is_main(self) -> bool:
        """Return whether galleries show it as the caption."""
        return self.place in MAIN_PLACES and self.language in ("", "x-default") and not self.is_shared


@dataclass(frozen=True)
class Mark:
    """What photocap noted in a packet beside its caption.

    Attributes:
        model_id: the model that wrote the caption.
        digest: of its text.
        has_description: whether the packet still has a description at all.
        is_shared: it stands in a sidecar that may be another photo's.
    """

    model_id: str
    digest: str
    has_description: bool = True
    is_shared: bool = False


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """All that a photo's files say, from which `resolve_caption` finds out whose caption it is.

    Attributes:
        texts: the copies in readers' order.
        marks: what photocap noted in the packets.
        make: the maker of the camera.
        problems: why some place could not be read.
        has_own_extras: whether there are alternative texts or keywords by photocap.
        own_alt_texts: the alternative texts by photocap.
    """

    texts: Sequence[FoundText] = ()
    marks: Sequence[Mark] = ()
    make: str = ""
    problems: Sequence[str] = ()
    has_own_extras: bool = False
    own_alt_texts: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class FoundCaption:
    """The caption that other programs would show.

    Attributes:
        text: the words; None where there is no caption. Where a person has deleted a caption that photocap wrote,
            the empty string, with `Origin.PERSON`.
        origin: whose words they are.
        model_id: the model that wrote them, for photocap's own.
        copies: every copy, in the order in which readers prefer them.
        agree: whether all copies that galleries show say the same.
        problem: why some place could not be read, so that it may hold a person's words; empty where all could.
        evidence: what it was found out from.
    """

    text: str | None
    origin: Origin
    model_id: str | None = None
    copies: tuple[Copy, ...] = ()
    agree: bool = True
    problem: str = ""
    evidence: Evidence = field(default_factory=Evidence, repr=False, compare=False)

    @property
    def persons_texts(self) -> tuple[str, ...]:
        """Return every text by a person, each once, the caption first."""
        texts = [copy.text for copy in self.copies if copy.origin is Origin.PERSON]
        first = [self.text] if self.text in texts else []
        return tuple(dict.fromkeys([*first, *texts]))

    @property
    def has_mark(self) -> bool:
        """Return whether something stands there that photocap has marked as its own."""
        return self.origin is Origin.PHOTOCAP or self.evidence.has_own_extras

    @property
    def stale_copies(self) -> tuple[Copy, ...]:
        """Return the copies that still hold a model's words where a person's are the caption."""
        if self.origin is not Origin.PERSON or not self.text:
            return ()
        places = (*MAIN_PLACES, Place.XP_COMMENT)
        return tuple(copy for copy in self.copies if copy.origin is Origin.PHOTOCAP and copy.place in places)

    def remembering(self, memory: CaptionMemory) -> FoundCaption:
        """Return what it is in the light of what the index knows."""
        return resolve_caption(self.evidence, memory)


_IPTC_CUT_BYTES = 1990  # a little less than what IPTC holds, since a cut falls between characters
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]")
_FORBIDDEN = re.compile(r"[\ud800-\udfff\ufffe\uffff]")  # XML 1.0 has no way to write these


def clean_text(text: str) -> str:
    """Return a caption as it can be stored everywhere: one kind of line break, no control characters."""
    text = re.sub(r"\r\n?|\x0b|\x0c|\x85|\u2028|\u2029", "\n", text)
    return _FORBIDDEN.sub("\ufffd", _CONTROLS.sub(" ", text)).strip()


def digest(text: str) -> str:
    """Return what identifies a caption's text: the SHA-256 of its UTF-8 bytes."""
    return hashlib.sha256(text.encode()).hexdigest()


def resolve_caption(evidence: Evidence, memory: CaptionMemory = NO_MEMORY) -> FoundCaption:
    """Decide which of the texts is the caption, and who wrote it.

    Args:
        evidence: what the files say.
        memory: what the index knows of the picture.
    """
    by_digest = {mark.digest: mark for mark in evidence.marks}
    judge = _Judge(evidence, memory, by_digest)
    copies = tuple(copy for text in evidence.texts if text.text and (copy := judge.copy(text)) is not None)
    main = {copy.text.encode()[:_IPTC_CUT_BYTES] for copy in copies if copy.is_main}

    def found(text: str | None, origin: Origin, model_id: str | None = None) -> FoundCaption:
        return FoundCaption(
            text=text,
            origin=origin,
            model_id=model_id,
            copies=copies,
            agree=len(main) < 2,
            problem="; ".join(evidence.problems),
            evidence=evidence,
        )

    by_person = [copy for copy in copies if copy.origin is Origin.PERSON]
    if by_person:
        return found(min(by_person, key=lambda copy: _rank(copy, memory)).text, Origin.PERSON)
    own = next((copy.text for copy in copies if copy.origin is Origin.PHOTOCAP), None)
    marks = [mark for mark in evidence.marks if not mark.is_shared]
    if marks and (own is None or not all(mark.has_description for mark in marks)):
        return found("", Origin.PERSON)  # a person deleted what photocap had signed
    if own is not None:
        mark = by_digest.get(digest(own))
        return found(own, Origin.PHOTOCAP, mark.model_id if mark else None)
    junk = next((copy.text for copy in copies if copy.origin is Origin.JUNK and copy.place in MAIN_PLACES), None)
    return found(junk, Origin.NOBODY if junk is None else Origin.JUNK)


def _rank(copy: Copy, memory: CaptionMemory) -> tuple[bool, bool, bool, bool]:
    """Return what puts a person's copies in order: the changed one first, then those that galleries show."""
    is_known = copy.place not in MAIN_PLACES or copy.text in memory.seen
    is_newer = bool(memory.seen) and not is_known
    return (not is_newer, looks_like_camera_string(copy.text), copy.place not in MAIN_PLACES, copy.is_shared)


class _Judge:
    """Decides who wrote a text."""

    def __init__(self, evidence: Evidence, memory: CaptionMemory, by_digest: dict[str, Mark]) -> None:
        texts = [text.text for text in evidence.texts]
        self._own = {text for text in texts if digest(text) in by_digest or text in memory.machine}
        self._make = evidence.make
        others = [text for text in evidence.texts if text.text not in self._own]
        self._of_camera = {text.text for text in others if self._is_by_camera(text)}

    def copy(self, text: FoundText) -> Copy | None:
        """Return a text with its origin; None for what is not a person's in a sidecar that may be another photo's."""
        origin = self._origin(text)
        if text.is_shared and origin is not Origin.PERSON:
            return None
        return Copy(
            place=text.place,
            path=text.path,
            text=text.text,
            origin=origin,
            language=text.language,
            is_shared=text.is_shared,
        )

    def _origin(self, text: FoundText) -> Origin:
        if text.text in self._own or (text.place is Place.IPTC and self._is_cut_copy(text.text)):
            return Origin.PHOTOCAP
        # Programs copy a camera's string from EXIF into XMP and IPTC; by itself it stands there for a reason.
        return Origin.JUNK if text.text in self._of_camera else Origin.PERSON

    def _is_by_camera(self, text: FoundText) -> bool:
        writer = _WRITERS.get(text.place)
        return writer is not None and is_camera_string(text.text, writer, self._make)

    def _is_cut_copy(self, text: str) -> bool:
        """Return whether an IPTC caption is the beginning of a long one; IPTC holds 2,000 bytes."""
        return len(text.encode()) >= _IPTC_CUT_BYTES and any(whole.startswith(text) for whole in self._own)
