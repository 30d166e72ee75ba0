"""How photocap signs its captions in XMP, so that a later run can tell its own words from a person's."""

from __future__ import annotations

from photocap.metadata.captions import Mark, Place, clean_text, digest
from photocap.metadata.policy import Scope, WriteOrder
from photocap.metadata.xml import Name
from photocap.metadata.xmp import (
    ALT_TEXT,
    CAPTION_WRITER,
    DESCRIPTION,
    PHOTOCAP,
    SUBJECT,
    Packet,
)
from photocap.metadata.xmp_edits import BagChange, XmpChange

MAX_ALT_TEXT_CHARACTERS = 250  # IPTC Photo Metadata 2021.1
_MODEL: Name = (PHOTOCAP, "Model")
_VERSION: Name = (PHOTOCAP, "Version")
_DATE: Name = (PHOTOCAP, "Date")
_CONFIDENCE: Name = (PHOTOCAP, "Confidence")
_DIGEST: Name = (PHOTOCAP, "TextSHA256")
_ALT_DIGEST: Name = (PHOTOCAP, "AltTextSHA256")
_KEYWORDS: Name = (PHOTOCAP, "Keywords")
_WRITER = "photocap "

_SIGNING: set[Name] = {_MODEL, _VERSION, _DATE, _CONFIDENCE, _DIGEST}
OWN_PROPERTIES: set[Name] = _SIGNING | {_ALT_DIGEST, _KEYWORDS}


def read_mark(packet: Packet) -> Mark | None:
    """Return what photocap noted in a packet, None where it did not."""
    text_digest = packet.text(_DIGEST)
    if text_digest is None:
        return None
    has_description = bool(packet.texts(DESCRIPTION))
    return Mark(clean_text(packet.text(_MODEL) or "") or "unknown", text_digest.strip(), has_description)


def own_keywords(packet: Packet) -> list[str]:
    """Return the keywords in a packet that photocap put there."""
    return [text.strip() for _, text in packet.texts(_KEYWORDS)]


def has_own_extras(packet: Packet) -> bool:
    """Return whether a packet has an alternative text or keywords by photocap."""
    return is_own_alt_text(packet) or bool(own_keywords(packet))


def caption_change(packet: Packet, order: WriteOrder) -> XmpChange:
    """Return the change to a packet that an order asks for.

    A person's caption writer, alternative text and keywords stay.
    """
    if order.scope is Scope.REMOVAL:
        return _removal(packet, order)
    texts = {DESCRIPTION: order.text} if order.writes_caption and Place.XMP not in order.kept else {}
    simple: dict[Name, str | None] = {}
    if order.writes_caption:
        simple = _signed(packet, order) if order.signature else _unsigned(packet)
    alt_text = _new_alt_text(packet, order)
    if alt_text and alt_text != packet.text(ALT_TEXT):
        texts[ALT_TEXT] = alt_text
        simple[_ALT_DIGEST] = digest(alt_text)
    return XmpChange(texts, simple, {} if order.keywords is None else _keyword_bags(packet, order.keywords))


def _removal(packet: Packet, order: WriteOrder) -> XmpChange:
    """Return the change that takes out of a packet what photocap put there."""
    texts: dict[Name, str] = {}
    simple = dict.fromkeys(OWN_PROPERTIES - {_KEYWORDS}) | _unsigned(packet)
    mark = read_mark(packet)
    descriptions = [text for _, text in packet.texts(DESCRIPTION)]
    others = [text for text in descriptions if mark is None or digest(text) != mark.digest]
    if Place.XMP not in order.kept and len(others) < len(descriptions):
        if others:  # a person's, in other languages
            texts[DESCRIPTION] = ""
        else:
            simple[DESCRIPTION] = None
    if is_own_alt_text(packet):
        simple[ALT_TEXT] = None
    return XmpChange(texts, simple, _keyword_bags(packet, ()) if own_keywords(packet) else {})


def shortened(text: str) -> str:
    """Return a caption as alternative text, cut at a word where it is too long."""
    if len(text) <= MAX_ALT_TEXT_CHARACTERS:
        return text
    head, _, _ = text[:MAX_ALT_TEXT_CHARACTERS].rpartition(" ")
    return (head or text[: MAX_ALT_TEXT_CHARACTERS - 1]).rstrip(" ,;") + "…"


def is_own_alt_text(packet: Packet) -> bool:
    """Return whether the alternative text is one that photocap made, and nobody has changed it since."""
    current = packet.text(ALT_TEXT)
    if not current:
        return False
    if packet.text(_ALT_DIGEST) is not None:
        return packet.text(_ALT_DIGEST) == digest(current)
    mark = read_mark(packet)  # photocap 0.x kept no digest of it
    description = packet.text(DESCRIPTION) or ""
    return mark is not None and digest(description) == mark.digest and current == shortened(description)


def _signed(packet: Packet, order: WriteOrder) -> dict[Name, str | None]:
    signature = order.signature
    assert signature is not None  # the caller looked
    model_id = clean_text(signature.model_id)
    simple: dict[Name, str | None] = {
        _MODEL: model_id,
        _VERSION: signature.version,
        _DATE: signature.date,
        _CONFIDENCE: None if signature.confidence is None else f"{signature.confidence:.3f}",
        _DIGEST: digest(order.text),
    }
    if _is_own_writer(packet):
        simple[CAPTION_WRITER] = f"{_WRITER}{signature.version} ({model_id})"
    return simple


def _unsigned(packet: Packet) -> dict[Name, str | None]:
    return dict.fromkeys([*sorted(_SIGNING), *([CAPTION_WRITER] if _is_own_writer(packet) else [])])


def _is_own_writer(packet: Packet) -> bool:
    writer = packet.text(CAPTION_WRITER)
    return not writer or writer.startswith(_WRITER)


def _new_alt_text(packet: Packet, order: WriteOrder) -> str:
    """Return the alternative text to write; empty where it stays as it is."""
    if is_own_alt_text(packet):
        return shortened(order.alt_text or order.text)
    is_free = not (packet.text(ALT_TEXT) or "").strip()
    return shortened(order.alt_text) if is_free and order.alt_text else ""


def _keyword_bags(packet: Packet, keywords: tuple[str, ...]) -> dict[Name, BagChange]:
    """Return the changes that make these the keywords by photocap, beside those of people."""
    own = set(own_keywords(packet))
    people = {text.strip().lower() for _, text in packet.texts(SUBJECT)} - {keyword.lower() for keyword in own}
    wanted = [keyword for keyword in keywords if keyword.lower() not in people]
    return {
        SUBJECT: BagChange(
            added=tuple(keyword for keyword in wanted if keyword not in own), removed=frozenset(own - set(wanted))
        ),
        _KEYWORDS: BagChange(
            added=tuple(keyword for keyword in wanted if keyword not in own), removed=frozenset(own - set(wanted))
        ),
    }
