"""Training the joint text-image space that searches use; encoder and decoder stay as they are.

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

from photocap.captioning.network import JointEmbedding
from photocap.captioning.vocabulary import PAD
from photocap.training.dataset import CaptionBatch, collate_captions
from photocap.training.features import Side
from photocap.training.loop import Training
from photocap.training.state import WeightAverage

JOINT_SIZE = 256
_PHOTOS_PER_STEP = 256
_PEAK_RATE = 1e-3
_MAX_SCALE = math.log(100.0)
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


def train_joint(
    training: Training,
    *,
    tell: Callable[[int, float, Recall, bool], object],
    should_stop: Callable[[], bool],
) -> Recall | None:
    """Train the joint space on pooled features; `best` is the epoch with the highest recall on dev.

    Args:
        training: a prepared training over a frozen encoder, with a fresh or a known joint space in its model.
        tell: called with epoch, mean loss, recall on dev and whether it is the best so far.
        should_stop: asked after each step; True ends the run with what is best so far.

    Returns:
        The best recall on dev; None if no epoch found more than the space that the model had before.
    """
    joint, config = training.model.joint, training.config
    assert joint is not None
    training.model.requires_grad_(False)
    joint.requires_grad_(True)
    scale = nn.Parameter(torch.tensor(math.log(1 / 0.07), device=training.engine.device))
    average = WeightAverage(joint, config.ema_decay)
    optimizer = torch.optim.AdamW([*joint.parameters(), scale], lr=_PEAK_RATE, weight_decay=config.weight_decay)
    steps = max(len(training.train.captions) // _PHOTOS_PER_STEP, 1)
    captions = training.validate()  # they stay; what they are worth in the new space does not
    before = recall_of(training, joint, training.dev)  # of a space that was known; a fresh one finds nothing
    best: Recall | None = None
    for epoch in range(config.epochs):
        total = 0.0
        for number, batch in enumerate(training.train.captions.batches(_PHOTOS_PER_STEP, shuffle_seed=epoch)):
            if number == steps:  # a small last batch has too few wrong answers to learn from
                break
            step = epoch * steps + number
            torch.manual_seed(config.seed * 1_000_003 + step)
            for group in optimizer.param_groups:
                group["lr"] = _PEAK_RATE * 0.5 * (1.0 + math.cos(math.pi * step / (steps * config.epochs)))
            joint.train()
            loss = _contrastive_loss(training, joint, scale, batch, hardest=min(2 * step / (steps * config.epochs), 1))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(joint.parameters(), config.gradient_norm)
            optimizer.step()
            average.update(step + 1)
            total += float(loss.detach())
            if should_stop():
                return best
        with average.applied():
            recall = recall_of(training, joint, training.dev)
            is_best = recall.sum > (best or before).sum
            if is_best:
                best = recall
                spoken = captions.with_likeness(_likeness(training, joint, captions.captions.sentences))
                found = {"recall_on_dev": vars(recall), "joint_epochs": epoch + 1}
                training.save_best(spoken.fit_confidence(training.model.config), found)
        tell(epoch + 1, total / steps, recall, is_best)
    return best


def _contrastive_loss(
    training: Training, joint: JointEmbedding, scale: Tensor, batch: CaptionBatch, hardest: float
) -> Tensor:
    """Return the loss of a batch, one caption a photo, drawn by chance; `hardest` weighs the hinge."""
    first = batch.counts.cumsum(0) - batch.counts
    drawn = first + (torch.rand(len(batch.counts)) * batch.counts).long()
    images = _images(training, training.train, joint, batch)
    texts = _texts(joint, batch, drawn)
    likeness = images @ texts.T  # (B, B)
    logits = likeness * scale.clamp(max=_MAX_SCALE).exp()
    right = torch.arange(len(logits), device=logits.device)
    return (F.cross_entropy(logits, right) + F.cross_entropy(logits.T, right)) / 2 + hardest * hardest_hinge(likeness)


def hardest_hinge(likeness: Tensor) -> Tensor:
    """Return how far the likeliest wrong answer comes within the margin of the right one, on average.

    Args:
        likeness: (B, B) of photos with captions; the right pairs stand on the diagonal.
    """
    right = likeness.diagonal()
    wrong = likeness.masked_fill(torch.eye(len(right), dtype=torch.bool, device=right.device), -1.0)
    photos, captions = ((_MARGIN + wrong.amax(dim=d) - right).clamp(min=0).mean() for d in (1, 0))
    return photos + captions


def _images(training: Training, side: Side, joint: JointEmbedding, batch: CaptionBatch) -> Tensor:
    pooled = side.features(batch, None).pooled
    return joint.embed_images(training.model.decoder.standardise(pooled))


def _texts(joint: JointEmbedding, batch: CaptionBatch, rows: Tensor) -> Tensor:
    """Embed some of a batch's captions; `targets` are the words without <start>, `lengths` count the <end>."""
    lengths = batch.lengths[rows] - 1
    words = batch.targets[rows, : int(lengths.max())]
    real = torch.arange(words.shape[1]) < lengths.unsqueeze(1)
    return joint.embed_texts(words.masked_fill(~real, PAD).to(joint.text.weight.device), lengths)


@torch.no_grad()
def _likeness(training: Training, joint: JointEmbedding, sentences: Sequence[str]) -> list[float]:
    """Return the likeness of each dev photo to the sentence about it."""
    joint.eval()
    data = training.dev.captions
    found: list[float] = []
    for batch in data.batches(_PHOTOS_PER_STEP):
        said = sentences[len(found) : len(found) + len(batch.photos)]
        _, words, _ = collate_captions([s.split() for s in said], data.vocabulary, data.max_words)
        places = _images(training, training.dev, joint, batch)
        found += joint.likeness(places, words.to(places.device)).tolist()
    return found


@torch.no_grad()
def recall_of(training: Training, joint: JointEmbedding, side: Side) -> Recall:
    """Return the recall of each caption of a side as a query for its photo among all photos of the side."""
    joint.eval()
    images, texts, wanted = [], [], []
    photos = 0
    for batch in side.captions.batches(_PHOTOS_PER_STEP):
        images.append(_images(training, side, joint, batch))
        texts.append(_texts(joint, batch, torch.arange(len(batch.tokens))))
        wanted.append(torch.repeat_interleave(photos + torch.arange(len(batch.counts)), batch.counts))
        photos += len(batch.counts)
    scores = torch.cat(texts) @ torch.cat(images).T  # (N, B)
    right = scores.gather(1, torch.cat(wanted).to(scores.device).unsqueeze(1))
    ranks = (scores > right).sum(dim=1)
    return Recall(*(100.0 * float((ranks < n).float().mean()) for n in _RANKS))
