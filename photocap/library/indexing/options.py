"""What a user can choose about a run."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field

from photocap.captioning.hedge import is_hedged
from photocap.metadata import DryRun, WritePolicy
from photocap.photos import PhotoFile, WalkOptions
from photocap.records import CaptionStore

_MOST_WORKERS = 8


@dataclass(frozen=True)
class Recaption:
    """Which generated captions are to be made anew: those that the model of this run would not say so.

    Attributes:
        model_id: the id of that model.
        hedge_below: the confidence from which it says a sentence without "perhaps".
    """

    model_id: str
    hedge_below: float = 0.0

    def replaces(self, text: str, model_id: str | None, confidence: float | None) -> bool:
        """Return whether another model said this, or this one with the other certainty."""
        return model_id != self.model_id or is_hedged(text) != ((confidence or 0.0) < self.hedge_below)


@dataclass(frozen=True, kw_only=True)
class IndexOptions:
    """How to index.

    Attributes:
        policy: where captions are written and what they may replace.
        walk: what to leave out of the library.
        dry_run: YES tells what would happen; neither photos nor index are changed.
        min_confidence: captions below this go into the index only.
        retry_failed: look again at photos that could not be read and have not changed.
        allow_empty: believe it when all photos of a root are gone.
        space_id: the model's joint text-image space; where only a picture's place in it is missing, the model is run
            for that. None: no such space.
        neutral_people: keywords say nothing of sex either.
        hedge_alt_text_below: the confidence from which an alternative text says a caption without "perhaps".
        recaption: which generated captions are made anew; photos without a place in the model's space go through it
            too. None: no such wish.
        workers: photos that are decoded at the same time.
        is_at_rest: asked of each file that would be opened; one that does not rest waits for a later run. None: all do.
        stored: captions that were made elsewhere; the model is not loaded, and a photo whose picture they lack fails.
    """

    policy: WritePolicy = field(default_factory=WritePolicy)
    walk: WalkOptions = field(default_factory=WalkOptions)
    dry_run: DryRun = DryRun.NO
    min_confidence: float = 0.0
    retry_failed: bool = False
    allow_empty: bool = False
    space_id: str | None = None
    recaption: Recaption | None = None
    neutral_people: bool = False
    hedge_alt_text_below: float = 0.0
    workers: int = field(default_factory=lambda: default_workers())
    is_at_rest: Callable[[PhotoFile], bool] | None = None
    stored: CaptionStore | None = None


def default_workers() -> int:
    """Return how many photos to decode at the same time: one for each processor that this process may use."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(2, min(_MOST_WORKERS, available))
