"""Features of the photographs, and what a model reaches on both dev sets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from dataset import Data, pixels_of
from torch import Tensor

from photocap.captioning.checkpoint import Checkpoint
from photocap.captioning.network import CaptionModel, Features
from photocap.captioning.rules import LabelRules
from photocap.metrics import cider_d

_BATCH = 32
_SPEAK_BATCH = 64


@dataclass(frozen=True)
class CachedFeatures:
    """Features of n photos in half precision: grid (n, P, D) and pooled (n, C)."""

    grid: Tensor
    pooled: Tensor

    def of(self, rows: Tensor) -> Features:
        """Return the features of some photos (B,)."""
        return Features(self.grid[rows].float(), self.pooled[rows].float())

    def batches(self, size: int) -> Iterator[Features]:
        """Yield the features of all photos in order."""
        for rows in torch.split(torch.arange(len(self.grid)), size):
            yield self.of(rows)


@torch.no_grad()
def encode(data: Data, model: CaptionModel, split: str) -> CachedFeatures:
    """Run the encoder over the photos of a split."""
    model.eval()
    squares = data.squares(data.train if split == "train" else data.dev, split, model.config.image_size_px)
    grids, pooled = [], []
    for rows in torch.split(torch.arange(len(squares)), _BATCH):
        pixels = pixels_of(squares, rows.tolist(), model).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            features = model.encoder(pixels)
        grids.append(features.grid.half())
        pooled.append(features.pooled.half())
    return CachedFeatures(torch.cat(grids), torch.cat(pooled))


@torch.no_grad()
def dev_scores(data: Data, start: Checkpoint, model: CaptionModel, features: CachedFeatures) -> dict[str, float]:
    """Return CIDEr-D on each dev set, with beam 3 and the words ruled out that labels rule out."""
    assert start.info.labels is not None
    model.eval()
    rules = LabelRules(start.info.labels, start.vocabulary)
    sentences: list[list[str]] = []
    for batch in features.batches(_SPEAK_BATCH):
        with torch.autocast("cpu", torch.bfloat16):
            labels = model.decoder.label_probabilities(batch).float()
            bias = torch.from_numpy(rules.word_bias(labels.numpy()))
            found = model.caption(replace(batch, labels=labels), 3, word_bias=bias)
        sentences += [start.vocabulary.decode(ids) for ids in found.tokens.tolist()]
    scores = {}
    for source in ("everyday", "flickr8k"):
        rows = [row for row, photo in enumerate(data.dev) if photo.source == source]
        references = [data.dev[row].by_people for row in rows]
        scores[source] = round(cider_d([sentences[row] for row in rows], references)[0], 2)
    return scores
