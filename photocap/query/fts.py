"""From a query tree to an FTS5 expression (https://sqlite.org/fts5.html, section 3)."""

from __future__ import annotations

from collections.abc import Iterable

from photocap.query.tree import And, Node, Not, Or, Phrase, Word
from photocap.query.variants import variants


def is_text(node: Node) -> bool:
    """Return whether FTS5 alone can decide a tree: words and phrases, negated only beside something that is not."""
    if isinstance(node, (Word, Phrase)):
        return True
    if isinstance(node, And):
        positive = [part for part in node.parts if not isinstance(part, Not)]
        negative = [part.part for part in node.parts if isinstance(part, Not)]
        return bool(positive) and all(is_text(part) for part in [*positive, *negative])
    return isinstance(node, Or) and all(is_text(part) for part in node.parts)


def to_fts(node: Node) -> str:
    """Return the FTS5 expression of a tree for which `is_text` holds."""
    if isinstance(node, (Word, Phrase)):
        return _in_columns(node)
    if isinstance(node, Or):
        return f"({' OR '.join(to_fts(part) for part in node.parts)})"
    if not isinstance(node, And):
        raise TypeError(f"{node} is not for the text index")
    positive = " AND ".join(to_fts(part) for part in node.parts if not isinstance(part, Not))
    negative = " OR ".join(to_fts(part.part) for part in node.parts if isinstance(part, Not))
    return f"(({positive}) NOT ({negative}))" if negative else f"({positive})"


def _in_columns(text: Word | Phrase) -> str:
    star = "*" if isinstance(text, Word) and text.prefix else ""
    spellings = [text.text, *(variants(text.text) if isinstance(text, Word) else ())]
    found = " OR ".join(quoted(spelling) + star for spelling in spellings)
    if text.column:
        return f"{{{text.column}}} : ({found})"
    return f"({found})" if len(spellings) > 1 else found


def any_of(texts: Iterable[Word | Phrase]) -> str:
    """Return the FTS5 expression that finds any of these."""
    return " OR ".join(to_fts(text) for text in texts)


def quoted(text: str) -> str:
    """Return text as an FTS5 string, in which nothing is an operator."""
    escaped = text.replace('"', '""')
    return f'"{escaped}"'
