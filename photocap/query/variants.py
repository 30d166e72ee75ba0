"""Other ways to write the same word: Straße and Strasse, Müller and Mueller, O'Brien and obrien, t-shirt and tshirt.

FTS5's tokenizer folds case and accents. What is left is done here, to the words of the index and to those of a query
alike, so that either spelling finds the other.
"""

from __future__ import annotations

import re
import unicodedata

_PLAIN = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "\u0131": "i"}
)
_TRANSCRIBED = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa"})
_JOINTS = re.compile(r"['\u2018\u2019\u02bc`\u00b4\-\u2010\u2011]")
_POSSESSIVE = re.compile(r"['\u2018\u2019\u02bc`\u00b4]s$", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]+(?:['\u2018\u2019\u02bc`\u00b4\-\u2010\u2011][^\W_]+)*")


def variants(word: str) -> tuple[str, ...]:
    """Return the other spellings of a word, each one token of the text index; most words have none."""
    if word.isascii() and word.isalnum():
        return ()
    folded = unicodedata.normalize("NFKC", word).lower()
    joined = _JOINTS.sub("", folded)
    found = [_JOINTS.sub("", _POSSESSIVE.sub("", folded)), joined, joined.translate(_PLAIN)]
    found.append(joined.translate(_TRANSCRIBED).translate(_PLAIN))
    tokens = {folded, _without_accents(folded)}
    return tuple(dict.fromkeys(other for other in found if other.isalnum() and _without_accents(other) not in tokens))


def with_variants(text: str) -> str:
    """Return text in composed form with the other spellings of its words behind it, for the text index."""
    composed = unicodedata.normalize("NFC", text)
    others = [other for match in _WORD.finditer(composed) for other in variants(match.group())]
    return " ".join([composed, *dict.fromkeys(others)])


def fold(text: str) -> str:
    """Return text without case and accents, for comparing whole names and paths."""
    return _without_accents(text.casefold())


def _without_accents(text: str) -> str:
    if text.isascii():
        return text
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
