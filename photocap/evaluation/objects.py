"""Objects in captions and labels, held against what is known to be in the picture.

CHAIR after Rohrbach et al. 2018, "Object Hallucination in Image Captioning", over COCO's 80 categories.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from photocap.captioning.labels import labels_in, with_broader
from photocap.datasets.label_tables import COCO_LABELS
from photocap.tokenizer import Words

_BEINGS = frozenset(["person", "people", "animal"])


@dataclass(frozen=True, kw_only=True)
class Hallucination:
    """What captions say that is not there.

    Attributes:
        captions: how many were looked at.
        with_object: captions that name a COCO object which neither the references nor the labels have.
        objects: COCO objects that captions name.
        wrong_objects: of these, those that are not there.
        without_beings: photos where nobody and nothing speaks of a person or an animal.
        invented_beings: of these, captions that name one.
    """

    captions: int
    with_object: int
    objects: int
    wrong_objects: int
    without_beings: int
    invented_beings: int

    @property
    def chair_s(self) -> float:
        """Return the share of captions with an object that is not there, x 100."""
        return 100.0 * self.with_object / max(self.captions, 1)

    @property
    def chair_i(self) -> float:
        """Return the share of named objects that are not there, x 100."""
        return 100.0 * self.wrong_objects / max(self.objects, 1)


@dataclass(frozen=True, kw_only=True)
class LabelScores:
    """How good labels are where it is known which of COCO's categories a photo shows.

    Attributes:
        photos: photos whose categories are known.
        categories: categories that some of them show.
        mean_average_precision: over the categories, in [0, 1].
        shown: labels of COCO's categories that were sure enough to be shown.
        shown_right: of these, those that are there.
    """

    photos: int
    categories: int
    mean_average_precision: float
    shown: int
    shown_right: int


def hallucination(
    captions: Sequence[Words], references: Sequence[Sequence[Words]], known: Sequence[frozenset[str] | None]
) -> Hallucination:
    """Count what captions name that is not there.

    Args:
        captions: one for each photo.
        references: what people wrote about each photo.
        known: the COCO categories of each photo; None where they are not known.
    """
    with_object = objects = wrong_objects = without_beings = invented = 0
    for caption, texts, labels in zip(captions, references, known, strict=True):
        named = _named(caption)
        there = with_broader(labels or ()).union(*(_named(words) for words in texts))
        said = named & COCO_LABELS
        wrong = said - there
        objects, wrong_objects, with_object = objects + len(said), wrong_objects + len(wrong), with_object + bool(wrong)
        if not there & _BEINGS:
            without_beings += 1
            invented += bool(named & _BEINGS)
    return Hallucination(
        captions=len(captions),
        with_object=with_object,
        objects=objects,
        wrong_objects=wrong_objects,
        without_beings=without_beings,
        invented_beings=invented,
    )


def _named(words: Words) -> frozenset[str]:
    return with_broader(labels_in(words))


def label_scores(
    names: Sequence[str],
    probabilities: Sequence[Sequence[float]],
    shown: Sequence[frozenset[str]],
    known: Sequence[frozenset[str]],
) -> LabelScores | None:
    """Measure labels on photos whose COCO categories are known; None where there is nothing to measure.

    Args:
        names: the labels.
        probabilities: of each photo, one for each label.
        shown: the labels that each photo was given.
        known: the COCO categories of each photo.
    """
    columns = [(i, name) for i, name in enumerate(names) if name in COCO_LABELS]
    scores = np.asarray(probabilities, np.float64)
    found = []
    for i, name in columns:
        there = np.array([name in labels for labels in known], bool)
        if there.any():
            found.append(average_precision(scores[:, i], there))
    if not found:
        return None
    said = [labels & COCO_LABELS for labels in shown]
    right = sum(len(labels & there) for labels, there in zip(said, known, strict=True))
    return LabelScores(
        photos=len(known),
        categories=len(found),
        mean_average_precision=float(np.mean(found)),
        shown=sum(map(len, said)),
        shown_right=right,
    )


def average_precision(scores: np.ndarray, there: np.ndarray) -> float:
    """Return the mean precision at each photo that has the label, best score first."""
    ranked = there[np.argsort(-scores, kind="stable")]
    precision = np.cumsum(ranked) / np.arange(1, len(ranked) + 1)
    return float(precision[ranked].mean())


def known_of(paths: Sequence[Path], known: Mapping[str, frozenset[str]]) -> list[frozenset[str] | None]:
    """Return the known categories of photos by their file names."""
    return [known.get(path.name) for path in paths]
