"""From words to photos.

Photos that match the query as read come first, then those that match with other words for the same thing; then the
page is filled with photos whose picture looks like what the words say, down to a floor. A whole description is ranked
as one list: by look, with a bonus for each of its words that a photo has; first are photos with all of them in a
person's words, and those with the description word for word.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from photocap.index import RANKED_AT_MOST, Match, PhotoIndex, Plan, Sort, plan
from photocap.query import MONTHS, Node, Query, Word, any_of, describe, parse_query, quoted, to_fts
from photocap.search.likeness import Likeness
from photocap.search.matches import wider
from photocap.search.rank_fusion import Fused, fuse, ranks, share_of_words
from photocap.search.repeats import without_repeats
from photocap.search.request import Request, SearchOptions
from photocap.search.results import MatchKind, SearchHit, SearchResult, TextEncoderProtocol
from photocap.search.spelling import Speller

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

COUNTED_TO = 10_000
_POOL = 500  # so many of the best by words are ranked by look as well
_COPIES = 10  # so many photos for each of a page are looked through where only one of a burst is shown
_WORDS_BONUS = 0.1  # what having all the words adds to the cosine; fitted on Flickr8k dev and everyday dev
_TIER = {MatchKind.WORDS: 2.0, MatchKind.RELATED: 1.0, MatchKind.SIMILAR: 0.0}


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
    min_score: float | None = None,
    words_only: bool = False,
    sure_only: bool = False,
    like: NDArray[np.float32] | None = None,
    unique: bool = False,
) -> SearchResult:
    """Find photos by words; any text is a query, and none raises.

    Args:
        index: the index, open for reading.
        text: the query, see `photocap.query`.
        limit: how many hits to return.
        offset: how many of the best to leave out.
        sort: the order of the photos that match.
        text_encoder: gives the words an embedding among the pictures'; without one, words alone decide.
        min_score: the similarity below which no photo is added by look; None takes the model's own floor.
        words_only: leave out what is found by look alone.
        sure_only: leave out what lies below the floor also where it would fill the first page of a description.
        like: embedding of a picture (float32, unit length) that the photos shall look like, too.
        unique: show one of several copies of a picture, or of a burst.
    """
    query = parse_query(text)
    options = SearchOptions(
        limit=limit, offset=offset, sort=sort, min_score=min_score, words_only=words_only, sure_only=sure_only,
        unique=unique, like=like,
    )  # fmt: skip
    explanation = (describe(query), *query.notes)
    if query.tree is None and like is None:
        return SearchResult(query=query, counted_to=COUNTED_TO, explanation=explanation)
    speller = Speller(index, text_encoder.words if text_encoder else ())
    read = speller.corrected(query)
    found = _Search(index, Request(read.query, options, text_encoder, typed=query.words), speller)
    return replace(found.result(explanation, read.remarks), suggestions=read.suggestions)


class _Search:
    """One search: what is looked for, and what it has found so far."""

    def __init__(self, index: PhotoIndex, request: Request, speller: Speller) -> None:
        self._index = index
        self._request = request
        self._options = request.options
        self._speller = speller
        self._likeness = Likeness(index, request)
        words = dict.fromkeys(to_fts(word) for word in request.words)
        self._words = list(words) if len(words) > 1 else []  # which photos have one word is known
        self._found: dict[int, _Found] = {}

    def result(self, explanation: tuple[str, ...], remarks: tuple[str, ...]) -> SearchResult:
        """Find as many photos as the page needs."""
        request, options = self._request, self._options
        last = options.offset + options.limit
        wanted = last * _COPIES if options.unique else last
        total, filled = 0, False
        if request.ranks_by_look:
            total = self._add_by_look(wanted)
            filled = True
            if request.describes:
                read, *notes = explanation
                explanation = (f"{read}; a description, ranked by look, with a bonus for its words", *notes)
        else:
            total = self._add_matches(request.tree, MatchKind.WORDS, wanted)
            if total < wanted and (wide := wider(self._index, request.tree, self._speller)) != request.tree:
                total = self._add_matches(wide, MatchKind.RELATED, wanted)
                explanation += ("with other words for the same thing: " + describe(Query(text="", tree=wide)),)
            if request.may_fill and len(self._found) < wanted:
                filled = True
                self._add_alike(wanted)
        unknown = dict.fromkeys(word for word in request.unknown if not _is_of_date(word))
        if unknown and not options.words_only:
            remarks += (f"the model does not know: {', '.join(unknown)}",)
        shown = without_repeats(self._index, list(self._found), last) if options.unique else list(self._found)
        page = [(photo_id, self._found[photo_id]) for photo_id in shown[options.offset : last]]
        return SearchResult(
            query=request.query,
            hits=self._hits(page),
            total=total,
            counted_to=COUNTED_TO,
            explanation=explanation,
            remarks=remarks,
            filled=filled,
        )

    def _add_matches(self, tree: Node, kind: MatchKind, wanted: int) -> int:
        """Add the photos that match a tree; return how many there are."""
        query_plan = plan(tree)
        if query_plan.fts is None or self._options.sort is not Sort.RELEVANCE:
            sort = Sort.DATE if self._options.sort is Sort.RELEVANCE else self._options.sort
            matches = self._index.query.ordered(query_plan, sort, wanted)
            self._add(kind, [Fused(match.photo_id, 1.0, None, None) for match in matches])
            return self._index.query.count_matches(query_plan, COUNTED_TO)
        ranked = self._index.query.ranked(query_plan, max(wanted, _POOL))
        matches = ranked.matches
        fused = self._fused(matches[:_POOL], self._likeness.ranks(matches[:_POOL]))
        by_person = {match.photo_id for match in matches if match.by_person}
        # A person's words are never outranked.
        self._add(kind, sorted(fused, key=lambda item: item.photo_id not in by_person))
        self._add(kind, fuse([match.photo_id for match in matches[_POOL:]], _text_ranks(matches), {}))
        total = ranked.seen
        if ranked.unseen_before is not None and total < COUNTED_TO:
            before = ranked.unseen_before
            total += self._index.query.count_matches(query_plan, COUNTED_TO - total, before=before)
        return min(total, COUNTED_TO)

    def _add_by_look(self, wanted: int) -> int:
        """Add photos by look, with a bonus for the words they have; return how many have all of them."""
        query_plan = plan(self._request.tree)
        full = self._index.query.ranked(query_plan, _POOL).matches if query_plan.fts else []
        near = self._likeness.nearest(wanted)
        self._likeness.remember(full)
        matches = list({match.photo_id: match for match in [*full, *near]}.values())
        phrase = quoted(self._request.query.words)
        having = self._having(matches, phrase if full else "")
        has_all = {match.photo_id for match in full}
        by_person = {match.photo_id for match in full if match.by_person}
        exact = has_all.intersection(having.get(phrase, ()))

        def place(item: Fused) -> tuple[bool, bool]:
            return item.photo_id not in by_person, item.photo_id not in exact

        for item in sorted(self._scored(matches, having), key=place):
            kind = MatchKind.WORDS if item.photo_id in has_all else MatchKind.SIMILAR
            self._found.setdefault(item.photo_id, _Found(kind, item))
        return len(full)

    def _having(self, matches: Sequence[Match], phrase: str = "") -> dict[str, set[int]]:
        """Return which photos have each of the words that are looked for, where they are several, and a phrase."""
        asked = [*self._words, *([phrase] if phrase else [])]
        return self._index.query.having([match.photo_id for match in matches], asked) if asked else {}

    def _add_alike(self, wanted: int) -> None:
        """Add photos whose picture is near the words; without a model, those that have some of the words."""
        if self._request.vector is None:
            self._add(MatchKind.SIMILAR, self._fused(self._with_some_words(), {}))
        else:
            near = self._likeness.nearest(wanted)
            self._add(MatchKind.SIMILAR, self._scored(near, self._having(near)))

    def _add(self, kind: MatchKind, fused: Sequence[Fused]) -> None:
        for item in fused:
            self._found.setdefault(item.photo_id, _Found(kind, item))

    def _fused(self, matches: Sequence[Match], look_ranks: dict[int, int]) -> list[Fused]:
        return fuse([match.photo_id for match in matches], _text_ranks(matches), look_ranks)

    def _scored(self, matches: Sequence[Match], having: Mapping[str, set[int]]) -> list[Fused]:
        """Rank photos by the cosine of picture and words, with a bonus for the words they have."""
        if len(self._request.words) == 1:
            return self._by_probability(matches)
        ids = [match.photo_id for match in matches]
        counts = {fts: self._index.query.count_photos(fts, RANKED_AT_MOST) for fts in self._words}
        shares = share_of_words(ids, having, counts)
        scored = [
            (match.photo_id, self._likeness.of(match.picture_id) + _WORDS_BONUS * shares.get(match.photo_id, 0.0))
            for match in matches
        ]
        scored.sort(key=lambda pair: -pair[1])
        return [Fused(id_, max(0.0, min(1.0, score)), None, rank) for rank, (id_, score) in enumerate(scored, start=1)]

    def _by_probability(self, matches: Sequence[Match]) -> list[Fused]:
        ids = {match.photo_id: match.picture_id for match in matches}
        scored = sorted(
            ((photo_id, self._likeness.probability(picture_id)) for photo_id, picture_id in ids.items()),
            key=lambda pair: -pair[1],
        )
        return [Fused(id_, score, None, rank) for rank, (id_, score) in enumerate(scored, start=1)]

    def _with_some_words(self) -> list[Match]:
        """Return photos with any of the words; of common words only beside rarer ones, which tell more."""
        counted = [(self._index.query.count_photos(to_fts(word), RANKED_AT_MOST), word) for word in self._request.words]
        counted.sort(key=lambda pair: pair[0])
        rare: list[Word] = []
        reached = 0
        for count, word in counted:
            if count and reached + count <= RANKED_AT_MOST:
                rare.append(word)
                reached += count
        everything = [word for count, word in counted if count]
        rare = rare or everything[:1]
        if not rare:
            return []
        fts = any_of(rare) if len(rare) == len(everything) else f"({any_of(rare)}) AND ({any_of(everything)})"
        return self._index.query.ranked(Plan(fts, plan(self._request.filters).condition), _POOL).matches

    def _hits(self, page: Sequence[tuple[int, _Found]]) -> tuple[SearchHit, ...]:
        rows = {row.id: row for row in self._index.photos.by_id([photo_id for photo_id, _ in page])}
        similarities = self._likeness.similarities([photo_id for photo_id, _ in page])
        return tuple(
            SearchHit(
                photo=rows[photo_id],
                kind=found.kind,
                score=round(_TIER[found.kind] + found.fused.score, 4),
                text_rank=found.fused.text_rank,
                image_rank=found.fused.image_rank,
                similarity=similarities.get(photo_id),
            )
            for photo_id, found in page
            if photo_id in rows
        )


def _is_of_date(word: str) -> bool:
    """Return whether a word is a number or a month, which name no look."""
    return word.isdigit() or word.lower() in MONTHS


def _text_ranks(matches: Sequence[Match]) -> dict[int, int]:
    return ranks([(match.photo_id, match.score) for match in matches])
