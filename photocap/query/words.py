"""From a piece of text to the words the text index can be asked for."""

from __future__ import annotations

import re
import unicodedata

from photocap.query.tree import Phrase, Substring, Text, Word

STOP_WORDS = frozenset(
    """
    a an and are as at be by for from in into is it its not of on or over perhaps that the their there they this to
    was were which with
    """.split()  # noqa: SIM905 - a list of quoted words would be longer than it is clear
)
"""Words that say nothing about a picture; left out unless nothing else is asked for or they are quoted."""

# Between these a text falls into words of its own; a hyphen or an apostrophe holds a word together.
_BREAKS = re.compile(r"[,;/|!?&+=<>:\[\]{}]+")

# Scripts written without spaces: Thai, Lao, Myanmar, Khmer; kana, Han, and their extensions.
_NO_SPACES = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)


def words_of(text: str) -> list[Text]:
    """Return what a piece of unquoted text asks for; empty where it is punctuation only."""
    found: list[Text] = []
    for piece in _BREAKS.split(text):
        prefix = piece.endswith("*")
        bare = piece.strip("*")
        if _is_substring(bare):
            found.append(Substring(bare))
        elif _is_indexed(bare):
            found.append(Word(bare, prefix=prefix))
    return found


def phrase_of(text: str) -> list[Text]:
    """Return what a quoted text asks for; empty where it is punctuation only."""
    if _is_substring(text):
        return [Substring(text.strip())]
    return [Phrase(" ".join(text.split()))] if _is_indexed(text) else []


def _is_substring(text: str) -> bool:
    if _NO_SPACES.search(text):
        return True
    return not _is_indexed(text) and any(unicodedata.category(character) == "So" for character in text)


def _is_indexed(text: str) -> bool:
    """Tell whether FTS5's unicode61 finds a token in this text: letters, digits, private use."""
    return any(unicodedata.category(c)[0] in "LN" or unicodedata.category(c) == "Co" for c in text)
