"""From a piece of text to the words the text index can be asked for."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace

from photocap.query.tree import Phrase, Substring, Text, Word

STOP_WORDS = frozenset(
    """
    a about after all am an and any are as at be been before being both but by can could did do does each for from had
    has have he her here him his how i if in into is it its just me might mine my near no nor not of off on or other our
    out over own perhaps please she should so some such than that the their them then there these they this those to too
    under until up us very was we were what when where which while who whom whose why will with without would you your
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


def in_column(text: Text, column: str) -> Text:
    """Return what must stand in certain columns; characters without spaces are looked for everywhere."""
    return text if isinstance(text, Substring) else replace(text, column=column)


def has_no_spaces(text: str) -> bool:
    """Return whether text holds characters that the text index cannot find: of scripts without spaces, or emoji."""
    return bool(_NO_SPACES.search(text)) or any(unicodedata.category(c) == "So" for c in text)


def _is_substring(text: str) -> bool:
    if _NO_SPACES.search(text):
        return True
    return not _is_indexed(text) and any(unicodedata.category(character) == "So" for character in text)


def _is_indexed(text: str) -> bool:
    """Return whether FTS5's unicode61 finds a token in this text: letters, digits, private use."""
    return any(unicodedata.category(c)[0] in "LN" or unicodedata.category(c) == "Co" for c in text)
