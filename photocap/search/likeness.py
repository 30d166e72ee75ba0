"""How near pictures are to what is looked for, and which are near enough to be shown."""

from __future__ import annotations

from collections.abc import Sequence

from photocap.index import RANKED_AT_MOST, Match, PhotoIndex, Plan, Sort, plan
from photocap.query import And
from photocap.search.rank_fusion import ranks
from photocap.search.request import Request

_NEAREST = 200  # so many of the nearest are considered
_FIRST = 20  # so many are shown of a description that some picture fits, however far behind that


class Likeness:
    """The cosines of one search: each is computed once.

    Args:
        index: the index, open for reading.
        request: what is looked for; without an embedding, no picture is like it.
    """

    def __init__(self, index: PhotoIndex, request: Request) -> None:
        self._index = index
        self._request = request
        self._cosine: dict[int, float] = {}

    def of(self, picture_id: int) -> float:
        """Return the cosine of a picture that was remembered; of any other 0."""
        return self._cosine.get(picture_id, 0.0)

    def remember(self, matches: Sequence[Match]) -> None:
        """Compute the cosines of the pictures of some photos."""
        if self._request.vector is None or not matches:
            return
        from photocap.search.vector_search import cosines

        self._cosine.update(cosines(self._index, self._request.vector, [match.picture_id for match in matches]))

    def ranks(self, matches: Sequence[Match]) -> dict[int, int]:
        """Rank photos by how near their pictures are; those without an embedding have no rank."""
        self.remember(matches)
        known = [(m.photo_id, self._cosine[m.picture_id]) for m in matches if m.picture_id in self._cosine]
        return ranks(sorted(known, key=lambda pair: -pair[1]))

    def nearest(self, wanted: int) -> list[Match]:
        """Return the photos that meet the filters and whose pictures are nearest, as long as they are near enough."""
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
        return self._index.query.photos_of([picture_id for picture_id, _ in near], condition, count)

    def _near_enough(self, cosines: Sequence[float]) -> int:
        """Return how many of the nearest pictures, by falling cosine, are shown.

        A floor that hardly any nonsense passes costs one in twenty of the photos that a description is about. So it
        is asked of the best one only: where that passes, the first page shows what comes next.
        """
        options, encoder = self._request.options, self._request.encoder
        if options.like is not None or encoder is None:
            return sum(options.min_score is None or cosine >= options.min_score for cosine in cosines)
        is_clear = self._request.describes and not self._request.is_guessed
        floor = encoder.description_floor if is_clear else encoder.similarity_floor
        least = floor if options.min_score is None else options.min_score
        passed = sum(encoder.similarity(cosine) >= least for cosine in cosines)
        goes_on = passed and self._request.describes and options.min_score is None and not options.sure_only
        return max(passed, min(_FIRST, len(cosines))) if goes_on else passed

    def similarities(self, photo_ids: Sequence[int]) -> dict[int, float]:
        """Return for photos what their likeness means, in [0, 1]; nothing for those without an embedding."""
        request = self._request
        if request.vector is None:
            return {}
        pictures = self._index.query.pictures_of(photo_ids)
        self.remember([Match(photo, id_, 0.0) for photo, id_ in pictures.items() if id_ not in self._cosine])
        by_words = request.encoder.similarity if request.encoder and request.options.like is None else float
        return {photo: round(by_words(self._cosine[id_]), 4) for photo, id_ in pictures.items() if id_ in self._cosine}
