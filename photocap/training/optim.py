"""Optimizer parameter groups and learning-rate schedule."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from photocap.captioning.config import TrainConfig
from photocap.captioning.network import CaptionModel


def build_optimizer(model: CaptionModel, config: TrainConfig) -> torch.optim.Optimizer:
    """Return AdamW or Adam over what learns: the trunk at its own rates, vectors (biases, norms) without decay."""
    stages = model.encoder.stages()
    above = {id(p): len(stages) - 1 - i for i, stage in enumerate(stages) for p in stage.parameters()}
    groups: dict[tuple[float, float], list[Tensor]] = {}
    for parameter in model.parameters():
        if parameter.requires_grad:
            decay = config.weight_decay if parameter.ndim >= 2 else 0.0
            groups.setdefault((peak_rate(above.get(id(parameter)), config), decay), []).append(parameter)
    ordered = sorted(groups.items(), key=lambda item: -item[0][0])
    optimizer = torch.optim.AdamW if config.optimizer == "adamw" else torch.optim.Adam
    return optimizer(
        [{"params": p, "lr": peak, "peak": peak, "weight_decay": decay} for (peak, decay), p in ordered],
        betas=(0.9, 0.99),
    )


def peak_rate(above: int | None, config: TrainConfig) -> float:
    """Return a parameter's own peak learning rate: the nearer to the pixels, the slower (Howard & Ruder 2018).

    Args:
        above: how many stages of the encoder's trunk lie above the parameter's; None outside the trunk.
        config: the rates.
    """
    return config.learning_rate if above is None else config.encoder_learning_rate * config.stage_rate_decay**above


def learning_rate_at(step: int, steps: int, config: TrainConfig) -> float:
    """Return the share of the peak learning rate: linear warm-up, then a cosine down to `final_rate`."""
    warmup = min(config.warmup_steps, max(steps // 5, 1))
    if step < warmup:
        return (step + 1) / warmup
    done = min((step - warmup) / max(steps - warmup, 1), 1.0)
    return config.final_rate + (1.0 - config.final_rate) * 0.5 * (1.0 + math.cos(math.pi * done))
