"""Decide what may be written into a photo, given what was found in it: the rule that a person's words are kept."""

from __future__ import annotations

from dataclasses import dataclass

from photocap.metadata.captions import MAIN_PLACES, FoundCaption, Origin, Place, clean_text
from photocap.metadata.policy import (
    Also,
    MetadataMode,
    Overwrite,
    Scope,
    Signature,
    WriteOrder,
    WritePolicy,
    may_replace,
)
from photocap.metadata.signature import shortened

_PLACES = {Also.XP_COMMENT: Place.XP_COMMENT, Also.IPTC: Place.IPTC}
SWITCHED_OFF = "writing into files is switched off"
STANDS_ALREADY = "the same caption is there already"


@dataclass(frozen=True, kw_only=True)
class Extras:
    """What goes with a caption.

    Attributes:
        alt_text: what to say to those who cannot see the picture, where that is not the caption itself.
        keywords: what the model recognised; None where nothing is known of it.
    """

    alt_text: str = ""
    keywords: tuple[str, ...] | None = None


NO_EXTRAS = Extras()


def write_order(
    found: FoundCaption, text: str, signature: Signature | None, policy: WritePolicy, extras: Extras = NO_EXTRAS
) -> tuple[WriteOrder | None, str]:
    """Return what is to be written, None where nothing is, and why not.

    Args:
        found: what stands in the photo.
        text: the caption, cleaned.
        signature: the model that wrote it; None: a person did.
        policy: what may be replaced.
        extras: what goes with the caption.
    """
    if policy.mode is MetadataMode.NONE:
        return None, SWITCHED_OFF
    if not text:
        return None, "the caption is empty"
    if signature is not None and found.problem and policy.overwrite is not Overwrite.ALL:
        return None, f"it may hold a person's words: {found.problem}"
    keywords = extras.keywords if policy.keywords else None
    order = WriteOrder(
        text=text,
        signature=signature,
        alt_text=(extras.alt_text or text) if policy.alt_text else "",
        keywords=keywords,
        also=policy.also | _places_to_follow(found),
    )
    if signature is None and found.text == text and found.origin is Origin.PERSON:
        return _for_persons_words(found, order, policy)
    if not may_replace(found, policy.overwrite):
        return _extras_only(found, order) or (None, _refusal(found))
    if _stands_already(found, text, signature) and not _lacks_places(found, policy):
        return _extras_only(found, order) or (None, STANDS_ALREADY)
    return order, ""


def _for_persons_words(found: FoundCaption, order: WriteOrder, policy: WritePolicy) -> tuple[WriteOrder | None, str]:
    """Bring copies up to date that still say what a model said; other words of people stay."""
    if policy.overwrite is Overwrite.ALL and not found.agree:
        return order, ""  # a person asks for these words everywhere
    if policy.overwrite is not Overwrite.NONE and found.stale_copies:
        stale = {copy.place for copy in found.stale_copies}
        return _kept(order, stale), ""
    is_asked = policy.overwrite is Overwrite.ALL
    return _extras_only(found, order) or (None, STANDS_ALREADY if is_asked else _refusal(found))


def _kept(order: WriteOrder, stale: set[Place]) -> WriteOrder:
    return WriteOrder(
        text=order.text,
        signature=None,
        kept=frozenset(place for place in MAIN_PLACES if place not in stale),
        alt_text=order.alt_text,
        keywords=order.keywords,
        also=frozenset(place for place in order.also if _PLACES[place] in stale),
    )


def _places_to_follow(found: FoundCaption) -> frozenset[Also]:
    """Return the further places that hold photocap's earlier caption, and have to say the new one."""
    own = {copy.place for copy in found.copies if copy.origin is Origin.PHOTOCAP}
    return frozenset(also for also, place in _PLACES.items() if place in own)


def _lacks_places(found: FoundCaption, policy: WritePolicy) -> bool:
    """Return whether further places that are asked for do not have the caption yet."""
    return bool(policy.also) and not {_PLACES[also] for also in policy.also} <= {copy.place for copy in found.copies}


def _extras_only(found: FoundCaption, order: WriteOrder) -> tuple[WriteOrder, str] | None:
    """Return an order for alternative text and keywords alone; None where there is nothing to do.

    The alternative text is the caption that stands, a person's own words where they are that.
    """
    if not order.alt_text and order.keywords is None and not _has_stale_alt_text(found):
        return None
    if not found.text and order.keywords is None:
        return None
    return (
        WriteOrder(
            text=found.text or order.text,
            signature=order.signature,
            scope=Scope.EXTRAS,
            alt_text=found.text if order.alt_text and found.origin is Origin.PERSON and found.text else order.alt_text,
            keywords=order.keywords,
        ),
        "",
    )


def _has_stale_alt_text(found: FoundCaption) -> bool:
    """Return whether photocap's alternative text says something else than the words that a person has put there."""
    is_persons = found.origin is Origin.PERSON and found.text
    return bool(is_persons) and any(text != shortened(found.text or "") for text in found.evidence.own_alt_texts)


def _refusal(found: FoundCaption) -> str:
    """Say why a caption is kept."""
    return {
        Origin.PERSON: "a person's caption is kept" if found.text else "a person deleted the caption",
        Origin.PHOTOCAP: "photocap's earlier caption is kept",
        Origin.JUNK: "the camera's own text is kept",
        Origin.NOBODY: "",
    }[found.origin]


def _stands_already(found: FoundCaption, text: str, signature: Signature | None) -> bool:
    is_own = found.origin is Origin.PERSON
    if signature is not None:
        is_own = found.origin is Origin.PHOTOCAP and found.model_id == clean_text(signature.model_id)
    return is_own and found.text == text and found.agree
