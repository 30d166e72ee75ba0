"""Describe in words how a query was read, for `--explain`."""

from __future__ import annotations

from photocap.query.columns import CAPTIONS, CONTENT
from photocap.query.fields import TRAITS
from photocap.query.tree import (
    Added,
    And,
    Compare,
    Contains,
    Field,
    FileType,
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

_NAMES = {Field.CONFIDENCE: "confidence", Field.F_NUMBER: "f-number", Field.FOCAL_LENGTH: "focal length"}
_COLUMN_NAMES = {
    " ".join(CAPTIONS): "caption",
    " ".join(CONTENT): "",
    "people": "people's names",
    "place": "place's name",
    "filename": "file name",
    "folders": "folder",
}


def describe(query: Query) -> str:
    """Return one sentence such as: photos with "dog" and not "cat" and taken before 2019-01-01."""
    return "nothing to search for" if query.tree is None else f"photos {_node(query.tree)}"


def _node(node: Node) -> str:
    if isinstance(node, And):
        return " and ".join(_grouped(part) for part in node.parts)
    if isinstance(node, Or):
        return " or ".join(_grouped(part) for part in node.parts)
    if isinstance(node, Not):
        return f"not {_grouped(node.part)}"
    return _leaf(node)


def _grouped(node: Node) -> str:
    return f"({_node(node)})" if isinstance(node, (And, Or)) else _node(node)


def _leaf(node: Node) -> str:
    if isinstance(node, (Word, Phrase, Substring)):
        return _text(node)
    if isinstance(node, Contains):
        return f'with "{node.text}" in the {node.field.value}'
    if isinstance(node, FileType):
        return f"of type {node.name}"
    if isinstance(node, Compare):
        return f"with {_NAMES.get(node.field, node.field.value)} {node.operator} {node.limit:g}"
    if isinstance(node, Near):
        return f"within {node.radius_km:g} km of {node.latitude:g}, {node.longitude:g}"
    if isinstance(node, NearPlace):
        return f'within {node.radius_km:g} km of "{node.name}"'
    if isinstance(node, TimeOfDay):
        return f"taken between {node.start} and {node.end}"
    if isinstance(node, (Taken, Added)):
        return _during("taken" if isinstance(node, Taken) else "added", node.start, node.end)
    assert isinstance(node, Trait)
    return TRAITS[node.field][node.name]


def _text(node: Word | Phrase | Substring) -> str:
    if isinstance(node, Substring):
        return f'with "{node.text}" in a person\'s words'
    name = _COLUMN_NAMES.get(node.column, node.column.rstrip("s"))
    where = f" in the {name}" if name else ""
    if isinstance(node, Phrase):
        return f'with exactly "{node.text}"{where}'
    return f'with a word that begins with "{node.text}"{where}' if node.prefix else f'with "{node.text}"{where}'


def _during(what: str, start: str | None, end: str | None) -> str:
    if start is None:
        return f"{what} before {end}"
    if end is None:
        return f"{what} on {start} or later"
    return f"{what} from {start} to before {end}"
