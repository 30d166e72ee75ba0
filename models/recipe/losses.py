"""What the steps of the recipe minimise together: captions, labels and sentences without pictures."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from dataset import Data
from torch import Tensor

from photocap.captioning.checkpoint import Checkpoint
from photocap.captioning.network import CaptionModel, Features
from photocap.datasets.label_tables import COCO_LABELS
from photocap.training.dataset import CaptionBatch
from photocap.training.label_targets import LabelTargets
from photocap.training.losses import cross_entropy
from photocap.training.sentences import Sentences, sentence_loss

_SMOOTHING = 0.1
_LABELS, _SENTENCES = 0.5, 0.15  # weights beside the captions
_SENTENCES_PER_STEP = 12
_LAST_RATE = 0.03


@dataclass(frozen=True)
class Losses:
    """The three losses.

    Attributes:
        labels: which labels the training photos show.
        teacher: (n, L) probabilities by ImageNet's classifier.
        sentences: to learn without pictures.
    """

    labels: LabelTargets
    teacher: Tensor
    sentences: Sentences

    def __call__(
        self, model: CaptionModel, features: Features, batch: CaptionBatch, generator: torch.Generator
    ) -> Tensor:
        """Return the loss of a batch."""
        decoder = model.decoder
        assert decoder.labels is not None
        logits = decoder.labels(decoder.standardise(features.pooled))
        labels = self.labels.loss(logits, batch.photos, self.teacher[batch.photos])
        sentences = sentence_loss(decoder, self.sentences, _SENTENCES_PER_STEP, generator)
        return cross_entropy(decoder, features, batch, _SMOOTHING) + _LABELS * labels + _SENTENCES * sentences


def read_losses(data: Data, start: Checkpoint) -> Losses:
    """Read what the losses need."""
    labels = start.info.labels
    assert labels is not None
    photos = data.captioned(data.train, details=True, mined=0)
    return Losses(
        LabelTargets(photos, labels, data.known_labels, COCO_LABELS),
        torch.load(data.work / "teacher.pt", weights_only=True).float(),
        Sentences.read(data.sentences, labels, start.vocabulary),
    )


def rate(step: int, steps: int, warm_up: int) -> float:
    """Return the share of the peak learning rate: a warm-up, then half a cosine."""
    fall = _LAST_RATE + (1 - _LAST_RATE) * 0.5 * (1 + math.cos(math.pi * step / steps))
    return min(1.0, (step + 1) / warm_up) * fall
