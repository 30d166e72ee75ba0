"""What the decoder looks at while it trains: features computed once (frozen encoder) or anew in each step."""

from __future__ import annotations

import hashlib
import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from photocap.captioning.config import ModelConfig
from photocap.captioning.device import Engine
from photocap.captioning.network import STRIDE, CaptionModel, Encoder, Features, normalise
from photocap.training.dataset import CaptionBatch, CaptionDataset, augment
from photocap.training.pictures import Pictures
from photocap.training.row_store import RowStore

Progress = Callable[[int], None]
_ENCODE_BATCH = 16  # so that between two of them less than two seconds pass on a slow processor, too
_PCA_PHOTOS = 1500


class Squares(Protocol):
    """Gives pictures by their numbers: an array (n, S, S, 3), or `Pictures`."""

    def __getitem__(self, numbers: Any, /) -> np.ndarray:
        """Return the pictures with these numbers, uint8."""
        ...


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

    def __init__(self, encoder: Encoder, squares: Squares, config: ModelConfig, engine: Engine) -> None:
        self.encoder, self.squares, self.config, self.engine = encoder, squares, config, engine

    def __call__(self, batch: CaptionBatch, generator: torch.Generator | None) -> Features:
        """Encode the batch's pictures."""
        pixels = pixels_of(self.squares, batch.photos, self.config, self.engine)
        if generator is not None:
            pixels = augment(pixels, batch.mirrored, generator)
        features: Features = self.encoder(pixels.contiguous(memory_format=torch.channels_last))
        return features


class CachedRows(ABC):
    """What the network makes of photos, computed once and kept on disk: one float16 row a photo.

    Args:
        pictures: the photos.
        store: where the rows are kept; its name holds a hash of what computed them, so that another network never
            meets stale rows.
        config: the model's settings.
        engine: where it runs.
    """

    def __init__(self, pictures: Pictures, store: RowStore, config: ModelConfig, engine: Engine) -> None:
        self.pictures, self.store, self.config, self.engine = pictures, store, config, engine

    @abstractmethod
    def rows_of(self, encoder: Encoder, pixels: Tensor) -> Tensor:
        """Return the rows of normalised pixels (B, 3, S, S), B first."""

    @abstractmethod
    def __call__(self, batch: CaptionBatch, generator: torch.Generator | None) -> Features:
        """Return the features of a batch's photos, as `FeatureSource` does."""

    @property
    def unusable(self) -> list[int]:
        """Return the numbers of the photos without a row."""
        return [number for number, key in enumerate(self.pictures.keys) if key not in self.store]

    @torch.no_grad()
    def fill(self, encoder: Encoder, progress: Progress) -> None:
        """Compute the rows that are not on disk yet; `progress` is told how many photos are done."""
        missing = self.unusable
        done = len(self.pictures) - len(missing)
        for start in range(0, len(missing), _ENCODE_BATCH):
            chosen = missing[start : start + _ENCODE_BATCH]
            readable, squares = self.pictures.squares_of(chosen)
            if readable:
                with self.engine.autocast():
                    rows = self.rows_of(encoder, _pixels_from(squares, self.config, self.engine))
                for number, row in zip(readable, rows.half().cpu().contiguous().numpy(), strict=True):
                    self.store.add(self.pictures.keys[number], row)
            progress(done + start + len(chosen))

    def read(self, batch: CaptionBatch) -> np.ndarray:
        """Look a batch's rows up: (B, row size) float16."""
        found: np.ndarray = self.store.read([self.pictures.keys[number] for number in batch.photos.tolist()])
        return found.view(np.float16)


class CachedFeatures(CachedRows):
    """Features of a frozen encoder: a row is the reduced grid, then the global feature."""

    def __init__(self, pictures: Pictures, store: RowStore, config: ModelConfig, engine: Engine) -> None:
        super().__init__(pictures, store, config, engine)
        self.grid_shape = (math.ceil(config.image_size_px / STRIDE) ** 2, config.feature_size)
        self.row_sizes = [math.prod(self.grid_shape), config.encoder_channels]

    @staticmethod
    def row_bytes(config: ModelConfig) -> int:
        """Return the size of a row."""
        places = math.ceil(config.image_size_px / STRIDE) ** 2
        return 2 * (places * config.feature_size + config.encoder_channels)

    def rows_of(self, encoder: Encoder, pixels: Tensor) -> Tensor:
        """Return the features of pixels as rows."""
        features = encoder(pixels)
        return torch.cat([features.grid.flatten(1).float(), features.pooled.float()], dim=1)

    def __call__(self, batch: CaptionBatch, generator: torch.Generator | None) -> Features:  # noqa: ARG002
        """Look the batch's features up."""
        rows = torch.from_numpy(self.read(batch)).to(self.engine.device)
        grid, pooled = torch.split(rows, self.row_sizes, dim=1)
        return Features(grid.float().view(-1, *self.grid_shape), pooled.float())


@torch.no_grad()
def fit_features(model: CaptionModel, pictures: Pictures, engine: Engine, progress: Progress) -> None:
    """Fit what the model does to features before it learns anything.

    The encoder's reduction becomes the principal components of the grid, scaled to unit mean variance;
    the decoder standardises the global feature with its mean and deviation over the photos.

    Args:
        model: a new model on a trained encoder; changed in place.
        pictures: the training photos.
        engine: where it runs.
        progress: called with how many photos are done.
    """
    encoder, config = model.encoder, model.config
    channels = config.encoder_channels
    total = torch.zeros(channels, dtype=torch.float64)
    products = torch.zeros(channels, channels, dtype=torch.float64)
    pooled, places = [], 0
    numbers = fitting_photos(len(pictures))
    for start in range(0, len(numbers), _ENCODE_BATCH):
        readable, squares = pictures.squares_of(numbers[start : start + _ENCODE_BATCH])
        progress(start)
        if not readable:
            continue
        with engine.autocast():
            grid = encoder.grid_features(_pixels_from(squares, config, engine)).float().cpu()
        pooled.append(grid.mean(dim=1))
        flat = grid.flatten(0, 1)  # (B, P, C) -> (B*P, C)
        places += len(flat)
        total += flat.sum(dim=0)
        products += flat.T @ flat
    if not pooled:
        return
    mean = total / places
    values, vectors = torch.linalg.eigh(products / places - torch.outer(mean, mean))
    size = config.feature_size
    top = vectors[:, -size:].flip(1).T / values[-size:].mean().clamp(min=1e-12).sqrt()  # (D, C)
    encoder.reduce.weight.copy_(top)
    encoder.reduce.bias.copy_(-(top @ mean))
    std, centre = torch.std_mean(torch.cat(pooled), dim=0, unbiased=False)
    model.decoder.pooled_mean.copy_(centre)
    model.decoder.pooled_std.copy_(std.clamp(min=1e-3))


def fitting_photos(photos: int) -> list[int]:
    """Return the numbers of the photos that `fit_features` looks at, evenly spread over all."""
    return torch.linspace(0, photos - 1, min(photos, _PCA_PHOTOS)).long().tolist()


def pixels_of(squares: Squares, chosen: Tensor, config: ModelConfig, engine: Engine) -> Tensor:
    """Return the chosen pictures (B,) as normalised pixels (B, 3, S, S) on the engine's device."""
    return _pixels_from(squares[chosen.numpy()], config, engine)


def _pixels_from(squares: np.ndarray, config: ModelConfig, engine: Engine) -> Tensor:
    """Return pictures (B, S, S, 3) as normalised pixels (B, 3, S, S) on the engine's device."""
    return normalise(torch.from_numpy(squares).to(engine.device), config).contiguous(memory_format=torch.channels_last)


def encoder_hash(encoder: nn.Module, *, without_last_stage: bool = False) -> str:
    """Name an encoder by its weights, or by those of the stages before the last."""
    digest = hashlib.sha256()
    for name, value in encoder.state_dict().items():
        if not (without_last_stage and name.startswith(("trunk.layer4.", "reduce."))):
            digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:12]
