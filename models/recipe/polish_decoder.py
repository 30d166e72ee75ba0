"""Train decoder and labels on cached features, then reward whole sentences (self-critical training).

What is kept is the mean of the weights before and after the reward: sentences that are rewarded alone become general.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

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
from photocap.training.dataset import CaptionDataset
from photocap.training.label_thresholds import beings
from photocap.training.losses import cross_entropy, sample, sentence_log_probs
from photocap.training.state import WeightAverage

_EPOCHS, _BATCH, _RATE, _WARM_UP = 2, 64, 6e-4, 100
_REWARD_STEPS, _REWARD_BATCH, _REWARD_RATE, _REWARD_WARM_UP = 900, 48, 2e-4, 50
_SAMPLES = 5
_CROSS_ENTROPY = 0.05  # beside the reward
_NOT_THERE, _TWICE = 20.0, 30.0  # CIDEr-D taken off for a thing that is not there, for a word said twice
_REPEATABLE = 3  # letters of words that may be said twice


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
    learn_captions(model, captions_of(data, start, model, mined=2), train, read_losses(data, start))
    print("captions:", dev_scores(data, start, model, dev))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    learn_reward(model, Reward(data, start, model), train)
    print("reward:", dev_scores(data, start, model, dev))
    after = model.state_dict()
    model.load_state_dict({n: (v + before[n]) / 2 if v.is_floating_point() else v for n, v in after.items()})
    print("mean:", dev_scores(data, start, model, dev))
    torch.save(model.state_dict(), data.work / "polished.pt")


def captions_of(data: Data, start: Checkpoint, model: CaptionModel, *, mined: int) -> CaptionDataset:
    """Return the captions of the training photos."""
    return CaptionDataset(data.captioned(data.train, mined=mined), start.vocabulary, model.config.max_words)


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
    """

    def __init__(self, data: Data, start: Checkpoint, model: CaptionModel) -> None:
        self.vocabulary = start.vocabulary
        self.captions = captions_of(data, start, model, mined=2)
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
        return self._scorer.score(ids, photo) - _NOT_THERE * len(absent) - _TWICE * twice


def learn_reward(model: CaptionModel, reward: Reward, features: CachedFeatures) -> None:
    """Train self-critically (Rennie et al. 2017), the other samples as baseline; labels stay as they are."""
    decoder = model.decoder
    assert decoder.labels is not None
    decoder.labels.requires_grad_(False)
    learning = [p for p in decoder.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(learning, lr=_REWARD_RATE, betas=(0.9, 0.99), weight_decay=0.0)
    average = WeightAverage(model, 0.995)
    step = 0
    while step < _REWARD_STEPS:
        for batch in reward.captions.batches(_REWARD_BATCH, shuffle_seed=5000 + step):
            if step == _REWARD_STEPS:
                break
            torch.manual_seed(step)
            share = min(1.0, (step + 1) / _REWARD_WARM_UP) * (0.1 + 0.9 * (1 - step / _REWARD_STEPS))
            optimizer.param_groups[0]["lr"] = _REWARD_RATE * share
            seen = features.of(batch.photos)
            model.train()
            with torch.autocast("cpu", torch.bfloat16):
                by_people = cross_entropy(decoder, seen, batch)
                model.eval()
                known = replace(seen, labels=decoder.label_probabilities(seen).detach())
                tokens = sample(decoder, known, _SAMPLES)
                log_probs, mask = sentence_log_probs(decoder, known, tokens, _SAMPLES)
                advantage = _advantage(reward, tokens, batch.photos)
                loss = _CROSS_ENTROPY * by_people - (advantage * log_probs * mask).sum() / mask.sum()
            _descend(loss, optimizer, learning)
            step += 1
            average.update(step)
    _keep(model, average)


def _advantage(reward: Reward, tokens: Tensor, photos: Tensor) -> Tensor:
    """Return (N, 1): by how much each sentence (N, T) is better than the others of its photo."""
    rows = enumerate(tokens.tolist())
    rewards = torch.tensor([reward(ids, int(photos[row // _SAMPLES])) for row, ids in rows]).view(-1, _SAMPLES)
    others = (rewards.sum(dim=1, keepdim=True) - rewards) / (_SAMPLES - 1)
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
