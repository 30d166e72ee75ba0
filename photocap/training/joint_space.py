"""The joint text-image space while it is trained: its loss on a batch, and how well it finds photos.

Symmetric contrastive loss over the batch (van den Oord et al. 2018; Radford et al. 2021), the
temperature learned with the rest; towards the end more and more also a hinge on the hardest wrong
answer of each photo and each caption (Faghri et al. 2018).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from photocap.captioning.network import CaptionModel, JointEmbedding
from photocap.captioning.vocabulary import PAD
from photocap.training.dataset import CaptionBatch, collate_captions
from photocap.training.features import Side

PHOTOS_PER_STEP = 256
_FIRST_SCALE, _MAX_SCALE = math.log(1 / 0.07), math.log(100.0)
_MARGIN = 0.2
_RANKS = (1, 5, 10)


@dataclass(frozen=True)
class Recall:
    """Share of queries, x 100, whose photo is among the first 1, 5 and 10."""

    at_1: float
    at_5: float
    at_10: float

    @property
    def sum(self) -> float:
        """Return what models are chosen by (Faghri et al. 2018)."""
        return self.at_1 + self.at_5 + self.at_10


class JointSpace(nn.Module):
    """A model's joint space with the scale of its cosines, which only training needs.

    Args:
        model: the model; its space is changed in place.
        joint: that space.
        device: where it runs.
    """

    def __init__(self, model: CaptionModel, joint: JointEmbedding, device: torch.device) -> None:
        super().__init__()
        self.joint = joint
        self.log_scale = nn.Parameter(torch.tensor(_FIRST_SCALE, device=device))
        self._standardise = model.decoder.standardise

    def loss(self, side: Side, batch: CaptionBatch, hardest: float) -> Tensor:
        """Return the loss of a batch, one caption a photo, drawn by chance; `hardest` weighs the hinge."""
        first = batch.counts.cumsum(0) - batch.counts
        drawn = first + (torch.rand(len(batch.counts)) * batch.counts).long()
        images = self._images(side, batch)
        texts = self._texts(batch, drawn)
        likeness = images @ texts.T  # (B, B)
        logits = likeness * self.log_scale.clamp(max=_MAX_SCALE).exp()
        right = torch.arange(len(logits), device=logits.device)
        contrast = (F.cross_entropy(logits, right) + F.cross_entropy(logits.T, right)) / 2
        return contrast + hardest * hardest_hinge(likeness)

    @torch.no_grad()
    def recall(self, side: Side, check: Callable[[], object]) -> Recall:
        """Return the recall of each caption of a side as a query for its photo among all photos of the side.

        Args:
            side: the photos and their captions.
            check: called now and then; what it raises ends the work.
        """
        self.eval()
        images, texts, wanted = [], [], []
        photos = 0
        for batch in side.captions.batches(PHOTOS_PER_STEP):
            check()
            images.append(self._images(side, batch))
            texts.append(self._texts(batch, torch.arange(len(batch.tokens))))
            wanted.append(torch.repeat_interleave(photos + torch.arange(len(batch.counts)), batch.counts))
            photos += len(batch.counts)
        scores = torch.cat(texts) @ torch.cat(images).T  # (N, B)
        right = scores.gather(1, torch.cat(wanted).to(scores.device).unsqueeze(1))
        ranks = (scores > right).sum(dim=1)
        return Recall(*(100.0 * float((ranks < n).float().mean()) for n in _RANKS))

    @torch.no_grad()
    def likeness(self, side: Side, sentences: Sequence[str]) -> list[float]:
        """Return the likeness of each photo of a side to the sentence about it."""
        self.eval()
        data = side.captions
        found: list[float] = []
        for batch in data.batches(PHOTOS_PER_STEP):
            said = sentences[len(found) : len(found) + len(batch.photos)]
            _, words, _ = collate_captions([s.split() for s in said], data.vocabulary, data.max_words)
            places = self._images(side, batch)
            found += self.joint.likeness(places, words.to(places.device)).tolist()
        return found

    def _images(self, side: Side, batch: CaptionBatch) -> Tensor:
        return self.joint.embed_images(self._standardise(side.features(batch, None).pooled))

    def _texts(self, batch: CaptionBatch, rows: Tensor) -> Tensor:
        """Embed some of a batch's captions; `targets` are the words without <start>, `lengths` count the <end>."""
        lengths = batch.lengths[rows] - 1
        words = batch.targets[rows, : int(lengths.max())]
        real = torch.arange(words.shape[1]) < lengths.unsqueeze(1)
        return self.joint.embed_texts(words.masked_fill(~real, PAD).to(self.log_scale.device), lengths)


def hardest_hinge(likeness: Tensor) -> Tensor:
    """Return how far the likeliest wrong answer comes within the margin of the right one, on average.

    Args:
        likeness: (B, B) of photos with captions; the right pairs stand on the diagonal.
    """
    right = likeness.diagonal()
    wrong = likeness.masked_fill(torch.eye(len(right), dtype=torch.bool, device=right.device), -1.0)
    photos, captions = ((_MARGIN + wrong.amax(dim=d) - right).clamp(min=0).mean() for d in (1, 0))
    return photos + captions
