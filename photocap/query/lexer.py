"""Tokenize a query; never fails."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import Enum


class TokenKind(Enum):
    """What a token is."""

    OPEN = "("
    CLOSE = ")"
    MINUS = "-"
    QUOTED = "quoted"
    PLAIN = "plain"
    FIELD = "field"


@dataclass(frozen=True, kw_only=True)
class Token:
    """A token; of `caption:"two words"` the field is "caption", the text "two words" and the kind FIELD."""

    kind: TokenKind
    text: str
    field: str = ""
    quoted: bool = False
    raw: str = ""

    @property
    def is_verbatim(self) -> bool:
        """Return whether it was typed as it is read: an operator that is one, and not a plain "or" or "no"."""
        return self.raw == self.text


_TOKEN = re.compile(
    r"""
      (?P<open>\()
    | (?P<close>\))
    | (?P<minus>-(?=[^\s\-)]))
    | (?P<field>[A-Za-z]+):(?:"(?P<inner>[^"]*)"|(?P<value>[^\s()"]+))
    | "(?P<quoted>[^"]*)"
    | (?P<plain>(?:[^\s()"])+)
    | (?P<stray>")
    """,
    re.VERBOSE,
)


def without_controls(text: str) -> str:
    """Return text whose control characters are spaces and whose stray bytes are question marks."""
    clean = text.encode("utf-8", "replace").decode()
    return "".join(" " if unicodedata.category(character) == "Cc" else character for character in clean)


def tokenize(text: str) -> list[Token]:
    """Return the tokens of a query; whatever stands before a colon may be a field."""
    tokens: list[Token] = []
    for match in _TOKEN.finditer(text):
        raw = match.group()
        if match["open"] or match["close"]:
            tokens.append(Token(kind=TokenKind(raw), text=raw, raw=raw))
        elif match["minus"]:
            # A minus inside a word belongs to it, and then the word pattern has taken it already.
            tokens.append(Token(kind=TokenKind.MINUS, text=raw, raw=raw))
        elif match["field"]:
            quoted = match["inner"] is not None
            value = match["inner"] if quoted else match["value"]
            tokens.append(Token(kind=TokenKind.FIELD, text=value, field=match["field"], quoted=quoted, raw=raw))
        elif match["quoted"] is not None:
            tokens.append(Token(kind=TokenKind.QUOTED, text=match["quoted"], raw=raw))
        elif match["plain"]:
            tokens.append(Token(kind=TokenKind.PLAIN, text=raw, raw=raw))
        else:
            tokens.append(Token(kind=TokenKind.PLAIN, text="", raw=raw))
    return tokens
