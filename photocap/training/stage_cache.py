"""Activations before the encoder's last stage, computed once: that stage then learns at a quarter of the cost."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from photocap.captioning.config import ModelConfig
from photocap.captioning.device import Engine
from photocap.captioning.network import STRIDE, Encoder, Features
from photocap.training.dataset import CaptionBatch
from photocap.training.features import CachedRows
from photocap.training.pictures import Pictures
from photocap.training.row_store import RowStore

_CROPPED = 6 / 7  # of the map's side: 12 of 14 places
_CROP_SHARE = 0.7  # of training steps


class CachedActivations(CachedRows):
    """What the last stage starts from: a row is the map of the picture as it is, then that of its mirror image.

    While training, most steps see a window of the map, which stands in for a crop of the picture.

    Args:
        encoder: its last stage may learn; the stages before must not.
        pictures, store, config, engine: as for `CachedRows`.
    """

    def __init__(
        self, encoder: Encoder, pictures: Pictures, store: RowStore, config: ModelConfig, engine: Engine
    ) -> None:
        super().__init__(pictures, store, config, engine)
        self.encoder, self.shape = encoder, _shape(config)

    @staticmethod
    def row_bytes(config: ModelConfig) -> int:
        """Return the size of a row."""
        return 2 * math.prod(_shape(config))

    def rows_of(self, encoder: Encoder, pixels: Tensor) -> Tensor:
        """Return the maps of pixels and of their mirror images."""
        maps = [encoder.before_last_stage(p) for p in (pixels, pixels.flip(3))]
        return torch.stack(maps, dim=1).permute(0, 1, 3, 4, 2)  # (B, 2, C/2, h, w) -> (B, 2, h, w, C/2)

    def __call__(self, batch: CaptionBatch, generator: torch.Generator | None) -> Features:
        """Run the last stage over the batch's maps; with a generator often over a window of them."""
        rows = self.read(batch).reshape(-1, *self.shape)
        rows = rows[np.arange(len(rows)), batch.mirrored.long().numpy()]
        maps = torch.from_numpy(rows).to(self.engine.device).permute(0, 3, 1, 2).float()  # -> (B, C/2, h, w)
        if generator is not None:
            maps = _window(maps, generator)
        return self.encoder.finish(maps.contiguous(memory_format=torch.channels_last))


def _shape(config: ModelConfig) -> tuple[int, int, int, int]:
    side = math.ceil(config.image_size_px / (STRIDE // 2))
    return 2, side, side, config.encoder_channels // 2


def _window(maps: Tensor, generator: torch.Generator) -> Tensor:
    """Cut the same window out of all maps (B, C, h, w), or leave them whole."""
    if float(torch.rand((), generator=generator)) >= _CROP_SHARE:
        return maps
    side = round(maps.shape[2] * _CROPPED)
    top, left = torch.randint(maps.shape[2] - side + 1, (2,), generator=generator).tolist()
    return maps[:, :, top : top + side, left : left + side]
