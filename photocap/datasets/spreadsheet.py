"""Cells of CSV tables that people open in spreadsheets, which run what begins like a formula.

A quote mark before it makes it text, as https://owasp.org/www-community/attacks/CSV_Injection recommends; reading the
table again takes the mark away.
"""

from __future__ import annotations

from typing import TypeVar

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_MARK = "'"

T = TypeVar("T")


def as_cell(value: T) -> T | str:
    """Return a value for a table: text that begins like a formula gets a mark, everything else stays."""
    if isinstance(value, str) and value.lstrip(_MARK).startswith(_FORMULA_STARTS):
        return _MARK + value
    return value


def from_cell(text: str) -> str:
    """Return what `as_cell` made a cell of."""
    if text.startswith(_MARK) and text.lstrip(_MARK).startswith(_FORMULA_STARTS):
        return text[1:]
    return text
