"""How photocap signs its captions in XMP, so that a later run can tell its own words from a person's."""

from __future__ import annotations

from photocap.metadata.captions import Mark, clean_text, digest
from photocap.metadata.policy import Signature
from photocap.metadata.xml import Name
from photocap.metadata.xmp import ALT_TEXT, CAPTION_WRITER, DESCRIPTION, PHOTOCAP, Packet, XmpChange

MAX_ALT_TEXT_CHARACTERS = 250  # IPTC Photo Metadata 2021.1
_MODEL: Name = (PHOTOCAP, "Model")
_VERSION: Name = (PHOTOCAP, "Version")
_DATE: Name = (PHOTOCAP, "Date")
_CONFIDENCE: Name = (PHOTOCAP, "Confidence")
_DIGEST: Name = (PHOTOCAP, "TextSHA256")
_WRITER = "photocap "

OWN_PROPERTIES: set[Name] = {_MODEL, _VERSION, _DATE, _CONFIDENCE, _DIGEST}


def read_mark(packet: Packet) -> Mark | None:
    """Return what photocap noted in a packet, None where it did not."""
    text_digest = packet.text(_DIGEST)
    if text_digest is None:
        return None
    return Mark(clean_text(packet.text(_MODEL) or "") or "unknown", text_digest.strip())


def caption_change(packet: Packet, text: str, marking: Signature | None, *, alt_text: bool) -> XmpChange:
    """Return the change that puts a caption with its mark into a packet.

    A person's caption writer and a person's alternative text stay.
    """
    texts = {DESCRIPTION: text}
    if alt_text and _alt_text_is_free(packet):
        texts[ALT_TEXT] = shortened(text)
    writer = packet.text(CAPTION_WRITER)
    own_writer = not writer or writer.startswith(_WRITER)
    if marking is None:
        return XmpChange(texts, dict.fromkeys([*sorted(OWN_PROPERTIES), *([CAPTION_WRITER] if own_writer else [])]))
    confidence = None if marking.confidence is None else f"{marking.confidence:.3f}"
    simple: dict[Name, str | None] = {
        _MODEL: clean_text(marking.model_id),
        _VERSION: marking.version,
        _DATE: marking.date,
        _CONFIDENCE: confidence,
        _DIGEST: digest(text),
    }
    if own_writer:
        simple[CAPTION_WRITER] = f"{_WRITER}{marking.version} ({clean_text(marking.model_id)})"
    return XmpChange(texts, simple)


def shortened(text: str) -> str:
    """Return a caption as alternative text, cut at a word where it is too long."""
    if len(text) <= MAX_ALT_TEXT_CHARACTERS:
        return text
    head, _, _ = text[:MAX_ALT_TEXT_CHARACTERS].rpartition(" ")
    return (head or text[: MAX_ALT_TEXT_CHARACTERS - 1]).rstrip(" ,;") + "…"


def _alt_text_is_free(packet: Packet) -> bool:
    """Tell whether there is no alternative text, or one that photocap made from its own caption."""
    current = packet.text(ALT_TEXT)
    if not current or not current.strip():
        return True
    mark = read_mark(packet)
    description = packet.text(DESCRIPTION) or ""
    return mark is not None and digest(description) == mark.digest and current == shortened(description)
