"""How good a model is on the photos that are kept back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from photocap.captioning.confidence import RIGHT_CIDER_D, Platt, fit_platt, with_same_share
from photocap.captioning.config import ModelConfig
from photocap.captioning.device import Engine
from photocap.captioning.engine import GeneratedSentences
from photocap.captioning.evidence import EVIDENCE, evidence, fitted_calibration
from photocap.captioning.labels import LabelSet
from photocap.captioning.name_rules import NameRules
from photocap.captioning.names import NameSet
from photocap.captioning.network import CaptionModel, Features
from photocap.captioning.rules import LabelRules
from photocap.captioning.torch_engine import as_sentences
from photocap.metrics import cider_d
from photocap.training.features import Progress, Side
from photocap.training.losses import cross_entropy
from photocap.training.state import DevCaptions, DevScore

_BATCH = 32


@dataclass(frozen=True)
class Validation:
    """What a model said of the dev photos.

    Attributes:
        score: how good that is, and how likely the model finds what people said.
        captions: what it says.
        evidence: (n, 5) what speaks for each sentence, as in `captioning.evidence`.
    """

    score: DevScore
    captions: DevCaptions
    evidence: NDArray[np.float64]

    @property
    def right(self) -> list[bool]:
        """Return whether each sentence is right."""
        return [score >= RIGHT_CIDER_D for score in self.captions.cider_d_each]

    def fit_confidence(self, config: ModelConfig) -> ModelConfig:
        """Return the model's settings with its confidence fitted to how right these sentences are.

        A confidence in the settings, the parent's, counts for known until many sentences say otherwise, and is kept
        beside the new one.
        """
        parent = fitted_calibration(config)
        if parent is None and config.parent_confidence:  # it had a likeness that this model lacks
            *scales, offset = config.parent_confidence
            parent = with_same_share(Platt(tuple(scales), offset), self.evidence, self.right)
        platt = fit_platt(self.evidence, self.right, parent)
        return replace(
            config,
            confidence=(*platt.scales, platt.offset),
            parent_confidence=(*parent.scales, parent.offset) if parent else (),
        )

    def with_likeness(self, likeness: Sequence[float]) -> Validation:
        """Return the same sentences with another likeness to their photos."""
        changed = self.evidence.copy()
        changed[:, EVIDENCE.index("likeness")] = likeness
        return replace(self, evidence=changed)


@torch.no_grad()
def validate(
    model: CaptionModel,
    side: Side,
    engine: Engine,
    labels: LabelSet | None = None,
    names: NameSet | None = None,
    progress: Progress = lambda _done: None,
) -> Validation:
    """Let a model caption the photos of a side with its own beam, and score it.

    Args:
        model: the model.
        side: the photos.
        engine: where it runs.
        labels: what its label head knows.
        names: what its name head knows.
        progress: called with how many photos are done; what it raises ends the work.
    """
    model.eval()
    vocabulary = side.captions.vocabulary
    label_rules = LabelRules(labels, vocabulary) if labels else None
    name_rules = NameRules(names, vocabulary, labels.names if labels else ()) if names else None
    total, tokens = 0.0, 0
    sentences: list[list[str]] = []
    rows: list[NDArray[np.float64]] = []
    for batch in side.captions.batches(_BATCH):
        with engine.autocast():
            features = side.features(batch, None)
            loss = cross_entropy(model.decoder, features, batch)
            if model.decoder.labels is not None:
                features = replace(features, labels=model.decoder.label_probabilities(features))
            found = _speak(model, features, label_rules, name_rules)
        count = int(batch.lengths.sum())  # batches differ in size: weigh by real tokens
        total, tokens = total + float(loss) * count, tokens + count
        said = [vocabulary.decode(ids) for ids in found.tokens.tolist()]
        sentences += said
        rows.append(evidence(found, _to_numpy(features.labels), labels, said))
        progress(len(sentences))
    score, each = cider_d(sentences, side.captions.references)
    distinct = len(set(map(tuple, sentences))) / max(len(sentences), 1)
    captions = DevCaptions([" ".join(words) for words in sentences], [round(value, 3) for value in each])
    return Validation(DevScore(total / max(tokens, 1), score, distinct), captions, np.concatenate(rows))


def _speak(
    model: CaptionModel, features: Features, label_rules: LabelRules | None, name_rules: NameRules | None
) -> GeneratedSentences:
    """Say a sentence about each photo, as `NetworkCaptioner` does."""
    labels, recognised = _to_numpy(features.labels), _to_numpy(model.recognise(features))
    bias = None if label_rules is None or labels is None else label_rules.word_bias(labels)
    if name_rules is None or recognised is None:
        return as_sentences(model.caption(features, word_bias=_to_tensor(bias, features)))
    seen = name_rules.believed(recognised, labels)
    by_names = name_rules.word_bias(seen)
    found = model.caption(
        features,
        word_bias=_to_tensor(by_names if bias is None else bias + by_names, features),
        demanded=_to_tensor(name_rules.demanded(seen), features),
    )
    return name_rules.with_evidence(as_sentences(found), seen)


def _to_tensor(values: np.ndarray | None, features: Features) -> torch.Tensor | None:
    return None if values is None else torch.from_numpy(values).to(features.pooled.device)


def _to_numpy(values: torch.Tensor | None) -> NDArray[np.float32] | None:
    return None if values is None else values.float().cpu().numpy()
