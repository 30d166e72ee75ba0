"""How good a model is on the photos that are kept back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from photocap.captioning.confidence import RIGHT_CIDER_D, fit_platt
from photocap.captioning.config import ModelConfig
from photocap.captioning.device import Engine
from photocap.captioning.network import CaptionModel
from photocap.metrics import cider_d
from photocap.training.features import Side
from photocap.training.losses import cross_entropy
from photocap.training.state import DevScore

_BATCH = 50


@dataclass(frozen=True)
class Validation:
    """What a model said of the dev photos.

    Attributes:
        score: how good that is, and how likely the model finds what people said.
        sentences: one of each photo.
        log_probs: of each sentence, the mean log-probability per token.
        likeness: of each sentence, its likeness to its photo as in `CaptionOutput`.
        cider_d_each: of each sentence, its CIDEr-D (x 100).
    """

    score: DevScore
    sentences: Sequence[str]
    log_probs: Sequence[float]
    likeness: Sequence[float]
    cider_d_each: Sequence[float]

    def fit_confidence(self, config: ModelConfig) -> ModelConfig:
        """Return the model's settings with its confidence fitted to how right these sentences are."""
        scores = np.column_stack([self.log_probs, self.likeness]).astype(np.float64)  # (n, 2)
        platt = fit_platt(scores, [score >= RIGHT_CIDER_D for score in self.cider_d_each])
        scale, likeness = platt.scales
        return replace(config, confidence_scale=scale, confidence_likeness=likeness, confidence_offset=platt.offset)


@torch.no_grad()
def validate(model: CaptionModel, side: Side, engine: Engine) -> Validation:
    """Let a model caption the photos of a side with its own beam, and score it."""
    model.eval()
    total, tokens = 0.0, 0
    sentences: list[str] = []
    log_probs: list[float] = []
    likeness: list[float] = []
    for batch in side.captions.batches(_BATCH):
        with engine.autocast():
            features = side.features(batch, None)
            loss = cross_entropy(model.decoder, features, batch)
            found = model.caption(features)
        count = int(batch.lengths.sum())  # batches differ in size: weigh by real tokens
        total, tokens = total + float(loss) * count, tokens + count
        sentences += [" ".join(side.captions.vocabulary.decode(ids)) for ids in found.tokens.tolist()]
        log_probs += found.mean_log_prob.tolist()
        likeness += found.likeness.tolist()
    score, each = cider_d(sentences, side.captions.references)
    distinct = len(set(sentences)) / max(len(sentences), 1)
    return Validation(DevScore(total / max(tokens, 1), score, distinct), sentences, log_probs, likeness, each)
