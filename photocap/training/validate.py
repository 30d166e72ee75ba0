"""How good a model is on the photos that are kept back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from photocap.captioning.confidence import RIGHT_CIDER_D, fit_platt
from photocap.captioning.config import ModelConfig
from photocap.captioning.device import Engine
from photocap.captioning.evidence import EVIDENCE, evidence
from photocap.captioning.labels import LabelSet
from photocap.captioning.network import CaptionModel
from photocap.captioning.torch_engine import as_sentences
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
        evidence: (n, 5) what speaks for each sentence, as in `captioning.evidence`.
        cider_d_each: of each sentence, its CIDEr-D (x 100).
    """

    score: DevScore
    sentences: Sequence[str]
    evidence: NDArray[np.float64]
    cider_d_each: Sequence[float]

    def fit_confidence(self, config: ModelConfig) -> ModelConfig:
        """Return the model's settings with its confidence fitted to how right these sentences are."""
        platt = fit_platt(self.evidence, [score >= RIGHT_CIDER_D for score in self.cider_d_each])
        return replace(config, confidence=(*platt.scales, platt.offset), neutral_confidence=())

    def with_likeness(self, likeness: Sequence[float]) -> Validation:
        """Return the same sentences with another likeness to their photos."""
        changed = self.evidence.copy()
        changed[:, EVIDENCE.index("likeness")] = likeness
        return replace(self, evidence=changed)


@torch.no_grad()
def validate(model: CaptionModel, side: Side, engine: Engine, labels: LabelSet | None = None) -> Validation:
    """Let a model caption the photos of a side with its own beam, and score it."""
    model.eval()
    total, tokens = 0.0, 0
    sentences: list[str] = []
    rows: list[NDArray[np.float64]] = []
    for batch in side.captions.batches(_BATCH):
        with engine.autocast():
            features = side.features(batch, None)
            loss = cross_entropy(model.decoder, features, batch)
            if model.decoder.labels is not None:
                features = replace(features, labels=model.decoder.label_probabilities(features))
            found = model.caption(features)
        count = int(batch.lengths.sum())  # batches differ in size: weigh by real tokens
        total, tokens = total + float(loss) * count, tokens + count
        said = [side.captions.vocabulary.decode(ids) for ids in found.tokens.tolist()]
        sentences += [" ".join(words) for words in said]
        rows.append(evidence(as_sentences(found), _to_numpy(features.labels), labels, said))
    score, each = cider_d(sentences, side.captions.references)
    distinct = len(set(sentences)) / max(len(sentences), 1)
    return Validation(DevScore(total / max(tokens, 1), score, distinct), sentences, np.concatenate(rows), each)


def _to_numpy(values: torch.Tensor | None) -> NDArray[np.float32] | None:
    return None if values is None else values.float().cpu().numpy()
