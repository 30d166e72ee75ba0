"""From words to photos.

Three storeys, each below the one before: photos that match the query as read; photos that match
with other words for the same thing; and, where that finds nothing or the query is a whole
description, photos that have some of its words or look like it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from photocap.index import RANKED_AT_MOST, Condition, Match, PhotoIndex, Plan, Sort, plan
from photocap.query import (
    And,
    Node,
    Query,
    Word,
    any_of,
    describe,
    is_stop_word,
    is_text,
    parse_query,
    searched_texts,
    to_fts,
    widened,
)
from photocap.search.rank_fusion import Fused, fuse, ranks
from photocap.search.results import MatchKind, SearchHit, SearchResult, TextEncoderProtocol
from photocap.search.spelling import suggestions

COUNTED_TO = 10_000
_POOL = 500  # so many of the best by words are ranked by look as well
_NEAREST = 200  # so many of the nearest by look are considered where words fail
_DESCRIPTION_WORDS = 4  # from here on a query describes a picture rather than naming things
# Where a photo has not all the words, the look of it tells more than the words it has.
_SOME_WORDS_WEIGHT = 0.1
_STOREY = {MatchKind.WORDS: 2.0, MatchKind.RELATED: 1.0, MatchKind.SIMILAR: 0.0}


@dataclass(frozen=True)
class _Found:
    kind: MatchKind
    fused: Fused


def search(
    index: PhotoIndex,
    text: str,
    *,
    limit: int = 20,
    offset: int = 0,
    sort: Sort = Sort.RELEVANCE,
    text_encoder: TextEncoderProtocol | None = None,
) -> SearchResult:
    """Find photos by words; any text is a query, and none raises.

    Args:
        index: the index, open for reading.
        text: the query, see `photocap.query`.
        limit: how many hits to return.
        offset: how many of the best to leave out.
        sort: the order within each storey.
        text_encoder: gives the words a place among the pictures; without one, words alone decide.
    """
    query = parse_query(text)
    explanation = (describe(query), *query.notes)
    if query.tree is None:
        return SearchResult((), 0, COUNTED_TO, explanation)
    return _Search(index, query, sort, text_encoder).page(offset, limit, explanation)


class _Search:
    """One search: its query, and what it has found so far."""

    def __init__(self, index: PhotoIndex, query: Query, sort: Sort, text_encoder: TextEncoderProtocol | None) -> None:
        assert query.tree is not None  # the caller has looked
        self._index = index
        self._query = query
        self._tree: Node = query.tree
        self._sort = sort
        self._words = [text for text in searched_texts(self._tree) if isinstance(text, Word)]
        vector = text_encoder.encode(query.words) if text_encoder and query.words else None
        # Words that the model does not know lie nowhere.
        self._vector = vector if vector is not None and vector.any() else None
        self._found: dict[int, _Found] = {}

    def page(self, offset: int, limit: int, explanation: tuple[str, ...]) -> SearchResult:
        """Find as many photos as the page needs."""
        wanted = offset + limit
        total = self._add_matches(self._tree, MatchKind.WORDS, wanted)
        if total < wanted:
            wider = widened(self._tree, lambda word: self._index.query.count_photos(f'"{word}"', 1) > 0)
            if wider != self._tree:
                total = self._add_matches(wider, MatchKind.RELATED, wanted)
                explanation += ("with other words for the same thing: " + describe(Query("", wider)),)
        describes = len([word for word in self._words if not is_stop_word(word)]) >= _DESCRIPTION_WORDS
        if self._query.plain and self._words and len(self._found) < wanted and (describes or not total):
            self._add_alike(wanted)
        page = list(self._found.items())[offset:wanted]
        hints = suggestions(self._index, self._words) if not total else ()
        return SearchResult(self._hits(page), total, COUNTED_TO, explanation, hints)

    def _add_matches(self, tree: Node, kind: MatchKind, wanted: int) -> int:
        """Add the photos that match a tree; return how many there are."""
        query_plan = plan(tree)
        room = max(wanted, _POOL) + len(self._found)
        if query_plan.fts is None or self._sort is not Sort.RELEVANCE:
            sort = Sort.DATE if self._sort is Sort.RELEVANCE else self._sort
            matches = self._index.query.ordered(query_plan, sort, room)
            text_ranks = {match.photo_id: place for place, match in enumerate(matches, start=1)}
            self._add(kind, fuse([match.photo_id for match in matches], text_ranks, {}))
            return self._index.query.count_matches(query_plan, COUNTED_TO)
        ranked = self._index.query.ranked(query_plan, room)
        matches = [match for match in ranked.matches if match.photo_id not in self._found]
        self._add(kind, self._fused(matches[:_POOL], self._looks(matches[:_POOL])))
        self._add(kind, fuse([match.photo_id for match in matches[_POOL:]], _text_ranks(matches), {}))
        if ranked.total is None:
            return self._index.query.count_matches(query_plan, COUNTED_TO)
        return min(ranked.total, COUNTED_TO)

    def _add_alike(self, wanted: int) -> None:
        """Add photos that have some of the words, or whose picture is near them."""
        filters = _filters(self._tree)
        condition = plan(filters).condition
        near = self._nearest(condition, wanted, everywhere=filters == And(()))
        some = self._with_some_words(condition)
        ids = dict.fromkeys([match.photo_id for match in [*near, *some]])
        look_ranks = ranks([(match.photo_id, match.score) for match in near])
        self._add(MatchKind.SIMILAR, fuse(list(ids), _text_ranks(some), look_ranks, text_weight=_SOME_WORDS_WEIGHT))

    def _add(self, kind: MatchKind, fused: Sequence[Fused]) -> None:
        for item in fused:
            self._found.setdefault(item.photo_id, _Found(kind, item))

    def _fused(self, matches: Sequence[Match], look_ranks: dict[int, int]) -> list[Fused]:
        return fuse([match.photo_id for match in matches], _text_ranks(matches), look_ranks)

    def _looks(self, matches: Sequence[Match]) -> dict[int, int]:
        """Rank photos by how near their pictures are to the words."""
        if self._vector is None or not matches:
            return {}
        from photocap.search.vector_search import cosines

        cosine = dict(cosines(self._index, self._vector, [match.picture_id for match in matches]))
        known = [(match.photo_id, cosine[match.picture_id]) for match in matches if match.picture_id in cosine]
        return ranks(sorted(known, key=lambda pair: -pair[1]))

    def _nearest(self, condition: Condition, wanted: int, *, everywhere: bool) -> list[Match]:
        """Return the photos that meet the filters and whose pictures are nearest to the words."""
        if self._vector is None:
            return []
        from photocap.search.vector_search import cosines, nearest

        room = max(wanted, _NEAREST)
        if not everywhere:
            matches = self._index.query.ordered(Plan(None, condition), Sort.DATE, RANKED_AT_MOST)
            near = cosines(self._index, self._vector, [match.picture_id for match in matches])[:room]
        else:
            near = nearest(self._index, self._vector, room)
        cosine = dict(near)
        photos = self._index.query.photos_of([picture_id for picture_id, _ in near], condition, room)
        return [Match(photo.photo_id, photo.picture_id, cosine[photo.picture_id]) for photo in photos]

    def _with_some_words(self, condition: Condition) -> list[Match]:
        """Return photos with any of the words; of common words only beside rarer ones, which tell more."""
        counted = [
            (self._index.query.count_photos(to_fts(word), RANKED_AT_MOST), word)
            for word in self._words
            if not is_stop_word(word)
        ]
        counted.sort(key=lambda pair: pair[0])
        rare: list[Word] = []
        reached = 0
        for count, word in counted:
            if count and reached + count <= RANKED_AT_MOST:
                rare.append(word)
                reached += count
        if not rare:
            rare = [word for count, word in counted if count][:1]
        if not rare:
            return []
        everything = [word for count, word in counted if count]
        fts = any_of(rare) if len(rare) == len(everything) else f"({any_of(rare)}) AND ({any_of(everything)})"
        return self._index.query.ranked(Plan(fts, condition), _POOL).matches

    def _hits(self, page: Sequence[tuple[int, _Found]]) -> tuple[SearchHit, ...]:
        rows = {row.id: row for row in self._index.photos.by_id([photo_id for photo_id, _ in page])}
        return tuple(
            SearchHit(
                rows[photo_id],
                found.kind,
                round(_STOREY[found.kind] + found.fused.score, 4),
                found.fused.text_rank,
                found.fused.image_rank,
            )
            for photo_id, found in page
            if photo_id in rows
        )


def _text_ranks(matches: Sequence[Match]) -> dict[int, int]:
    return ranks([(match.photo_id, match.score) for match in matches])


def _filters(tree: Node) -> Node:
    """Return what a plain query asks besides words."""
    parts = tree.parts if isinstance(tree, And) else (tree,)
    return And(tuple(part for part in parts if not is_text(part)))
