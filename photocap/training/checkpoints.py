"""The model folders that a training leaves: `best` for use, `last` to go on from."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from photocap.captioning.checkpoint import save_checkpoint
from photocap.captioning.config import ModelConfig
from photocap.captioning.labels import LabelSet
from photocap.captioning.names import NameSet
from photocap.captioning.network import CaptionModel
from photocap.captioning.vocabulary import Vocabulary
from photocap.training.state import STATE

_SAVE_EVERY_S = 300.0


@dataclass(frozen=True)
class Heads:
    """What the heads of a model know.

    Attributes:
        labels: the label head; None where there is none.
        recognised: the name head; None where there is none.
    """

    labels: LabelSet | None = None
    recognised: NameSet | None = None


@dataclass(kw_only=True)
class Checkpoints:
    """Writes a training's models into its folder, each whole or not at all.

    Attributes:
        output: the folder.
        name: the name that the models carry.
        facts: facts for people, written into both.
        vocabulary: the model's words.
        names: words that are names, each with its spelling.
    """

    output: Path
    name: str
    facts: Mapping[str, Any]
    vocabulary: Vocabulary
    names: Mapping[str, str]

    def __post_init__(self) -> None:
        """Start the clock: nothing is lost yet."""
        self._saved_at = time.monotonic()

    @property
    def last(self) -> Path:
        """Return the folder to go on from."""
        return self.output / "last"

    @property
    def is_due(self) -> bool:
        """Return whether so much was done since the last save that a power cut would hurt."""
        return time.monotonic() - self._saved_at > _SAVE_EVERY_S

    def save_best(self, model: CaptionModel, config: ModelConfig, heads: Heads, facts: Mapping[str, Any]) -> None:
        """Keep a model as it stands in `best`, small, with some more facts for people."""
        self._save(self.output / "best", model, config, heads, {**self.facts, **facts}, {}, torch.float16)

    def save_last(
        self, model: CaptionModel, heads: Heads, state: Mapping[str, Any], tensors: Mapping[str, Tensor]
    ) -> None:
        """Save everything that resuming needs, in full precision.

        Args:
            model: the model as it stands.
            heads: what its heads know.
            state: where training stands, JSON values under a name.
            tensors: those of the optimiser and the weight average.
        """
        facts = {**self.facts, **state}
        self._save(self.last, model, model.config, heads, facts, {STATE: tensors}, torch.float32)
        self._saved_at = time.monotonic()

    def _save(
        self,
        directory: Path,
        model: CaptionModel,
        config: ModelConfig,
        heads: Heads,
        facts: Mapping[str, Any],
        extra: Mapping[str, Mapping[str, Tensor]],
        dtype: torch.dtype,
    ) -> None:
        save_checkpoint(
            directory,
            model.state_dict(),
            config,
            self.vocabulary,
            name=self.name,
            training=facts,
            extra=extra,
            dtype=dtype,
            labels=heads.labels,
            names=self.names,
            recognised=heads.recognised,
        )
