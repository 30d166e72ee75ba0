"""How near pictures are to what is looked for, and which are near enough to be shown."""

from __future__ import annotations

from collections.abc import Sequence

from photocap.index import RANKED_AT_MOST, Condition, Match, PhotoIndex, Plan, Sort, plan
from photocap.query import And
from photocap.search.rank_fusion import ranks
from photocap.search.request import Request

_NEAREST = 200  # so many of the nearest are considered
_FIRST = 20  # so many are shown of a description that some picture fits, however far behind that


class Likeness:
    """The cosines of one search, and the probabilities of the label that it looks for: each is computed once.

    Args:
        index: the index, open for reading.
        request: what is looked for; without an embedding, no picture is like it.
    """

    def __init__(self, index: PhotoIndex, request: Request) -> None:
        self._index = index
        self._request = request
        self._label = request.label
        self._cosine: dict[int, float] = {}
        self._labelled: dict[int, float] = {}

    def of(self, picture_id: int) -> float:
        """Return the cosine of a picture that was remembered; of any other 0."""
        return self._cosine.get(picture_id, 0.0)

    def probability(self, picture_id: int) -> float:
        """Return how probable it is, in [0, 1], that a picture that was remembered shows what is looked for."""
        encoder, options = self._request.encoder, self._request.options
        cosine = self.of(picture_id)
        by_look = encoder.similarity(cosine) if encoder and options.like is None else cosine
        return max(by_look, self._labelled.get(picture_id, 0.0))

    def remember(self, matches: Sequence[Match]) -> None:
        """Compute the cosines of the pictures of some photos."""
        if self._request.vector is None or not matches:
            return
        from photocap.search.vector_search import cosines

        pictures = [match.picture_id for match in matches]
        self._cosine.update(cosines(self._index, self._request.vector, pictures))
        self._remember_labels(pictures)

    def _remember_labels(self, picture_ids: Sequence[int]) -> None:
        if self._label:
            self._labelled.update(self._index.likely_labels.probabilities(self._label, picture_ids))

    def ranks(self, matches: Sequence[Match]) -> dict[int, int]:
        """Rank photos by how near their pictures are; those without an embedding have no rank."""
        self.remember(matches)
        known = [(m.photo_id, self._key(m.picture_id)) for m in matches if m.picture_id in self._cosine]
        return ranks(sorted(known, key=lambda pair: -pair[1]))

    def _key(self, picture_id: int) -> float:
        return self.probability(picture_id) if self._label else self.of(picture_id)

    def nearest(self, wanted: int) -> list[Match]:
        """Return the photos that meet the filters and whose pictures are nearest, as long as they are near enough.

        Where a label is looked for, those that likely show it are among them.
        """
        vector = self._request.vector
        if vector is None:
            return []
        from photocap.search.vector_search import cosines, nearest

        count = max(wanted, _NEAREST)
        condition = plan(self._request.filters).condition
        if self._request.filters == And(()):
            near = nearest(self._index, vector, count)
        else:
            matches = self._index.query.ordered(Plan(None, condition), Sort.DATE, RANKED_AT_MOST)
            near = cosines(self._index, vector, [match.picture_id for match in matches])[:count]
        near = near[: self._near_enough([cosine for _, cosine in near])]
        self._cosine.update(near)
        found = self._index.query.photos_of([picture_id for picture_id, _ in near], condition, count)
        return [*found, *self._likely(condition, count)] if self._label else found

    def _likely(self, condition: Condition, count: int) -> list[Match]:
        assert self._label
        options = self._request.options
        # Below the floor of similarity, of which half is right, still some two in five are.
        least = self._least() if options.sure_only or options.min_score is not None else 0.0
        likely = self._index.likely_labels.photos_with(self._label, condition, at_least=least, limit=count)
        # Those that look near are among the nearest already; the others' embeddings are not worth reading.
        self._remember_labels([match.picture_id for match in likely])
        return likely

    def _least(self) -> float:
        """Return the similarity below which nothing is shown."""
        options, encoder = self._request.options, self._request.encoder
        if options.min_score is not None or encoder is None:
            return options.min_score or 0.0
        is_clear = self._request.describes and not self._request.is_guessed
        return encoder.description_floor if is_clear else encoder.similarity_floor

    def _near_enough(self, cosines: Sequence[float]) -> int:
        """Return how many of the nearest pictures, by falling cosine, are shown.

        A floor that hardly any nonsense passes costs one in twenty of the photos that a description is about. So it
        is asked of the best one only: where that passes, the first page shows what comes next.
        """
        options, encoder = self._request.options, self._request.encoder
        if options.like is not None or encoder is None:
            return sum(options.min_score is None or cosine >= options.min_score for cosine in cosines)
        least = self._least()
        passed = sum(encoder.similarity(cosine) >= least for cosine in cosines)
        goes_on = passed and self._request.describes and options.min_score is None and not options.sure_only
        return max(passed, min(_FIRST, len(cosines))) if goes_on else passed

    def similarities(self, photo_ids: Sequence[int]) -> dict[int, float]:
        """Return for photos what their likeness means, in [0, 1]; nothing for those without an embedding."""
        if self._request.vector is None:
            return {}
        pictures = self._index.query.pictures_of(photo_ids)
        self.remember([Match(photo, id_, 0.0) for photo, id_ in pictures.items() if id_ not in self._cosine])
        self._remember_labels(list(pictures.values()))
        return {photo: round(self.probability(id_), 4) for photo, id_ in pictures.items() if id_ in self._cosine}
