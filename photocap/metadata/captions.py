"""What is found of captions in a photo: which texts, where, whose, and whether they agree."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from enum import Enum
from pathlib import Path


class Place(Enum):
    """Where a copy of a caption stands."""

    SIDECAR = "sidecar"
    EXIF = "EXIF ImageDescription"
    XMP = "XMP dc:description"
    IPTC = "IPTC 2:120"


class Origin(Enum):
    """Whose words they are."""

    PERSON = "person"
    PHOTOCAP = "photocap"
    JUNK = "junk"
    NOBODY = "nobody"


@dataclass(frozen=True)
class Copy:
    """One copy of a caption.

    Attributes:
        place: the property it stands in.
        path: the file it stands in.
        text: the words, blanks around them removed.
        origin: whose they are.
    """

    place: Place
    path: Path
    text: str
    origin: Origin


@dataclass(frozen=True)
class FoundCaption:
    """The caption that other programs would show.

    Attributes:
        text: the words; None where there is no caption. Where a person has deleted a caption that photocap wrote,
            the empty string, with `Origin.PERSON`.
        origin: whose words they are.
        model_id: the model that wrote them, for photocap's own.
        copies: every copy, in the order in which readers prefer them.
        agree: whether all copies say the same.
        problem: why some place could not be read; empty where all could.
    """

    text: str | None
    origin: Origin
    model_id: str | None = None
    copies: tuple[Copy, ...] = ()
    agree: bool = True
    problem: str = ""


@dataclass(frozen=True)
class Mark:
    """What photocap noted in a packet beside its caption."""

    model_id: str
    digest: str


_NO_LETTER = re.compile(r"[^a-zA-Z\x80-\U0010ffff]*")  # blanks, running numbers, dates
_LONGEST_JUNK = 200  # characters; a bound for the time that the pattern takes
# What cameras and phones write by themselves.
_JUNK = re.compile(
    r"""
      (olympus|minolta|konica\ minolta|kodak|sony|fuji(film)?|nikon|canon|casio|pentax|ricoh|samsung|panasonic|epson
      |hp|polaroid|vivitar|sanyo|toshiba|jenoptik|aiptek|benq|ge|general\ imaging|rollei|agfa(photo)?|traveler|medion)?
      [\s,:-]*(digital(\ still)?\ (camera|image|picture|photo)|dsc|dcf\ ?[\d.]+|camera(\ pictures?)?)[\s\d.]*
    | samsung\ csc | <\s*(digimax|kenox|samsung|vluu|nv\d).*>                    # Samsung compacts
    | dcf\ ?\d+\.\d+ | exif([\s_-]*jpe?g)?([\s_-]*picture)?[\s_-]* | jpe?g([\s_-]*(image|picture))?
    | untitled | default | unknown
    | (img|dsc[fn]?|dscn?|pict?|imag|mvc|hpim|cimg|sany|p)[\s_-]?\d+(\.jpe?g)?   # a file name
    | (created\ with\ |file\ written\ by\ )(the\ )?(gimp|adobe\ photoshop|paint\.net).{0,12}
    | dcim[\\/].*                                                 # a file's path (action cameras, drones)
    | (oz)?(nor|edf|cof|sdr|hdr|dav|ptr|mde|fbt|rbt|rpt|pano|bty|fpt|hdrpl|rhdr|btr|ptf|bsh|cuva|s?dr)  # phone modes
    """,
    re.VERBOSE | re.IGNORECASE,
)
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


def is_junk(text: str) -> bool:
    """Tell a camera's string from a caption."""
    text = text.strip()
    if _NO_LETTER.fullmatch(text):
        return True
    return len(text) <= _LONGEST_JUNK and _JUNK.fullmatch(text) is not None


def decode_exif_text(value: bytes) -> str:
    """Return the text of an ASCII tag: UTF-8 where it is that, else Windows Latin as older programs wrote."""
    raw = value.rstrip(b"\0 ").replace(b"\0", b" ")
    try:
        return clean_text(raw.decode("utf-8"))
    except UnicodeDecodeError:
        return clean_text(raw.decode("cp1252", "replace"))


def resolve_caption(texts: list[tuple[Place, Path, str]], marks: list[Mark], problem: str = "") -> FoundCaption:
    """Decide which of the texts is the caption, and whose it is.

    Args:
        texts: the copies in readers' order.
        marks: what photocap noted in the packets.
        problem: passed on.
    """
    by_digest = {mark.digest: mark for mark in marks}
    own = [text for _, _, text in texts if digest(text) in by_digest]
    copies = tuple(Copy(place, path, text, _origin(place, text, own)) for place, path, text in texts if text)
    agree = len({copy.text.encode()[:_IPTC_CUT_BYTES] for copy in copies}) < 2
    for origin in (Origin.PERSON, Origin.PHOTOCAP, Origin.JUNK):
        chosen = next((copy for copy in copies if copy.origin is origin), None)
        if chosen is not None:
            mark = by_digest.get(digest(chosen.text))
            return FoundCaption(chosen.text, origin, mark.model_id if mark else None, copies, agree, problem)
    if marks:
        return FoundCaption("", Origin.PERSON, problem=problem)  # photocap's caption was deleted on purpose
    return FoundCaption(None, Origin.NOBODY, problem=problem)


def _origin(place: Place, text: str, own: list[str]) -> Origin:
    if text in own or (place is Place.IPTC and _is_cut_copy(text, own)):
        return Origin.PHOTOCAP
    return Origin.JUNK if is_junk(text) else Origin.PERSON


def _is_cut_copy(text: str, own: list[str]) -> bool:
    """Tell whether an IPTC caption is the beginning of a long one; IPTC holds 2,000 bytes."""
    return len(text.encode()) >= _IPTC_CUT_BYTES and any(whole.startswith(text) for whole in own)
