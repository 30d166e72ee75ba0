"""From a picture to the network's input: part of the weights, for training and captioning alike."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from photocap.captioning.config import ModelConfig


def to_square(image: Image.Image, side_px: int) -> np.ndarray:
    """Resize an RGB picture to (side, side, 3) uint8, aspect ratio not kept, as the training data came."""
    if image.size != (side_px, side_px):
        image = image.resize((side_px, side_px), Image.Resampling.BILINEAR, reducing_gap=None)
    return np.asarray(image, dtype=np.uint8)


def normalise(squares: Tensor, config: ModelConfig) -> Tensor:
    """Turn (B, S, S, 3) uint8 into normalised float pixels (B, 3, S, S), channels last in memory."""
    mean = torch.tensor(config.image_mean, device=squares.device)
    std = torch.tensor(config.image_std, device=squares.device)
    return ((squares.float() / 255.0 - mean) / std).permute(0, 3, 1, 2)
