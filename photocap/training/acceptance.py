"""Whether a model that was trained further may take the place of the one it comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from photocap.training.state import TrainingState

_LEAST_DISTINCT = 0.5


@dataclass(frozen=True)
class Judgement:
    """The answer and, for people, the reason."""

    accepted: bool
    reason: str


def judge(state: TrainingState, references: Sequence[Sequence[str]]) -> Judgement:
    """Compare the best epoch with the model before it, on photos that neither learned from.

    A better score alone is not enough: a model that says the same of every photo may have one on a small set.
    On a handful of photos CIDEr-D is often 0 before and after; of equals the lower loss is better, as in
    `TrainingState.best`.

    Args:
        state: a finished training of a model that could speak before.
        references: the captions by people of each dev photo.
    """
    before, best = state.before, state.best
    assert before is not None
    assert best is not None
    people = len({captions[0] for captions in references}) / len(references)
    scores = f"CIDEr-D {best.cider_d:.1f} instead of {before.cider_d:.1f} on {len(references):,} photos kept back"
    if best.cider_d == before.cider_d:
        scores += f", loss {best.dev_loss:.2f} instead of {before.dev_loss:.2f}"
    if (best.cider_d, -best.dev_loss) <= (before.cider_d, -before.dev_loss):
        return Judgement(False, f"not better: {scores}")
    if best.distinct < _LEAST_DISTINCT * min(before.distinct, people):
        shares = f"{best.distinct:.0%} of its captions differ, before {before.distinct:.0%}, by people {people:.0%}"
        return Judgement(False, f"it repeats itself: {shares}")
    return Judgement(True, scores)
