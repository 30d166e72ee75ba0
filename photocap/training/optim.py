"""How fast what learns: the optimiser's groups, and the learning rate over the steps."""

from __future__ import annotations

import math
import re

import torch
from torch import Tensor

from photocap.captioning.config import TrainConfig
from photocap.captioning.network import CaptionModel


def build_optimizer(model: CaptionModel, config: TrainConfig) -> torch.optim.Optimizer:
    """Return AdamW over what learns: the trunk at its own rates, vectors (biases, norms) without decay."""
    groups: dict[tuple[float, float], list[Tensor]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            decay = config.weight_decay if parameter.ndim >= 2 else 0.0
            groups.setdefault((peak_rate(name, config), decay), []).append(parameter)
    ordered = sorted(groups.items(), key=lambda item: -item[0][0])
    return torch.optim.AdamW(
        [{"params": p, "lr": peak, "peak": peak, "weight_decay": decay} for (peak, decay), p in ordered],
        betas=(0.9, 0.99),
    )


def peak_rate(name: str, config: TrainConfig) -> float:
    """Return a parameter's own peak learning rate: the nearer to the pixels, the slower (Howard & Ruder 2018)."""
    if not name.startswith("encoder.trunk."):
        return config.learning_rate
    stage = re.search(r"layer(\d)", name)
    below = 4 - int(stage[1]) if stage else 4
    return config.encoder_learning_rate * config.stage_rate_decay**below


def learning_rate_at(step: int, steps: int, config: TrainConfig) -> float:
    """Return the share of the peak learning rate: linear warm-up, then a cosine down to `final_rate`."""
    warmup = min(config.warmup_steps, max(steps // 5, 1))
    if step < warmup:
        return (step + 1) / warmup
    done = min((step - warmup) / max(steps - warmup, 1), 1.0)
    return config.final_rate + (1.0 - config.final_rate) * 0.5 * (1.0 + math.cos(math.pi * done))
