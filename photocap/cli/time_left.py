"""How long a training will still take."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta


class TimeLeft:
    """Estimates from what the steps and the validations of this run have taken so far.

    Args:
        epochs: how many there will be.
        clock: gives the time in seconds.
    """

    def __init__(self, epochs: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._epochs, self._clock = epochs, clock
        self._last_s = clock()
        self._steps_s, self._steps = 0.0, 0
        self._validation_s: float | None = None

    def validated(self) -> None:
        """Note that dev photos were captioned since the last call of any kind."""
        now = self._clock()
        self._validation_s, self._last_s = now - self._last_s, now

    def stepped(self) -> None:
        """Note that a step was done since the last call of any kind."""
        now = self._clock()
        self._steps_s, self._steps, self._last_s = self._steps_s + now - self._last_s, self._steps + 1, now

    def of_run(self, epoch: int, done: int, steps: int) -> float | None:
        """Return the seconds left; None before the first step.

        Args:
            epoch: the one under way, from 1.
            done: steps done in it.
            steps: steps in it.
        """
        if not self._steps:
            return None
        later = self._epochs - epoch
        left = (steps - done + later * steps) * self._steps_s / self._steps
        return left + (later + (done < steps)) * (self._validation_s or 0.0)


def clock_text(seconds: float | None) -> str:
    """Return "0:03:10"; "-" where nothing is known."""
    return "-" if seconds is None else str(timedelta(seconds=round(seconds)))
