"""Activations before the encoder's last stage, computed once: that stage then learns at a quarter of the cost."""

from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from photocap.captioning.config import ModelConfig
from photocap.captioning.device import Engine
from photocap.captioning.network import STRIDE, Encoder, Features
from photocap.training.dataset import CaptionBatch, reserve
from photocap.training.features import Progress, encoder_hash, pixels_of

_BATCH = 32
_CROPPED = 6 / 7  # of the map's side: 12 of 14 places
_CROP_SHARE = 0.7  # of training steps


class CachedActivations:
    """What the last stage starts from, as it is and for the mirrored picture: two float16 maps a photo.

    While training, most steps see a window of the map, which stands in for a crop of the picture.

    Args:
        encoder: its last stage may learn; the stages before must not.
        squares: (n, S, S, 3) uint8 pictures.
        config: the model's settings.
        engine: where it runs.
        file: where the maps go; its name gets a hash of the frozen stages.
        progress: told how many maps are done.
        mirrored: whether the mirrored pictures are asked for, too.
    """

    def __init__(
        self,
        encoder: Encoder,
        squares: np.ndarray,
        config: ModelConfig,
        engine: Engine,
        file: Path,
        progress: Progress,
        *,
        mirrored: bool,
    ) -> None:
        self.encoder, self.engine = encoder, engine
        side = math.ceil(config.image_size_px / (STRIDE // 2))
        versions = 2 if mirrored else 1
        shape = (versions, len(squares), side, side, config.encoder_channels // 2)
        digest = encoder_hash(encoder, without_last_stage=True)
        file = file.with_name(f"{file.stem}-{digest}-{versions}x{len(squares)}.f16")
        if not file.exists():
            part = file.with_suffix(".part")
            reserve(part, 2 * int(np.prod(shape)))
            maps = np.memmap(part, np.float16, "r+", shape=shape)
            for version in range(versions):
                self._fill(maps[version], squares, config, progress, done=version * len(squares), mirror=version == 1)
            maps.flush()
            os.replace(part, file)
        self.maps = np.memmap(file, np.float16, "r", shape=shape)

    @torch.no_grad()
    def _fill(
        self,
        maps: np.ndarray,
        squares: np.ndarray,
        config: ModelConfig,
        progress: Progress,
        *,
        done: int,
        mirror: bool,
    ) -> None:
        for chosen in torch.split(torch.arange(len(squares)), _BATCH):
            pixels = pixels_of(squares, chosen, config, self.engine)
            with self.engine.autocast():
                found = self.encoder.before_last_stage(pixels.flip(3) if mirror else pixels)
            maps[chosen.numpy()] = found.permute(0, 2, 3, 1).half().cpu().numpy()  # (B, C/2, h, w) -> (B, h, w, C/2)
            progress(done + int(chosen[-1]) + 1)

    def __call__(self, batch: CaptionBatch, generator: torch.Generator | None) -> Features:
        """Run the last stage over the batch's maps; with a generator often over a window of them."""
        versions = batch.mirrored.long().numpy() if len(self.maps) > 1 else np.zeros(len(batch.photos), np.int64)
        maps = torch.from_numpy(self.maps[versions, batch.photos.numpy()]).to(self.engine.device)
        maps = maps.permute(0, 3, 1, 2).float()  # (B, h, w, C/2) -> (B, C/2, h, w)
        if generator is not None:
            maps = _window(maps, generator)
        return self.encoder.finish(maps.contiguous(memory_format=torch.channels_last))


def _window(maps: Tensor, generator: torch.Generator) -> Tensor:
    """Cut the same window out of all maps (B, C, h, w), or leave them whole."""
    if float(torch.rand((), generator=generator)) >= _CROP_SHARE:
        return maps
    side = round(maps.shape[2] * _CROPPED)
    top, left = torch.randint(maps.shape[2] - side + 1, (2,), generator=generator).tolist()
    return maps[:, :, top : top + side, left : left + side]
