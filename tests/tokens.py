"""Captions as the metrics take them."""

from __future__ import annotations

from typing import Any

from photocap.tokenizer import tokenize


def tokens(captions: Any) -> Any:
    """Return the tokens of a text, or of each text of a nested list."""
    return tokenize(captions) if isinstance(captions, str) else [tokens(each) for each in captions]
