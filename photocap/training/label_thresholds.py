"""From which probability a label is shown, and below which its words are ruled out: measured on dev photos."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from photocap.captioning.confidence import PARENT_CAPTIONS
from photocap.captioning.labels import LabelSet, labels_in, narrower_labels, with_broader
from photocap.training.dataset import CaptionedPhoto

RIGHT_SHARE = 0.85  # of the labels that are shown
_NEVER = 2.0
_LEAST_SHOWN = 0.5  # a label less likely than this is never shown, however right it was on dev
_COMMON_FROM = 8  # photos with a label, from which on it gets thresholds of its own
_MOST_MISSED = 0.03  # share of the photos with a label whose probability may lie below `absent_below`
_ABSENT_FROM = 12  # photos with a label that `absent_below` needs
_MOST_ABSENT = 0.15
_LEAST_ABSENT = 0.004  # of a being that dev hardly shows
_LEAST_LISTED = 0.5  # of a thing that the complete list has ...
_LEAST_LISTED_BEING = 0.4  # ... and of a being
_BEINGS = ("person", "animal")

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]


def dev_truth(
    photos: Sequence[CaptionedPhoto],
    names: Sequence[str],
    tables: Mapping[str, frozenset[str]],
    complete: Iterable[str],
) -> tuple[Bools, Bools]:
    """Return which labels photos show, and where that is known, both (n, L).

    A label that captions name, or that the table has, is there. The others count as absent, but for those of the
    complete list on photos that are not in the table: people name a few of many things.

    Args:
        photos: the dev photos with their captions.
        names: the labels.
        tables: by file name the labels of the complete list that photos show.
        complete: that list; beings are always named and need no table.
    """
    column = {name: i for i, name in enumerate(names)}
    truth = np.zeros((len(photos), len(names)), np.bool_)
    known = np.ones_like(truth)
    guarded = beings()
    unsure = [column[name] for name in complete if name in column and name not in guarded]
    for row, photo in enumerate(photos):
        shown = tables.get(photo.path.name)
        there = with_broader(name for words in photo.captions for name in labels_in(words)) | with_broader(shown or ())
        truth[row, [column[name] for name in there if name in column]] = True
        if shown is None:
            known[row, unsure] = truth[row, unsure]
    return truth, known


def fit_thresholds(
    names: Sequence[str], probabilities: Floats, truth: Bools, known: Bools, complete: Iterable[str] = ()
) -> LabelSet:
    """Choose both thresholds of every label.

    A label is shown from the lowest probability on at which at least 85 % of what is shown is right; labels too rare on
    dev share one such threshold. The words of beings and of things that are common on dev are ruled out below the
    probability that nearly all photos with them exceed; those of the complete list below 50 % (beings: 40 %) at least,
    for there the label head has learned from photos that surely lack them.

    Args:
        names: the labels.
        probabilities: (n, L) by the label head.
        truth: (n, L) whether photos show them.
        known: (n, L) where that is known.
        complete: the labels of a complete list, as for `dev_truth`.
    """
    common = (truth & known).sum(axis=0) >= _COMMON_FROM
    rare = ~common[None, :] & known
    shared = _shown_from(probabilities[rare], truth[rare], at_least=20)
    shown, absent = [], []
    guarded, listed = beings(), frozenset(complete)
    for i, name in enumerate(names):
        seen, there = probabilities[known[:, i], i], truth[known[:, i], i]
        own = _shown_from(seen, there, at_least=4) if common[i] else shared
        shown.append(_NEVER if own is None else max(own, _LEAST_SHOWN))
        limit = _absent_below(seen[there], is_being=name in guarded)
        least = _LEAST_LISTED_BEING if name in guarded else _LEAST_LISTED
        absent.append(max(limit, least) if name in listed else limit)
    return LabelSet(tuple(names), tuple(shown), tuple(absent))


def between(parent: LabelSet, measured: LabelSet, photos: int) -> LabelSet:
    """Return thresholds between those of a parent model and those measured on so many photos, as its confidence does.

    Args:
        parent: the parent's.
        measured: of the same labels.
        photos: that the latter were measured on.
    """
    known = PARENT_CAPTIONS / (PARENT_CAPTIONS + photos)
    shown, absent = (
        tuple(known * old + (1 - known) * new for old, new in zip(olds, news, strict=True))
        for olds, news in (
            (parent.shown_from, measured.shown_from),
            (parent.absent_below, measured.absent_below),
        )
    )
    return LabelSet(measured.names, shown, absent)


def beings() -> frozenset[str]:
    """Return the labels of people and animals."""
    return frozenset(_BEINGS).union(*(narrower_labels(name) for name in _BEINGS))


def _shown_from(probabilities: Floats, truth: Bools, at_least: int) -> float | None:
    """Return the lowest probability from which on enough is right; None where there is none."""
    order = np.argsort(-probabilities, kind="stable")
    falling, right = probabilities[order], np.cumsum(truth[order])
    # One photo more that is half wrong: a few hits prove little.
    share = (right + 0.5) / (np.arange(1, len(order) + 1) + 1.0)
    enough = np.flatnonzero(share >= RIGHT_SHARE)
    enough = enough[enough >= at_least - 1]
    return float(falling[enough[-1]]) if len(enough) else None


def _absent_below(present: Floats, *, is_being: bool) -> float:
    """Return the probability below which hardly any photo with a label lies; 0 rules nothing out."""
    if len(present) < _ABSENT_FROM:
        return _LEAST_ABSENT if is_being else 0.0
    return min(float(np.quantile(present, _MOST_MISSED)), _MOST_ABSENT)
