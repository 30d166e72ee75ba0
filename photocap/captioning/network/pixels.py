"""From uint8 pictures to the network's input."""

from __future__ import annotations

import torch
from torch import Tensor

from photocap.captioning.config import ModelConfig


def normalise(squares: Tensor, config: ModelConfig) -> Tensor:
    """Turn (B, S, S, 3) uint8 into normalised float pixels (B, 3, S, S), channels last in memory."""
    mean = torch.tensor(config.image_mean, device=squares.device)
    std = torch.tensor(config.image_std, device=squares.device)
    return ((squares.float() / 255.0 - mean) / std).permute(0, 3, 1, 2)
