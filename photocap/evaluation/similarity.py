"""From the cosine of words and picture to a similarity that means something, and how little of it is nothing.

Fitted on one-word searches for things, those that no photo shows included: the probability that people name the thing
where the cosine is such. Descriptions have a floor of their own: whoever writes a sentence knows the picture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photocap.captioning.confidence import fit_platt
from photocap.evaluation import EvaluatedPhoto
from photocap.evaluation.retrieval import FIRST
from photocap.evaluation.things import FEWEST, Thing, things_of
from photocap.tokenizer import tokenize

Encode = Callable[[str], NDArray[np.float32]]

_FITTING = 0.5  # share of the photos above the floor that must show the thing
_LOST = 0.02  # share of the photos found by their description that its floor may cost


@dataclass(frozen=True, kw_only=True)
class SimilarityFit:
    """A calibration of similarity, and what comes of it.

    Attributes:
        scale, offset: of the cosine's log-odds.
        floor: the similarity from which on at least half of the photos show the thing.
        description_floor: the similarity that nearly all photos found by a description have.
        recall: share of the photos of a thing that lie above the floor.
        things: how many were searched for.
        absent: how many of them no photo shows.
        absent_shown: of these, those for which some photo lies above the floor.
    """

    scale: float
    offset: float
    floor: float
    description_floor: float
    recall: float
    things: int
    absent: int
    absent_shown: int

    def settings(self) -> dict[str, float]:
        """Return the settings of a model that hold this fit."""
        return {
            "similarity_scale": self.scale,
            "similarity_offset": self.offset,
            "similarity_floor": self.floor,
            "description_floor": self.description_floor,
        }


def fit_similarity(sets: Iterable[Sequence[EvaluatedPhoto]], encode: Encode) -> SimilarityFit | None:
    """Fit the similarity on sets of photos, each searched by itself; None where cosines tell nothing of them.

    Args:
        sets: photos with references by people.
        encode: gives the embedding of words; of words that the model does not know, zeros.
    """
    rows: list[tuple[NDArray[np.float64], NDArray[np.bool_]]] = []
    absent: list[float] = []
    found: list[NDArray[np.float64]] = []
    for photos in sets:
        matrix = _matrix(photos)
        if matrix is None:
            return None
        for thing in things_of(photos):
            cosines, shown = _pairs(thing, matrix, encode)
            if not cosines.size:
                continue
            rows.append((cosines, shown))
            if not shown.any():
                absent.append(float(cosines.max()))
        found.append(_described(photos, matrix, encode))
    cosines = np.concatenate([cosines for cosines, _ in rows] or [np.empty(0)])
    shown = np.concatenate([shown for _, shown in rows] or [np.empty(0, bool)])
    if not shown.any() or shown.all():
        return None
    fit = fit_platt(cosines[:, None], shown.tolist())
    if fit.scales[0] <= 0:
        return None
    least = _floor(cosines, shown)
    described = np.concatenate(found)
    return SimilarityFit(
        scale=fit.scales[0],
        offset=fit.offset,
        floor=fit(least) if least <= 1 else 1.0,
        description_floor=fit(min(least, float(np.quantile(described, _LOST)))) if described.size else 1.0,
        recall=float(shown[cosines >= least].sum() / shown.sum()),
        things=len(rows),
        absent=len(absent),
        absent_shown=sum(cosine >= least for cosine in absent),
    )


def _matrix(photos: Sequence[EvaluatedPhoto]) -> NDArray[np.float32] | None:
    vectors = [photo.caption.embedding for photo in photos]
    if not vectors or not all(vectors):
        return None
    return np.stack([np.frombuffer(vector or b"", dtype="<f2") for vector in vectors]).astype(np.float32)


def _pairs(thing: Thing, matrix: NDArray[np.float32], encode: Encode) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the cosines of a thing with the photos of which it is sure; none where it is too rare or not known."""
    sure = np.array([shown is not None for shown in thing.shown])
    shown = np.array([bool(shown) for shown in thing.shown])
    vector = encode(thing.name)
    if not vector.any() or 0 < shown.sum() < FEWEST or (not shown.any() and not sure.all()):
        return np.empty(0), np.empty(0, bool)
    return (matrix @ vector)[sure].astype(np.float64), shown[sure]


def _described(photos: Sequence[EvaluatedPhoto], matrix: NDArray[np.float32], encode: Encode) -> NDArray[np.float64]:
    """Return the cosines of people's sentences with their photos, where these are among the first found."""
    found = []
    for place, photo in enumerate(photos):
        for text in photo.references:
            cosines = matrix @ encode(" ".join(tokenize(text)))
            if (cosines > cosines[place]).sum() < FIRST:
                found.append(float(cosines[place]))
    return np.array(found)


def _floor(cosines: NDArray[np.float64], shown: NDArray[np.bool_]) -> float:
    """Return the lowest cosine from which on enough of the pairs fit; where it never is, more than any."""
    order = np.argsort(-cosines, kind="stable")
    precision = np.cumsum(shown[order]) / np.arange(1, len(order) + 1)
    last_of_its_cosine = np.append(np.diff(cosines[order]) != 0, True)
    enough = np.flatnonzero(last_of_its_cosine & (precision >= _FITTING))
    return float(cosines[order[enough[-1]]]) if enough.size else 1.01
