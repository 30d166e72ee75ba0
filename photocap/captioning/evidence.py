"""What speaks for a sentence: the numbers that its confidence is computed from."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from photocap.captioning.confidence import Platt
from photocap.captioning.config import ModelConfig
from photocap.captioning.engine import Floats32, GeneratedSentences
from photocap.captioning.labels import LabelSet, labels_in

EVIDENCE = ("mean_log_prob", "likeness", "weakest_word", "label_support", "weakest_label")
_LEAST_PROBABILITY = 1e-3


def evidence(
    found: GeneratedSentences, seen: Floats32 | None, labels: LabelSet | None, sentences: Sequence[Sequence[str]]
) -> NDArray[np.float64]:
    """Return (B, 5) numbers, in the order of `EVIDENCE`, for the sentences of a batch and their photos' labels (B, L).

    Those are the mean log-probability per token, the likeness to the picture in the joint space, the lowest
    log-probability of a word, and of the labels that the sentence names the mean and the lowest log-probability
    (0 where it names none).
    """
    numbers = np.stack([found.mean_log_prob, found.likeness, found.log_probs.min(axis=1)], axis=1).astype(np.float64)
    return np.concatenate([numbers, _label_support(seen, labels, sentences)], axis=1)


def _label_support(
    seen: Floats32 | None, labels: LabelSet | None, sentences: Sequence[Sequence[str]]
) -> NDArray[np.float64]:
    support = np.zeros((len(sentences), 2))
    if labels is None or seen is None:
        return support
    number = {name: i for i, name in enumerate(labels.names)}
    for row, sentence, known in zip(support, sentences, seen.tolist(), strict=True):
        named = [number[name] for name in labels_in(sentence) if name in number]
        chances = [math.log(max(known[i], _LEAST_PROBABILITY)) for i in named]
        if chances:
            row[:] = sum(chances) / len(chances), min(chances)
    return support


def calibration_of(config: ModelConfig, *, neutral_people: bool) -> Platt:
    """Return how a model's evidence becomes a confidence."""
    fitted = config.neutral_confidence if neutral_people and config.neutral_confidence else config.confidence
    if fitted:
        return Platt(fitted[:-1], fitted[-1])
    scales = (config.confidence_scale, config.confidence_likeness, 0.0, 0.0, 0.0)
    return Platt(scales, config.confidence_offset)


def parent_calibration_of(config: ModelConfig, *, neutral_people: bool) -> Platt | None:
    """Return the parent's calibration of a model that was trained further; None where it is unknown or still in use."""
    parent = config.parent_confidence
    if not parent or (neutral_people and config.neutral_confidence):  # that of neutral captions is the parent's
        return None
    return Platt(parent[:-1], parent[-1])


def fitted_calibration(config: ModelConfig) -> Platt | None:
    """Return how a model's evidence becomes a confidence; None where that was never fitted."""
    found = calibration_of(config, neutral_people=False)
    return None if found == calibration_of(ModelConfig(), neutral_people=False) else found
