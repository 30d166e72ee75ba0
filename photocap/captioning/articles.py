"""The indefinite article before a word."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest

_CONSONANT_SOUNDS = ("eu", "ewe", "once", "one", "uni", "uri", "use", "usu", "ute", "uti")  # "a one-way street"


def indefinite_article(word: str) -> str:
    """Return "a" or "an" as a word is pronounced, judged by its first letters."""
    begins = word.lower()
    return "an" if begins[:1] in set("aeiou") and not begins.startswith(_CONSONANT_SOUNDS) else "a"


def with_right_articles(words: Sequence[str]) -> Iterator[str]:
    """Yield the words of a sentence, with "an" for an "a" that stands before a vowel; "an" is left as it is."""
    for word, following in zip_longest(words, words[1:], fillvalue=""):
        yield indefinite_article(following) if word == "a" else word
