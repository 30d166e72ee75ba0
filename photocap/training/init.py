"""Which weights a training starts from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torchvision.models import get_model_weights

from photocap.captioning.checkpoint import load_checkpoint, read_resnet
from photocap.captioning.config import ModelConfig, TrainConfig
from photocap.captioning.evidence import EVIDENCE, fitted_calibration
from photocap.captioning.labels import LabelSet
from photocap.captioning.model_files import base_model_dir
from photocap.captioning.network import CaptionModel
from photocap.captioning.vocabulary import Vocabulary
from photocap.errors import CheckpointError, TrainingError
from photocap.tokenizer import Words
from photocap.training.checkpoints import Heads

_EMBEDDINGS = ("decoder.embedding.weight", "joint.words.weight")
_BIAS = "decoder.bias"
_CONFIDENCE = (
    "confidence",
    "neutral_confidence",
    "confidence_scale",
    "confidence_likeness",
    "confidence_offset",
)
_NEVER = 2.0  # the probability from which a label is shown whose threshold is not measured yet


@dataclass(frozen=True, kw_only=True)
class Start:
    """A model to train.

    Attributes:
        model: the model.
        vocabulary: its words.
        is_new: whether its decoder knows nothing yet.
        training: facts about how the model was trained so far, for people.
        known: the words that it knew before.
        heads: what its label head and its name head know.
        names: words that are names, each with its spelling.
        knows_space: whether it had its joint space before.
    """

    model: CaptionModel
    vocabulary: Vocabulary
    is_new: bool
    training: Mapping[str, Any]
    known: Vocabulary
    heads: Heads = field(default_factory=Heads)
    names: Mapping[str, str] = field(default_factory=dict)
    knows_space: bool = False


def start_model(
    init: str,
    sizes: ModelConfig,
    config: TrainConfig,
    captions: Sequence[Words],
    *,
    beam_size: int | None = None,
    labels: Sequence[str] = (),
) -> Start:
    """Load a model and teach it the captions' new words by name, or set up a new decoder on a ResNet.

    Args:
        init: "base", "imagenet", a model folder, or a weights file in torchvision's layout.
        sizes: of a new model; of one that is trained further only the joint space counts.
        config: dropout, seed, and how often a word must occur to be learned.
        captions: the training captions as tokens.
        beam_size: the model's beam from now on; None leaves it as it is.
        labels: what the label head of a new model is to learn; without any it has none.

    Raises:
        CheckpointError: the weights cannot be used.
        TrainingError: the captions hold no word often enough.
    """
    torch.manual_seed(config.seed)
    folder = base_model_dir() if init == "base" else Path(init)
    if folder.is_dir():
        return _train_further(folder, sizes, config, captions, beam_size)
    sizes = replace(sizes, beam_size=beam_size or sizes.beam_size, label_count=len(labels))
    return _start_anew(init, sizes, config, captions, labels)


def grow_words(state: Mapping[str, Tensor], size: int) -> dict[str, Tensor]:
    """Return a model's state with room for `size` words; what it says of the old ones stays as it is.

    A new word begins as the average of all words and as unlikely as the rarest of them, so that it
    is not said before it was learned.

    Args:
        state: the state dict of a `CaptionModel`.
        size: the size of the new vocabulary, special words included; the old words come first in it.
    """
    grown = dict(state)
    for name in _EMBEDDINGS:
        if name in state:
            old = state[name]
            average = old[1:].mean(dim=0, keepdim=True)  # without <pad>, which is all zero
            grown[name] = torch.cat([old, average.expand(size - len(old), -1)])
    bias = state[_BIAS]
    grown[_BIAS] = torch.cat([bias, bias.min().expand(size - len(bias))])
    return grown


def _train_further(
    folder: Path, sizes: ModelConfig, config: TrainConfig, captions: Sequence[Words], beam_size: int | None
) -> Start:
    checkpoint = load_checkpoint(folder)
    known = checkpoint.info.config
    # A joint space and a name head belong to the encoder they were trained on; where that one learns, they stay behind.
    joint_size = sizes.joint_size or (known.joint_size if config.fine_tune == "none" else 0)
    name_count = known.name_count if config.fine_tune == "none" else 0
    vocabulary = checkpoint.vocabulary.grown(captions, config.min_count)
    if joint_size != known.joint_size:
        known = replace(_without_likeness(known), joint_size=joint_size)
    model = _build(replace(known, beam_size=beam_size or known.beam_size, name_count=name_count), vocabulary, config)
    state = grow_words(checkpoint.model.state_dict(), len(vocabulary))
    left = [part for part, size in (("joint.", joint_size), ("names.", name_count)) if not size]
    model.load_state_dict(model.state_dict() | {n: v for n, v in state.items() if not n.startswith(tuple(left))})
    return Start(
        model=model,
        vocabulary=vocabulary,
        is_new=False,
        training=checkpoint.info.training,
        known=checkpoint.vocabulary,
        heads=Heads(checkpoint.info.labels, checkpoint.info.recognised if name_count else None),
        names=checkpoint.info.names,
        knows_space=0 < joint_size == checkpoint.info.config.joint_size,
    )


def _without_likeness(config: ModelConfig) -> ModelConfig:
    """Return settings with an unfitted confidence; the parent's stays, without its likeness, which is another then."""
    parent = fitted_calibration(config)
    scales = (
        [0.0 if name == "likeness" else s for name, s in zip(EVIDENCE, parent.scales, strict=True)] if parent else []
    )
    unfitted = {name: getattr(ModelConfig, name) for name in _CONFIDENCE}
    return replace(config, **unfitted, parent_confidence=(*scales, parent.offset) if parent else ())


def _start_anew(
    init: str, sizes: ModelConfig, config: TrainConfig, captions: Sequence[Words], labels: Sequence[str]
) -> Start:
    vocabulary = Vocabulary.from_captions(captions, config.min_count)
    if not vocabulary.words:
        raise TrainingError(f"no word occurs {config.min_count} times: more captions are needed for a new vocabulary")
    model = _build(sizes, vocabulary, config)
    state = _imagenet(sizes.encoder) if init == "imagenet" else read_resnet(Path(init))
    try:
        model.encoder.trunk.load_state_dict(state)
    except RuntimeError as error:
        raise CheckpointError(
            init, f"does not hold torchvision's {sizes.encoder}", "say with --encoder which network it is"
        ) from error
    if model.decoder.labels is not None:
        model.decoder.labels.name(labels, vocabulary)
    unmeasured = LabelSet(tuple(labels), (_NEVER,) * len(labels), (0.0,) * len(labels)) if labels else None
    return Start(
        model=model,
        vocabulary=vocabulary,
        is_new=True,
        training={},
        known=Vocabulary(()),
        heads=Heads(labels=unmeasured),
    )


def _build(sizes: ModelConfig, vocabulary: Vocabulary, config: TrainConfig) -> CaptionModel:
    return CaptionModel(sizes, len(vocabulary), config.word_dropout, config.feature_dropout, config.slot_dropout)


def _imagenet(encoder: str) -> dict[str, Tensor]:
    weights = get_model_weights(encoder).IMAGENET1K_V1
    try:
        state = weights.get_state_dict(progress=False, check_hash=True)
    except OSError as error:
        raise CheckpointError(
            weights.url,
            f"torchvision has no copy of it and cannot fetch one: {error}",
            "give a file in torchvision's layout with --init FILE",
        ) from error
    return {name: value for name, value in state.items() if not name.startswith(("fc.", "classifier."))}
