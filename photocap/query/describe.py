"""Saying in words how a query was read, for `--explain`."""

from __future__ import annotations

from photocap.query.tree import (
    And,
    Compare,
    Contains,
    Field,
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

_TRAITS = {
    "gps": "with a place",
    "caption": "with a caption",
    "date": "with a date",
    "camera": "with a camera's name",
    "rating": "with a rating",
    "edited": "captioned by a person",
    "missing": "now missing",
    "failed": "that could not be read",
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


def _leaf(node: Word | Phrase | Substring | Contains | Compare | Taken | Near | Trait) -> str:
    if isinstance(node, Word):
        return f'with a word that begins with "{node.text}"' if node.prefix else f'with "{node.text}"'
    if isinstance(node, Phrase):
        return f'with exactly "{node.text}"'
    if isinstance(node, Substring):
        return f'with "{node.text}" in a person\'s caption'
    if isinstance(node, Contains):
        return f'with "{node.text}" in the {node.field.value}'
    if isinstance(node, Compare):
        name = "confidence" if node.field is Field.CONFIDENCE else node.field.value
        return f"with {name} {node.operator} {node.limit:g}"
    if isinstance(node, Near):
        return f"within {node.radius_km:g} km of {node.latitude:g}, {node.longitude:g}"
    if isinstance(node, Taken):
        return _taken(node)
    return _TRAITS[node.name]


def _taken(node: Taken) -> str:
    if node.start is None:
        return f"taken before {node.end}"
    if node.end is None:
        return f"taken on {node.start} or later"
    return f"taken from {node.start} to before {node.end}"
