"""What a user can choose about a run."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from photocap.metadata import DryRun, WritePolicy
from photocap.photos import WalkOptions

_MOST_WORKERS = 8


@dataclass(frozen=True)
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
        recaption: the id of a model; photos that another one captioned, or that have no place in its space, go through
            it. None: no such wish.
        workers: photos that are decoded at the same time.
    """

    policy: WritePolicy = field(default_factory=WritePolicy)
    walk: WalkOptions = field(default_factory=WalkOptions)
    dry_run: DryRun = DryRun.NO
    min_confidence: float = 0.0
    retry_failed: bool = False
    allow_empty: bool = False
    space_id: str | None = None
    recaption: str | None = None
    workers: int = field(default_factory=lambda: default_workers())


def default_workers() -> int:
    """Return how many photos to decode at the same time: one for each processor that this process may use."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(2, min(_MOST_WORKERS, available))
