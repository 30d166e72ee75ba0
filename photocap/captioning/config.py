"""Settings that outlive a run: the sizes of a model, its preprocessing, and how it was trained."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from photocap.captioning.encoders import ENCODERS, EncoderName

Rnn = Literal["lstm", "gru"]
Attention = Literal["grid", "none"]
Optimizer = Literal["adamw", "adam"]
FineTune = Literal["none", "last", "all"]

T = TypeVar("T", bound="_Settings")
_LARGEST_NUMBER = 1e12


def _is_finite_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < _LARGEST_NUMBER


@dataclass(frozen=True)
class _Settings:
    """Frozen settings that survive a trip through JSON; unknown keys are an error."""

    def to_json(self) -> dict[str, Any]:
        """Return plain values, ready for `json.dumps`."""
        return asdict(self)

    @classmethod
    def from_json(cls: type[T], values: Mapping[str, Any]) -> T:
        """Build from plain values.

        Raises:
            ValueError: a key is unknown, or a value has the wrong type or is none of the known names.
        """
        known = {f.name: f for f in fields(cls)}
        types = get_type_hints(cls)
        for name, value in values.items():
            if name not in known:
                raise ValueError(f"unknown setting {name!r}")
            default = known[name].default
            if isinstance(default, float) and type(value) is int and abs(value) < _LARGEST_NUMBER:
                continue
            if not isinstance(value, list if isinstance(default, tuple) else type(default)):
                raise ValueError(f"{name} is {value!r}, which is not a {type(default).__name__}")
            if get_origin(types[name]) is Literal and value not in get_args(types[name]):
                raise ValueError(f"{name} is {value!r}, which is none of {', '.join(get_args(types[name]))}")
            if not all(_is_finite_number(number) for number in (value if isinstance(value, list) else ())):
                raise ValueError(f"{name} is not a list of numbers")
            if isinstance(value, float) and not math.isfinite(value):
                raise ValueError(f"{name} is {value!r}")
        return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})


@dataclass(frozen=True, kw_only=True)
class ModelConfig(_Settings):
    """Sizes and preprocessing of one model; all sizes are numbers of units unless a suffix says otherwise.

    Attributes:
        encoder: which of torchvision's networks, as in `encoders`.
        rnn: the decoder's cell, an LSTM or a GRU (Cho et al. 2014).
        layers: how many of them lie on top of each other.
        attention: "grid" attends to the grid after the cell; "none" feeds the global feature
            as the first input of the cell (Vinyals et al. 2015).
        image_size_px: side of the square the picture is resized to, aspect ratio not kept.
        image_mean, image_std: per-channel normalisation of RGB in [0, 1].
        confidence_scale, confidence_likeness, confidence_offset: Platt scaling (Platt 1999) of the mean token
            log-probability and of the sentence's likeness to the picture in the joint space, fitted on the dev
            split for `beam_size`.
        confidence, neutral_confidence: the same over all numbers of `evidence.EVIDENCE`, the offset last, for plain
            captions and for those of `--neutral-people`; where empty, the three above count.
        parent_confidence: `confidence` of the model that this one was trained further from; empty where there is none.
        plain_below: the confidence below which a label says what is sure instead of the sentence.
        demand_from: the probability from which a label must be said; above 1 none ever is.
        beam_size: the beam this model was selected with, the default of generation.
        joint_size: dimensions of the joint text-image space that searches use; 0 where there is none.
        similarity_scale, similarity_offset: Platt scaling of the cosine of words and picture to the probability that
            they belong together, fitted by `photocap evaluate --retrieval --fit-similarity`.
        similarity_floor: the probability below which a search shows no picture for its look alone; 0: not fitted.
        description_floor: the same for searches that describe a picture in whole sentences.
        label_count: how many labels the label head knows; 0 where there is none.
        label_slots: how many of the likeliest labels the decoder attends to.
        prototype_count: how many labelled photos the label head compares a photo with; 0: it is linear.
        prototype_size: dimensions of the space in which it does.
        prototype_labels: how many labels, the first ones, they count for.
        name_count: how many names the name head knows; 0 where there is none.
    """

    encoder: EncoderName = "resnet50"
    rnn: Rnn = "lstm"
    attention: Attention = "grid"
    embedding_size: int = 300
    hidden_size: int = 512
    feature_size: int = 512
    layers: int = 1
    attention_heads: int = 4
    image_size_px: int = 224
    image_mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    image_std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    max_words: int = 20
    min_words: int = 4
    length_penalty: float = 1.2
    beam_size: int = 3
    confidence_scale: float = 1.0
    confidence_likeness: float = 0.0
    confidence_offset: float = 0.0
    confidence: tuple[float, ...] = ()
    neutral_confidence: tuple[float, ...] = ()
    parent_confidence: tuple[float, ...] = ()
    plain_below: float = 0.0
    demand_from: float = 2.0
    joint_size: int = 0
    similarity_scale: float = 10.0
    similarity_offset: float = -4.0
    similarity_floor: float = 0.0
    description_floor: float = 0.0
    label_count: int = 0
    label_slots: int = 8
    prototype_count: int = 0
    prototype_size: int = 512
    prototype_labels: int = 80
    name_count: int = 0

    @property
    def encoder_channels(self) -> int:
        """Return how many channels the encoder's last feature map has."""
        return ENCODERS[self.encoder].channels

    @property
    def has_word_rules(self) -> bool:
        """Return whether what the picture shows forbids words: where the model knows labels or names."""
        return self.label_count > 0 or self.name_count > 0

    @property
    def in_onnx(self) -> bool:
        """Return whether ONNX Runtime can run the model."""
        return ENCODERS[self.encoder].in_onnx and self.layers == 1

    @property
    def grid_places(self) -> int:
        """Return how many places the encoder's last feature map has; each sees 32 x 32 pixels."""
        return (self.image_size_px // 32) ** 2


@dataclass(frozen=True, kw_only=True)
class TrainConfig(_Settings):
    """How a model is trained; the defaults are the recipe of the base model's first stage.

    Attributes:
        fine_tune: which part of the encoder learns: "none", "last" (its last stage) or "all".
        optimizer: AdamW (Loshchilov & Hutter 2019), or Adam, where weight decay is part of the gradient.
        photos_per_step: photos that a process takes at once; each brings all of its captions.
        accumulate: how many times that, until the gradients are summed and the weights move.
        encoder_learning_rate: of the encoder's last stage.
        stage_rate_decay: each stage before it learns at this share of the next one's rate.
        start_share: share of the weights that training started from in what is kept, against forgetting.
        self_critical: train on sampled captions with CIDEr-D as the reward (Rennie et al. 2017).
        cross_entropy_weight: share of the cross-entropy in self-critical training.
    """

    epochs: int = 12
    fine_tune: FineTune = "none"
    optimizer: Optimizer = "adamw"
    photos_per_step: int = 32
    accumulate: int = 1
    learning_rate: float = 1e-3
    encoder_learning_rate: float = 3e-5
    stage_rate_decay: float = 0.7
    weight_decay: float = 1e-4
    warmup_steps: int = 100
    final_rate: float = 0.02
    label_smoothing: float = 0.1
    word_dropout: float = 0.5
    feature_dropout: float = 0.3
    slot_dropout: float = 0.15
    gradient_norm: float = 1.0
    ema_decay: float = 0.995
    start_share: float = 0.0
    patience: int = 4
    min_count: int = 5
    seed: int = 0
    self_critical: bool = False
    samples_per_photo: int = 5
    cross_entropy_weight: float = 0.02
