"""Train the joint space of text and pictures on cached features: all captions and the names of labels as queries."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from dataset import Data, Words, open_data, start_model
from torch import Tensor, nn

from photocap.captioning.labels import labels_in, with_broader
from photocap.captioning.network import JointEmbedding
from photocap.captioning.vocabulary import PAD, UNK, Vocabulary
from photocap.tokenizer import tokenize
from photocap.training.joint_space import hardest_hinge
from photocap.training.state import WeightAverage

_EPOCHS, _BATCH, _RATE, _WARM_UP = 20, 256, 1e-3, 50
_DROPOUT = 0.4
_LABEL_QUERIES = 0.12
_MOST_WORDS = 20
_RANKS = (1, 5, 10)


def main() -> None:
    """Write WORK/joined.pt: the best by recall on both dev sets."""
    data = open_data()
    start, model = start_model()
    old = {name: value for name, value in start.model.state_dict().items() if name.startswith("joint.")}
    model.load_state_dict(old | torch.load(data.work / "polished.pt", weights_only=True))
    pooled = torch.load(data.work / "pooled.pt", weights_only=True)
    images, dev = (model.decoder.standardise(pooled[split].float()) for split in ("train", "dev"))
    joint = JointEmbedding(model.config, len(start.vocabulary), _DROPOUT)
    joint.load_state_dict({name.removeprefix("joint."): value for name, value in old.items()})
    queries, labels = _queries(data, start.vocabulary)
    scale = nn.Parameter(torch.tensor(math.log(20.0)))
    optimizer = torch.optim.AdamW([*joint.parameters(), scale], lr=_RATE, weight_decay=1e-4)
    average = WeightAverage(joint, 0.998)
    epoch_steps = len(images) // _BATCH
    steps, step, best = _EPOCHS * epoch_steps, 0, 0.0
    chance = random.Random(0)
    torch.manual_seed(0)
    for epoch in range(_EPOCHS):
        for rows in torch.split(torch.randperm(len(images)), _BATCH)[:epoch_steps]:
            joint.train()
            fall = 0.5 * (1 + math.cos(math.pi * step / steps))
            optimizer.param_groups[0]["lr"] = _RATE * min(1.0, (step + 1) / _WARM_UP) * fall
            asked = [
                chance.choice(labels[row] if labels[row] and chance.random() < _LABEL_QUERIES else queries[row])
                for row in rows.tolist()
            ]
            likeness = joint.embed_images(images[rows]) @ joint.embed_texts(*_padded(asked)).T
            logits, right = likeness * scale.clamp(max=math.log(100.0)).exp(), torch.arange(len(rows))
            loss = (F.cross_entropy(logits, right) + F.cross_entropy(logits.T, right)) / 2
            loss = loss + min(1.0, 2 * step / steps) * hardest_hinge(likeness)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(joint.parameters(), 1.0)
            optimizer.step()
            step += 1
            average.update(step)
        with average.applied():
            recall = _recall(data, joint, dev, start.vocabulary)
            print(f"epoch {epoch + 1}:", recall)
            if sum(map(sum, recall.values())) > best:
                best = sum(map(sum, recall.values()))
                model.joint = joint
                torch.save(model.state_dict(), data.work / "joined.pt")


def _queries(data: Data, vocabulary: Vocabulary) -> tuple[list[list[list[int]]], list[list[list[int]]]]:
    """Return for each training photo its captions and its labels as word ids."""
    captions, labels = [], []
    for photo in data.train:
        said = data.captions(photo, details=True, mined=3)
        captions.append([vocabulary.encode(words[:_MOST_WORDS]) for words in said])
        named = (labels_in(words) for words in data.captions(photo, details=True, mined=0))
        there = with_broader(frozenset(data.known_labels.get(photo.path.name, ())).union(*named))
        labels.append([vocabulary.encode(tokenize(name)) for name in sorted(there)])
    return captions, labels


def _padded(rows: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    longest = max(map(len, rows))
    return torch.tensor([[*row, *[PAD] * (longest - len(row))] for row in rows]), torch.tensor([*map(len, rows)])


@torch.no_grad()
def _recall(data: Data, joint: JointEmbedding, dev: Tensor, vocabulary: Vocabulary) -> dict[str, list[float]]:
    """Return recall at 1, 5 and 10, x 100, of people's captions for their photos, within each dev set."""
    joint.eval()
    found = {}
    for source in ("everyday", "flickr8k"):
        rows = [row for row, photo in enumerate(data.dev) if photo.source == source]
        asked: list[tuple[int, Words]] = [(i, t) for i, row in enumerate(rows) for t in data.dev[row].by_people]
        texts = joint.embed_texts(*_padded([vocabulary.encode(text) or [UNK] for _, text in asked]))
        scores = texts @ joint.embed_images(dev[rows]).T
        right = scores.gather(1, torch.tensor([[i] for i, _ in asked]))
        ranks = (scores > right).sum(dim=1)
        found[source] = [round(100.0 * float((ranks < n).float().mean()), 1) for n in _RANKS]
    return found


if __name__ == "__main__":
    main()
