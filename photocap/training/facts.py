"""Facts about a training, for people: they are kept in the models that come of it."""

from __future__ import annotations

import platform
import shlex
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import torch

from photocap.captioning.config import TrainConfig
from photocap.captioning.device import Engine
from photocap.captioning.processors import cpu_threads
from photocap.training.dataset import CaptionedPhoto
from photocap.training.init import Start

_SHOWN_WORDS = 10


def training_facts(
    start: Start,
    config: TrainConfig,
    photos: Mapping[str, Sequence[CaptionedPhoto]],
    engine: Engine,
    *,
    processes: int,
) -> dict[str, Any]:
    """Return how a model is trained, JSON values.

    Args:
        start: the model.
        config: how it is trained.
        photos: of both sides, "train" and "dev".
        engine: where it is trained.
        processes: how many train together.
    """
    words = Counter(word for photo in photos["train"] for caption in photo.captions for word in caption)
    parameters = list(start.model.parameters())
    return {
        "command": shlex.join(["photocap", *sys.argv[1:]]),
        "settings": asdict(config),
        "photos": {side: len(items) for side, items in photos.items()},
        "captions": {side: sum(len(p.captions) for p in items) for side, items in photos.items()},
        "parameters": {
            "total": sum(p.numel() for p in parameters),
            "learning": sum(p.numel() for p in parameters if p.requires_grad),
        },
        "frequent_words": [word for word, _ in words.most_common(_SHOWN_WORDS)],
        "new_words": len(start.vocabulary) - len(start.known) if not start.is_new else len(start.vocabulary.words),
        "processes": processes,
        "device": f"{engine.device} ({platform.machine()}, {cpu_threads()} cores)",
        "precision": str(engine.dtype).removeprefix("torch."),
        "torch": torch.__version__,
    }
