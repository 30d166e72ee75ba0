"""Sentences said with less certainty, for captions of low confidence."""

from __future__ import annotations

_HEDGE = "Perhaps "


def hedged(text: str) -> str:
    """Say a sentence with less certainty: "A dog runs." -> "Perhaps a dog runs."."""
    return f"{_HEDGE}{text[0].lower()}{text[1:]}" if text else ""


def is_hedged(text: str) -> bool:
    """Return whether a sentence is said with less certainty."""
    return text.startswith(_HEDGE)


def unhedged(text: str) -> str:
    """Say a sentence plainly, for who knows that it is true: "Perhaps a dog runs." -> "A dog runs."."""
    plain = text.removeprefix(_HEDGE)
    return text if plain == text else f"{plain[:1].upper()}{plain[1:]}"
