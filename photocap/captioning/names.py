"""The names that a model recognises."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class NameSet:
    """The names that a model recognises, in the order of its name head's outputs.

    Attributes:
        words: the names as the tokeniser has them.
        said_from: for each name the probability from which it is said; above 1 it never is.
        needs: for each name the labels that its bearer was always shown with: without them it is not said.
    """

    words: tuple[str, ...]
    said_from: tuple[float, ...]
    needs: tuple[tuple[str, ...], ...] = ()

    def __post_init__(self) -> None:
        """Raise ValueError where the two do not fit together."""
        if len(self.words) != len(self.said_from):
            raise ValueError("the names and their thresholds differ in number")
        if len(self.needs) not in (0, len(self.words)):
            raise ValueError("the names and what they need differ in number")
        if len(set(self.words)) != len(self.words):
            raise ValueError("a name is there twice")
        if not all(map(math.isfinite, self.said_from)):
            raise ValueError("a name's threshold is not finite")
