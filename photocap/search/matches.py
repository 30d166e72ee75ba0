"""Which photos match a query, whatever their rank: for counting among them."""

from __future__ import annotations

from dataclasses import dataclass

from photocap.index import PhotoIndex, plan
from photocap.query import Node, parse_query, widened
from photocap.search.results import TextEncoderProtocol
from photocap.search.spelling import Speller


@dataclass(frozen=True)
class Matches:
    """Photos that match a query; `is_all`: there are no more of them."""

    photo_ids: list[int]
    is_all: bool


def find_matches(
    index: PhotoIndex, text: str, *, at_most: int, page: int, text_encoder: TextEncoderProtocol | None = None
) -> Matches:
    """Return photos that match a query as `search` reads it, in no order that matters.

    Args:
        index: the index, open for reading.
        text: the query.
        at_most: how many photos to return.
        page: with fewer photos than this, those with other words for the same thing are added.
        text_encoder: knows more words than the photos have.
    """
    query = parse_query(text)
    if query.tree is None:
        return Matches([], is_all=True)
    speller = Speller(index, text_encoder.words if text_encoder else ())
    tree = speller.corrected(query).query.tree or query.tree
    ids = index.query.newest(plan(tree), at_most + 1)
    if len(ids) < page and (wide := wider(index, tree, speller)) != tree:
        ids = list(dict.fromkeys([*ids, *index.query.newest(plan(wide), at_most + 1)]))
    return Matches(ids[:at_most], is_all=len(ids) <= at_most)


def wider(index: PhotoIndex, tree: Node, speller: Speller) -> Node:
    """Return a query with other words for the same thing, and words of which a word is a part."""
    return widened(tree, lambda word: index.query.count_photos(f'"{word}"', 1) > 0, speller.compounds)
