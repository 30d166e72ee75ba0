"""What the label head learns from: the nouns of captions, tables of what pictures show, and an ImageNet classifier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from photocap.captioning.labels import LabelSet, broader_labels, label_table, labels_in, with_broader
from photocap.captioning.network import Features
from photocap.errors import CheckpointError
from photocap.training.dataset import CaptionedPhoto

_UNSAID = 0.25  # weight of a label that no caption names: people leave out most of what there is
_TEACHER = 0.5  # weight of what the classifier says, where nobody says anything
_SCALE = 25.0  # brings the sum over all labels to the size of a word's cross-entropy


class LabelTargets:
    """Targets and weights of the labels of every photo.

    A label that a caption names is there, and so is all that it implies. A table may say for some labels of some
    photos whether they are there; then what it leaves out is surely not. Everything else is unknown, which counts
    as a weak no.

    Args:
        photos: the training photos.
        labels: the model's labels.
        known: by file name the labels of a complete list that photos show.
        complete: that list.
    """

    def __init__(
        self,
        photos: Sequence[CaptionedPhoto],
        labels: LabelSet,
        known: Mapping[str, frozenset[str]],
        complete: frozenset[str],
    ) -> None:
        self._number = {name: i for i, name in enumerate(labels.names)}
        self.targets = torch.zeros(len(photos), len(labels.names))
        self.weights = torch.full_like(self.targets, _UNSAID)
        decided = {n: broader_labels(n) & complete | ({n} & complete) for n in labels.names}
        for row, photo in enumerate(photos):
            said = with_broader(name for words in photo.captions for name in labels_in(words))
            shown = known.get(photo.path.name)
            if shown is not None:
                there = with_broader(shown)
                absent = [name for name, above in decided.items() if above - there]
                said = (said | there).difference(absent)
                self.weights[row, self._numbers(absent)] = 1.0
            self.targets[row, self._numbers(said)] = 1.0
            self.weights[row, self._numbers(said)] = 1.0

    def _numbers(self, names: Sequence[str] | frozenset[str]) -> list[int]:
        return [self._number[name] for name in names if name in self._number]

    def loss(self, logits: Tensor, photos: Tensor, teacher: Tensor | None = None) -> Tensor:
        """Return the weighted binary cross-entropy of logits (B, L) for photos (B,).

        Args:
            logits: what the label head says.
            photos: their numbers.
            teacher: (B, L) probabilities by a classifier; they stand in where nothing is known.
        """
        targets, weights = self.targets[photos].to(logits.device), self.weights[photos].to(logits.device)
        if teacher is not None:
            unknown = (targets == 0) & (weights < 1)
            targets = torch.where(unknown, teacher, targets)
            weights = torch.where(unknown, weights + _TEACHER * teacher, weights)
        each = F.binary_cross_entropy_with_logits(logits.float(), targets, reduction="none")
        return (each * weights).sum(dim=1).mean() / _SCALE


class ImageNetTeacher:
    """The classifier of a ResNet trained on ImageNet-1k, its classes added up to labels.

    Args:
        state: a ResNet's weights in torchvision's layout, classifier included.
        labels: the model's labels.
        source: where they come from, for errors.
    """

    def __init__(self, state: Mapping[str, Tensor], labels: LabelSet, source: Path) -> None:
        if "fc.weight" not in state or state["fc.weight"].shape[0] != 1000:
            raise CheckpointError(source, "has no classifier of ImageNet's 1,000 classes")
        self._weight, self._bias = state["fc.weight"].float(), state["fc.bias"].float()
        self._shows = torch.zeros(1000, len(labels.names))
        table = label_table()
        for column, name in enumerate(labels.names):
            below = [e for e in table.values() if e.name == name or name in broader_labels(e.name)]
            self._shows[[number for entry in below for number in entry.imagenet], column] = 1.0

    @torch.no_grad()
    def __call__(self, features: Features) -> Tensor:
        """Return the probability (B, L) of each label by the classes that show it."""
        logits = F.linear(features.pooled.float().cpu(), self._weight, self._bias)
        return (logits.softmax(dim=1) @ self._shows).clamp(max=1.0)
