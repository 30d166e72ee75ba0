"""Queries in plain words: `show me photos of dogs`, `dog or cat on a beach`, `not a dog`, `no dogs`, `last summer`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import pairwise

from photocap.query.dates import period
from photocap.query.lexer import Token, TokenKind
from photocap.query.words import STOP_WORDS

_ASKING = frozenset("show find search get give look see display list want".split())  # noqa: SIM905
_ABOUT = frozenset("photo photos picture pictures image images pic pics photograph photographs".split())  # noqa: SIM905
_LINKING = frozenset("of with showing containing from taken where for in on at".split())  # noqa: SIM905
_ARTICLES = frozenset({"a", "an", "the", "any", "some", "my", "our", "all", "me", "us", "i", "to", "please", "for"})
_NEGATIONS = frozenset({"not", "no", "without", "except", "excluding"})
_LONGEST_DATE = 3  # words: "4 July 2019"


def as_meant(tokens: Sequence[Token]) -> list[Token]:
    """Return the tokens of a query with what people say around it taken out, and "or" and "no" as operators."""
    return _alternatives(_exclusions(_dates(_without_request(list(tokens)))))


def _is_word(token: Token, words: frozenset[str]) -> bool:
    return token.kind is TokenKind.PLAIN and token.text.lower() in words


def _without_request(tokens: list[Token]) -> list[Token]:
    """Drop "show me all photos of" at the beginning, if anything is left behind it."""
    at = 0
    while at < len(tokens) and _is_word(tokens[at], _ARTICLES | _ASKING):
        at += 1
    asked = any(_is_word(token, _ASKING) for token in tokens[:at])
    if at < len(tokens) and _is_word(tokens[at], _ABOUT):
        linked = at + 1 < len(tokens) and _is_word(tokens[at + 1], _LINKING)
        if linked or asked:
            at += 1 + linked
    elif not asked:
        return tokens
    rest = tokens[at:]
    return rest if any(not _is_word(token, STOP_WORDS) for token in rest) else tokens


def _dates(tokens: list[Token]) -> list[Token]:
    """Make filters of "yesterday", "last summer", "4 July 2019" and "2019-07-04"."""
    found: list[Token] = []
    at = 0
    while at < len(tokens):
        length = next((n for n in range(_LONGEST_DATE, 0, -1) if _is_date(tokens[at : at + n], n)), 0)
        if length:
            text = " ".join(token.text for token in tokens[at : at + length])
            found.append(Token(kind=TokenKind.FIELD, text=text, field="date", quoted=True, raw=text))
        else:
            found.append(tokens[at])
        at += length or 1
    return found


def _is_date(tokens: Sequence[Token], length: int) -> bool:
    if len(tokens) != length or any(token.kind is not TokenKind.PLAIN for token in tokens):
        return False
    text = " ".join(token.text for token in tokens)
    # A year, month or season is a word of a photo's date, and perhaps of its folder: searched for like any other.
    is_word = any(c.isdigit() for c in text) and length != _LONGEST_DATE and not (length == 1 and not text.isdigit())
    return not is_word and period(text, date.today()) is not None


def _exclusions(tokens: list[Token]) -> list[Token]:
    """Make "not a dog" and "no dogs" exclusions; a negation with nothing to exclude stays a word."""
    found: list[Token] = []
    for at, token in enumerate(tokens):
        if found and found[-1].kind is TokenKind.MINUS and _is_word(token, _ARTICLES):
            continue
        if _is_word(token, _NEGATIONS) and token.text != "NOT" and _excludes(tokens[at + 1 :]):
            if not (found and found[-1].kind is TokenKind.MINUS):
                found.append(Token(kind=TokenKind.MINUS, text="-", raw=token.raw))
        else:
            found.append(token)
    return found


def _excludes(rest: Sequence[Token]) -> bool:
    following = next((token for token in rest if not _is_word(token, _ARTICLES | _NEGATIONS)), None)
    return (
        following is not None
        and following.kind not in (TokenKind.CLOSE, TokenKind.MINUS)
        and not _is_word(following, STOP_WORDS)
        and following.text not in ("AND", "OR", "NOT")
    )


def _alternatives(tokens: list[Token]) -> list[Token]:
    """Bind "or" to the words around it: (dog or cat) on a beach, (black dog or white cat) in the snow."""
    found: list[Token] = []
    for run in _runs(tokens):
        if _is_choice([_is_or(token) for token in run]):
            inner = [Token(kind=TokenKind.PLAIN, text="OR", raw=token.raw) if _is_or(token) else token for token in run]
            found += [
                Token(kind=TokenKind.OPEN, text="("),
                *inner,
                Token(kind=TokenKind.CLOSE, text=")"),
            ]
        else:
            found += run
    return found


def _is_choice(ors: list[bool]) -> bool:
    """Return whether every "or" of a run has something on both sides."""
    return any(ors) and not (ors[0] or ors[-1] or any(a and b for a, b in pairwise(ors)))


def _is_or(token: Token) -> bool:
    return token.kind is TokenKind.PLAIN and token.text.lower() == "or" and token.text != "OR"


def _runs(tokens: Sequence[Token]) -> list[list[Token]]:
    """Cut tokens into runs of words that belong together: between prepositions, operators and parentheses."""
    runs: list[list[Token]] = [[]]
    for token in tokens:
        holds = token.kind in (TokenKind.PLAIN, TokenKind.QUOTED, TokenKind.FIELD) and token.text not in (
            "AND",
            "OR",
            "NOT",
        )
        if holds and (not _is_word(token, STOP_WORDS) or _is_word(token, _ARTICLES) or _is_or(token)):
            runs[-1].append(token)
        else:
            runs += [[token], []]
    return runs
