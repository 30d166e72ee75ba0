"""What a training tells while it runs, and how it is asked to stop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from photocap.training.state import EpochRow


def _ignore(*_arguments: object) -> bool:
    return False


class Stopped(Exception):
    """Somebody asked to stop; what was done is not lost."""


@dataclass(frozen=True)
class Progress:
    """What training tells while it runs; every function may be left as it is.

    Attributes:
        step: called with (epoch, steps done in it, steps in it, mean loss so far) after each step.
        epoch: called with each finished epoch, and whether it is the best so far.
        validated: told (dev photos captioned, dev photos).
        should_stop: asked at least once a step and between the batches of a validation; True saves and ends the run.
    """

    step: Callable[[int, int, int, float], object] = _ignore
    epoch: Callable[[EpochRow, bool], object] = _ignore
    validated: Callable[[int, int], object] = _ignore
    should_stop: Callable[[], bool] = _ignore
