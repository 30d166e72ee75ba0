"""The search language: text in, a tree out, and never an error."""

from photocap.query.columns import CAPTIONS, COLUMNS, CONTENT
from photocap.query.dates import MONTHS, season_of
from photocap.query.describe import describe
from photocap.query.fields import FIELDS, FieldSpec
from photocap.query.fts import any_of, is_text, quoted, to_fts
from photocap.query.nearest import edit_distance, nearest_name
from photocap.query.parser import is_stop_word, parse_query
from photocap.query.tree import (
    Added,
    And,
    Compare,
    Contains,
    Field,
    FileType,
    Filter,
    Near,
    NearPlace,
    Node,
    Not,
    Or,
    Phrase,
    Query,
    Substring,
    Taken,
    TimeOfDay,
    Trait,
    Word,
)
from photocap.query.values import raw_suffixes
from photocap.query.variants import fold, variants, with_variants
from photocap.query.widen import searched_texts, synonyms, widened
from photocap.query.words import has_no_spaces

__all__ = [
    "CAPTIONS",
    "COLUMNS",
    "CONTENT",
    "FIELDS",
    "MONTHS",
    "Added",
    "And",
    "Compare",
    "Contains",
    "Field",
    "FieldSpec",
    "FileType",
    "Filter",
    "Near",
    "NearPlace",
    "Node",
    "Not",
    "Or",
    "Phrase",
    "Query",
    "Substring",
    "Taken",
    "TimeOfDay",
    "Trait",
    "Word",
    "any_of",
    "describe",
    "edit_distance",
    "fold",
    "has_no_spaces",
    "is_stop_word",
    "is_text",
    "nearest_name",
    "parse_query",
    "quoted",
    "raw_suffixes",
    "searched_texts",
    "season_of",
    "synonyms",
    "to_fts",
    "variants",
    "widened",
    "with_variants",
]
