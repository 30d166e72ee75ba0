"""Whether a model that was trained further may take the place of another one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from photocap.training.state import DevCaptions, TrainingState

LEAST_PHOTOS = 30
_LEAST_DISTINCT = 0.5
_RESAMPLES = 2000
_CHANCE = 0.025  # of being taken for better by luck: what lies above a 95 % interval
_MOST_LOST = 3.0  # CIDEr-D on photos of other people


@dataclass(frozen=True)
class Comparison:
    """How CIDEr-D changed on the photos that are kept back.

    Attributes:
        gain: of the best epoch, its mean over the photos.
        low, high: 95 % interval of the gain if other photos had been kept back.
        chance: how often the best of as many epochs would gain that much by luck.
    """

    gain: float
    low: float
    high: float
    chance: float


@dataclass(frozen=True)
class Judgement:
    """The answer and, for people, the reason."""

    accepted: bool
    reason: str


def compare(before: Sequence[float], epochs: Sequence[Sequence[float]]) -> Comparison:
    """Compare the best epoch with the model before by a paired bootstrap over photos.

    The best of many epochs is chosen on the photos that judge it, which favours it. So the gain is held against the
    best that luck gives to any of them (White's reality check: A Reality Check for Data Snooping, 2000).

    Args:
        before: CIDEr-D of each photo's sentence before.
        epochs: the same after each epoch.
    """
    gains = np.array(epochs, np.float64) - np.array(before, np.float64)  # (epochs, photos)
    photos = gains.shape[1]
    drawn = np.random.default_rng(0).multinomial(photos, np.full(photos, 1 / photos), size=_RESAMPLES)
    means = gains.mean(axis=1)
    resampled = drawn @ gains.T / photos  # (resamples, epochs)
    best = int(means.argmax())
    luck = (resampled - means).max(axis=1)
    low, high = np.quantile(resampled[:, best], [_CHANCE, 1 - _CHANCE])
    return Comparison(float(means[best]), float(low), float(high), float((luck >= means[best]).mean()))


def judge(
    state: TrainingState,
    references: Sequence[Sequence[tuple[str, ...]]],
    *,
    photos: int,
    in_use: DevCaptions | None = None,
    lost_elsewhere: float | None = None,
) -> Judgement:
    """Compare the best epoch with the model before it, on photos that neither learned from.

    A better score alone is not enough: it may be luck, and a model that says the same of every photo may have
    one on a small set.

    Args:
        state: a finished training of a model that could speak before.
        references: the captions by people of each dev photo, as tokens.
        photos: all photos with captions.
        in_use: what the model in use says of the dev photos, where that is another one than was trained further.
        lost_elsewhere: by how much CIDEr-D fell on photos of other people; None where there are none.
    """
    assert state.before is not None
    assert state.before_captions is not None
    assert state.best is not None
    before, best = state.before, state.best
    kept_back = f"{len(references):,} photos kept back"
    if len(references) < LEAST_PHOTOS:
        more = math.ceil(photos * LEAST_PHOTOS / len(references)) - photos
        return Judgement(
            False,
            f"{kept_back} are too few to say which is better, {LEAST_PHOTOS} are needed: "
            f"caption some {more:,} more photos, or keep back a larger share of them (--val-share)",
        )
    people = len({captions[0] for captions in references}) / len(references)
    if best.distinct < _LEAST_DISTINCT * min(before.distinct, people):
        shares = f"{best.distinct:.0%} of its captions differ, before {before.distinct:.0%}, by people {people:.0%}"
        return Judgement(False, f"it repeats itself: {shares}")
    if lost_elsewhere is not None and lost_elsewhere > _MOST_LOST:
        return Judgement(False, f"it forgets: CIDEr-D fell by {lost_elsewhere:.1f} on photos of other people")
    rivals = {"before": state.before_captions} | ({"of the model in use": in_use} if in_use else {})
    for whose, captions in rivals.items():
        found = compare(captions.cider_d_each, state.cider_d_each)
        told = (
            f"CIDEr-D {best.cider_d:.1f} instead of {np.mean(captions.cider_d_each):.1f} {whose} on {kept_back} "
            f"({found.gain:+.1f}, 95 % interval {found.low:+.1f} to {found.high:+.1f})"
        )
        if found.chance > _CHANCE:
            return Judgement(False, f"not surely better: {told}")
    return Judgement(True, told)
