"""The indefinite article before a word."""

from __future__ import annotations

_CONSONANT_SOUNDS = ("eu", "ewe", "once", "one", "uni", "uri", "use", "usu", "ute", "uti")  # "a one-way street"


def indefinite_article(word: str) -> str:
    """Return "a" or "an" as a word is pronounced, judged by its first letters."""
    begins = word.lower()
    return "an" if begins[:1] in set("aeiou") and not begins.startswith(_CONSONANT_SOUNDS) else "a"
