"""What the decoder looks at while it trains: features computed once (frozen encoder) or anew in each step."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from photocap.captioning.config import ModelConfig
from photocap.captioning.device import Engine
from photocap.captioning.network import STRIDE, CaptionModel, Encoder, Features, normalise
from photocap.training.dataset import CaptionBatch, CaptionDataset, augment, reserve

Progress = Callable[[int], None]
_ENCODE_BATCH = 32
_PCA_PHOTOS = 1500


class FeatureSource(Protocol):
    """Gives the features of the photos in a batch."""

    def __call__(self, batch: CaptionBatch, generator: torch.Generator | None) -> Features:
        """Return features; with a generator (training) the pictures may be augmented."""
        ...


@dataclass(frozen=True)
class Side:
    """One side of the split: captions, and where the features of their photos come from."""

    captions: CaptionDataset
    features: FeatureSource


class LiveFeatures:
    """Runs the encoder in every step, over augmented pictures while training.

    Args:
        squares: (n, S, S, 3) uint8 pictures.
    """

    def __init__(self, encoder: Encoder, squares: np.ndarray, config: ModelConfig, engine: Engine) -> None:
        self.encoder, self.squares, self.config, self.engine = encoder, squares, config, engine

    def __call__(self, batch: CaptionBatch, generator: torch.Generator | None) -> Features:
        """Encode the batch's pictures."""
        pixels = pixels_of(self.squares, batch.photos, self.config, self.engine)
        if generator is not None:
            pixels = augment(pixels, batch.mirrored, generator)
        features: Features = self.encoder(pixels.contiguous(memory_format=torch.channels_last))
        return features


class CachedFeatures:
    """Features of a frozen encoder, computed once into a file: one float16 row a photo.

    The file's name holds a hash of the encoder, so that another encoder never meets stale features.
    """

    def __init__(
        self,
        encoder: Encoder,
        squares: np.ndarray,
        config: ModelConfig,
        engine: Engine,
        file: Path,
        progress: Progress,
    ) -> None:
        self.engine = engine
        self.grid_shape = (math.ceil(config.image_size_px / STRIDE) ** 2, config.feature_size)
        self.row_sizes = [math.prod(self.grid_shape), config.encoder_channels]
        shape = (len(squares), sum(self.row_sizes))
        file = file.with_name(f"{file.stem}-{encoder_hash(encoder)}-{len(squares)}.f16")
        if not file.exists():
            part = file.with_suffix(".part")
            reserve(part, 2 * int(np.prod(shape)))
            rows = np.memmap(part, np.float16, "r+", shape=shape)
            _encode_all(encoder, squares, config, engine, rows, progress)
            rows.flush()
            os.replace(part, file)
        self.rows = np.memmap(file, np.float16, "r", shape=shape)

    def __call__(self, batch: CaptionBatch, generator: torch.Generator | None) -> Features:  # noqa: ARG002
        """Look the batch's features up."""
        rows = torch.from_numpy(self.rows[batch.photos.numpy()]).to(self.engine.device)
        grid, pooled = torch.split(rows, self.row_sizes, dim=1)
        return Features(grid.float().view(-1, *self.grid_shape), pooled.float())


@torch.no_grad()
def fit_features(model: CaptionModel, squares: np.ndarray, photos: Tensor, engine: Engine) -> None:
    """Fit what the model does to features before it learns anything.

    The encoder's reduction becomes the principal components of the grid, scaled to unit mean variance;
    the decoder standardises the global feature with its mean and deviation over the photos.

    Args:
        model: a new model on a trained ResNet; changed in place.
        squares: (n, S, S, 3) uint8 pictures.
        photos: (B,) numbers of those that could be read.
        engine: where it runs.
    """
    encoder, config = model.encoder, model.config
    numbers = photos[torch.linspace(0, len(photos) - 1, min(len(photos), _PCA_PHOTOS)).long()]
    channels = config.encoder_channels
    total = torch.zeros(channels, dtype=torch.float64)
    products = torch.zeros(channels, channels, dtype=torch.float64)
    pooled, places = [], 0
    for chosen in torch.split(numbers, _ENCODE_BATCH):
        with engine.autocast():
            grid = encoder.grid_features(pixels_of(squares, chosen, config, engine)).float().cpu()
        pooled.append(grid.mean(dim=1))
        flat = grid.flatten(0, 1)  # (B, P, C) -> (B*P, C)
        places += len(flat)
        total += flat.sum(dim=0)
        products += flat.T @ flat
    mean = total / places
    values, vectors = torch.linalg.eigh(products / places - torch.outer(mean, mean))
    size = config.feature_size
    top = vectors[:, -size:].flip(1).T / values[-size:].mean().clamp(min=1e-12).sqrt()  # (D, C)
    encoder.reduce.weight.copy_(top)
    encoder.reduce.bias.copy_(-(top @ mean))
    std, centre = torch.std_mean(torch.cat(pooled), dim=0, unbiased=False)
    model.decoder.pooled_mean.copy_(centre)
    model.decoder.pooled_std.copy_(std.clamp(min=1e-3))


@torch.no_grad()
def _encode_all(
    encoder: Encoder, squares: np.ndarray, config: ModelConfig, engine: Engine, rows: np.ndarray, progress: Progress
) -> None:
    for chosen in torch.split(torch.arange(len(squares)), _ENCODE_BATCH):
        with engine.autocast():
            features = encoder(pixels_of(squares, chosen, config, engine))
        row = torch.cat([features.grid.flatten(1).float(), features.pooled.float()], dim=1)
        rows[chosen.numpy()] = row.half().cpu().numpy()
        progress(int(chosen[-1]) + 1)


def pixels_of(squares: np.ndarray, chosen: Tensor, config: ModelConfig, engine: Engine) -> Tensor:
    """Return the chosen pictures (B,) as normalised pixels (B, 3, S, S) on the engine's device."""
    pictures = torch.from_numpy(squares[chosen.numpy()]).to(engine.device)
    return normalise(pictures, config).contiguous(memory_format=torch.channels_last)


def encoder_hash(encoder: Encoder, *, without_last_stage: bool = False) -> str:
    """Name an encoder by its weights, or by those of the stages before the last."""
    digest = hashlib.sha256()
    for name, value in encoder.state_dict().items():
        if not (without_last_stage and name.startswith(("trunk.layer4.", "reduce."))):
            digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:12]
