"""The search language: text in, a tree out, and never an error."""

from photocap.query.describe import describe
from photocap.query.fts import any_of, is_text, quoted, to_fts
from photocap.query.parser import is_stop_word, parse_query
from photocap.query.tree import (
    And,
    Compare,
    Contains,
    Field,
    Filter,
    Near,
    Node,
    Not,
    Or,
    Phrase,
    Query,
    Substring,
    Taken,
    Trait,
    Word,
)
from photocap.query.widen import searched_texts, synonyms, widened

__all__ = [
    "And",
    "Compare",
    "Contains",
    "Field",
    "Filter",
    "Near",
    "Node",
    "Not",
    "Or",
    "Phrase",
    "Query",
    "Substring",
    "Taken",
    "Trait",
    "Word",
    "any_of",
    "describe",
    "is_stop_word",
    "is_text",
    "parse_query",
    "quoted",
    "searched_texts",
    "synonyms",
    "to_fts",
    "widened",
]
