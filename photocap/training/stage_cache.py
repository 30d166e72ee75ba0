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
from photocap.training.features import Progress, pixels_from
from photocap.training.pictures import Pictures
from photocap.training.row_store import RowStore

_ENCODE_BATCH = 32
_CROPPED = 6 / 7  # of the map's side: 12 of 14 places
_CROP_SHARE = 0.7  # of training steps


class CachedActivations:
    """What the last stage starts from, of the picture as it is and of its mirror image: two float16 maps a photo.

    While training, most steps see a window of the map, which stands in for a crop of the picture.

    Args:
        encoder: its last stage may learn; the stages before must not.
        pictures: the photos.
        store: where the maps are kept; its name holds a hash of the frozen stages.
        config: the model's settings.
        engine: where it runs.
    """

    def __init__(
        self, encoder: Encoder, pictures: Pictures, store: RowStore, config: ModelConfig, engine: Engine
    ) -> None:
        self.encoder, self.pictures, self.store, self.config, self.engine = encoder, pictures, store, config, engine
        self.shape = _shape(config)

    @staticmethod
    def row_bytes(config: ModelConfig) -> int:
        """Return the size of a row."""
        return 2 * math.prod(_shape(config))

    @property
    def unusable(self) -> list[int]:
        """Return the numbers of the photos without maps."""
        return [number for number, key in enumerate(self.pictures.keys) if key not in self.store]

    @torch.no_grad()
    def fill(self, encoder: Encoder, progress: Progress) -> None:
        """Compute the maps that are not on disk yet; `progress` is told how many photos are done."""
        missing = self.unusable
        done = len(self.pictures) - len(missing)
        for start in range(0, len(missing), _ENCODE_BATCH):
            chosen = missing[start : start + _ENCODE_BATCH]
            readable, squares = self.pictures.squares_of(chosen)
            if readable:
                pixels = pixels_from(squares, self.config, self.engine)
                with self.engine.autocast():
                    maps = [encoder.before_last_stage(p) for p in (pixels, pixels.flip(3))]
                rows = torch.stack(maps, dim=1).permute(0, 1, 3, 4, 2)  # (B, 2, C/2, h, w) -> (B, 2, h, w, C/2)
                for number, row in zip(readable, rows.half().cpu().contiguous().numpy(), strict=True):
                    self.store.add(self.pictures.keys[number], row)
            progress(done + start + len(chosen))

    def __call__(self, batch: CaptionBatch, generator: torch.Generator | None) -> Features:
        """Run the last stage over the batch's maps; with a generator often over a window of them."""
        found = self.store.read([self.pictures.keys[number] for number in batch.photos.tolist()])
        rows = found.view(np.float16).reshape(-1, *self.shape)[np.arange(len(found)), batch.mirrored.long().numpy()]
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
