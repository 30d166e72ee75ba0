"""Train decoder and labels on cached features, then reward whole sentences (self-critical training) in three phases.

What is kept lies between the weights before and after the reward: sentences that are rewarded alone become short and
general.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from dataset import Data, open_data, start_model
from dev_scores import CachedFeatures, dev_scores, encode
from losses import Losses, rate, read_losses
from torch import Tensor, nn

from photocap.captioning.checkpoint import Checkpoint
from photocap.captioning.labels import broader_labels, labels_in, narrower_labels, with_broader
from photocap.captioning.network import CaptionModel
from photocap.captioning.vocabulary import END, PAD
from photocap.datasets.label_tables import COCO_LABELS
from photocap.metrics import CiderD
from photocap.training.dataset import CaptionDataset, CaptionedPhoto
from photocap.training.label_thresholds import beings
from photocap.training.losses import cross_entropy, sample, sentence_log_probs
from photocap.training.state import WeightAverage

_EPOCHS, _BATCH, _RATE, _WARM_UP = 2, 64, 6e-4, 100
_REWARD_BATCH, _REWARD_WARM_UP = 48, 50
_TWICE = 30.0  # CIDEr-D taken off for a word said twice
_REPEATABLE = 3  # letters of words that may be said twice
_POSTURES = ("is sitting", "is standing", "are sitting", "are standing")
_REWARDED = 0.4  # share of the rewarded weights in what is kept


@dataclass(frozen=True)
class Phase:
    """One phase of self-critical training.

    Attributes:
        steps: how many are done, of a learning rate that falls over `planned` steps from `rate`.
        samples: sentences drawn for each photo.
        cross_entropy: its weight beside the reward.
        absent: CIDEr-D taken off for a thing that is not there.
        posture: CIDEr-D taken off for "is sitting" and the like.
        by_people: score against sentences by people alone, mined ones included; everyday photos with one or none
            are left out.
        everyday: share of the everyday photos that take part.
    """

    steps: int
    planned: int
    rate: float
    samples: int
    cross_entropy: float
    absent: float
    posture: float = 0.0
    by_people: bool = True
    everyday: float = 1.0


_FIRST = Phase(300, 900, 2e-4, 5, 0.05, absent=20.0, by_people=False)
_NEXT = (
    Phase(400, 400, 2e-4, 4, 0.1, absent=15.0),
    Phase(70, 140, 1.5e-4, 4, 0.1, absent=15.0, posture=15.0, everyday=0.35),
)


def main() -> None:
    """Write WORK/polished.pt."""
    data = open_data()
    start, model = start_model()
    model.joint = None
    model.load_state_dict(torch.load(data.work / "tuned.pt", weights_only=True))
    train, dev = encode(data, model, "train"), encode(data, model, "dev")
    torch.save({"train": train.pooled, "dev": dev.pooled}, data.work / "pooled.pt")
    model.requires_grad_(False)
    model.decoder.requires_grad_(True)
    captions = CaptionDataset(data.captioned(data.train), start.vocabulary, model.config.max_words)
    learn_captions(model, captions, train, read_losses(data, start))
    print("captions:", dev_scores(data, start, model, dev))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    learn_reward(model, Reward(data, start, model, _FIRST), train)
    _mix(model, before, 0.5)
    print("reward, mean with before:", dev_scores(data, start, model, dev))
    for phase in _NEXT:
        learn_reward(model, Reward(data, start, model, phase), train)
        print("reward:", dev_scores(data, start, model, dev))
    _mix(model, before, _REWARDED)
    print("kept:", dev_scores(data, start, model, dev))
    torch.save(model.state_dict(), data.work / "polished.pt")


def _mix(model: CaptionModel, before: Mapping[str, Tensor], share: float) -> None:
    """Leave a share of the model's weights, the rest from before."""
    after = model.state_dict()
    model.load_state_dict({n: before[n].lerp(v, share) if v.is_floating_point() else v for n, v in after.items()})


def learn_captions(model: CaptionModel, captions: CaptionDataset, features: CachedFeatures, losses: Losses) -> None:
    """Minimise the losses; the average of the weights is kept."""
    learning = [*model.decoder.parameters()]
    optimizer = torch.optim.AdamW(learning, lr=_RATE, betas=(0.9, 0.99), weight_decay=1e-4)
    average = WeightAverage(model, 0.998)
    epoch_steps = len(captions) // _BATCH
    step = 0
    for epoch in range(_EPOCHS):
        batches = list(captions.batches(_BATCH, shuffle_seed=1000 + epoch))[:epoch_steps]
        for batch in batches:
            model.train()
            torch.manual_seed(step)
            optimizer.param_groups[0]["lr"] = _RATE * rate(step, _EPOCHS * epoch_steps, _WARM_UP)
            with torch.autocast("cpu", torch.bfloat16):
                loss = losses(model, features.of(batch.photos), batch, torch.Generator().manual_seed(step))
            _descend(loss, optimizer, learning)
            step += 1
            average.update(step)
    _keep(model, average)


class Reward:
    """How good sampled sentences are: CIDEr-D less what is not there and what is said twice.

    Args:
        data, start, model: the photos, the vocabulary, the sizes.
        phase: what counts.
    """

    def __init__(self, data: Data, start: Checkpoint, model: CaptionModel, phase: Phase) -> None:
        self.vocabulary, self.phase = start.vocabulary, phase
        photos = data.captioned(data.train)
        left_out: list[int] = []
        if phase.by_people:
            photos, left_out = _by_people(data, photos, phase.everyday)
        self.captions = CaptionDataset(photos, start.vocabulary, model.config.max_words, left_out)
        encoded = [[self.vocabulary.encode(words) for words in photo.captions] for photo in self.captions.photos]
        self._scorer = CiderD(encoded, end=END)
        self._there = [self._labels(data, row) for row in range(len(data.train))]
        self._complete = [photo.path.name in data.known_labels for photo in data.train]
        self._beings = beings()
        known = (name for name in start.info.labels.names if {name, *broader_labels(name)} & COCO_LABELS)  # type: ignore[union-attr]
        self._checked = frozenset(known) | self._beings

    @staticmethod
    def _labels(data: Data, row: int) -> frozenset[str]:
        photo = data.train[row]
        said = (labels_in(words) for words in data.captions(photo, details=True, mined=3))
        there = with_broader(frozenset(data.known_labels.get(photo.path.name, ())).union(*said))
        return there | narrower_labels("person") if "person" in there else there

    def __call__(self, tokens: Sequence[int], photo: int) -> float:
        """Return the reward (CIDEr-D, x 100) of word ids."""
        ids = [token for token in tokens if token != PAD]
        words = self.vocabulary.decode(ids)
        checked = self._checked if self._complete[photo] else self._beings
        absent = (labels_in(words) & checked) - self._there[photo]
        twice = sum(n > 1 for word, n in Counter(words).items() if len(word) > _REPEATABLE)
        posture = self.phase.posture * any(each in " ".join(words) for each in _POSTURES)
        return self._scorer.score(ids, photo) - self.phase.absent * len(absent) - _TWICE * twice - posture


def _by_people(data: Data, photos: list[CaptionedPhoto], share: float) -> tuple[list[CaptionedPhoto], list[int]]:
    """Return the photos with what people say of them, and the numbers of those to leave out."""
    chance = random.Random(7)
    changed, left_out = [], []
    for row, (photo, captioned) in enumerate(zip(data.train, photos, strict=True)):
        mined = [tuple(text.split()) for score, text in data.mined.get(photo.path.name, []) if score >= 1.45]
        said = tuple(dict.fromkeys([*photo.by_people, *mined]))[:5]
        takes_part = photo.source != "everyday" or (len(said) > 1 and chance.random() < share)
        changed.append(replace(captioned, captions=said) if takes_part else captioned)
        left_out += [] if takes_part else [row]
    return changed, left_out


def learn_reward(model: CaptionModel, reward: Reward, features: CachedFeatures) -> None:
    """Train self-critically (Rennie et al. 2017), the other samples as baseline; labels stay as they are."""
    decoder = model.decoder
    assert decoder.labels is not None
    decoder.labels.requires_grad_(False)
    phase = reward.phase
    learning = [p for p in decoder.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(learning, lr=phase.rate, betas=(0.9, 0.99), weight_decay=0.0)
    average = WeightAverage(model, 0.995)
    step = 0
    while step < phase.steps:
        for batch in reward.captions.batches(_REWARD_BATCH, shuffle_seed=5000 + step):
            if step == phase.steps:
                break
            torch.manual_seed(step)
            share = min(1.0, (step + 1) / _REWARD_WARM_UP) * (0.1 + 0.9 * (1 - step / phase.planned))
            optimizer.param_groups[0]["lr"] = phase.rate * share
            seen = features.of(batch.photos)
            model.train()
            with torch.autocast("cpu", torch.bfloat16):
                by_people = cross_entropy(decoder, seen, batch)
                model.eval()
                known = replace(seen, labels=decoder.label_probabilities(seen).detach())
                tokens = sample(decoder, known, phase.samples)
                log_probs, mask = sentence_log_probs(decoder, known, tokens, phase.samples)
                advantage = _advantage(reward, tokens, batch.photos)
                loss = phase.cross_entropy * by_people - (advantage * log_probs * mask).sum() / mask.sum()
            _descend(loss, optimizer, learning)
            step += 1
            average.update(step)
    _keep(model, average)


def _advantage(reward: Reward, tokens: Tensor, photos: Tensor) -> Tensor:
    """Return (N, 1): by how much each sentence (N, T) is better than the others of its photo."""
    samples, rows = reward.phase.samples, enumerate(tokens.tolist())
    rewards = torch.tensor([reward(ids, int(photos[row // samples])) for row, ids in rows]).view(-1, samples)
    others = (rewards.sum(dim=1, keepdim=True) - rewards) / (samples - 1)
    return ((rewards - others) / 100.0).view(-1, 1)


def _descend(loss: Tensor, optimizer: torch.optim.Optimizer, learning: Sequence[nn.Parameter]) -> None:
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(learning, 1.0)
    optimizer.step()


@torch.no_grad()
def _keep(model: CaptionModel, average: WeightAverage) -> None:
    for name, parameter in average.learning.items():
        parameter.copy_(average.average[name])
    model.eval()


if __name__ == "__main__":
    main()
