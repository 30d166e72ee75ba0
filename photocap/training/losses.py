"""What training minimises: masked cross-entropy, or the self-critical reward."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from photocap.captioning.config import TrainConfig
from photocap.captioning.network import Decoder, Features
from photocap.captioning.vocabulary import END, PAD, START, UNK
from photocap.metrics import CiderD
from photocap.training.dataset import CaptionBatch, CaptionDataset, mirror_words


def cross_entropy(decoder: Decoder, features: Features, batch: CaptionBatch, label_smoothing: float = 0.0) -> Tensor:
    """Return the mean cross-entropy over real tokens, in nats; padding counts nothing."""
    device = features.pooled.device
    logits = decoder(features, batch.tokens.to(device), batch.lengths, batch.counts.to(device))
    targets = batch.targets.to(device)
    return F.cross_entropy(
        logits.float().flatten(0, 1), targets.flatten(), ignore_index=PAD, label_smoothing=label_smoothing
    )


class SelfCritical:
    """Self-critical sequence training (Rennie et al. 2017) with the mean of the other samples as baseline.

    The reward is CIDEr-D with the end token counted as a word and document frequencies from the
    training references: without the end token fragments would pay. A share of cross-entropy keeps the
    language whole and its words many (a mixed objective, Paulus et al. 2018): the reward alone does not mind
    a sentence that nobody would say.

    Args:
        data: the training captions, the references.
        config: how many sentences are drawn for each photo, and what the cross-entropy counts beside the
            reward (CIDEr-D, not x 100).
    """

    def __init__(self, data: CaptionDataset, config: TrainConfig) -> None:
        self.samples, self.cross_entropy_weight = config.samples_per_photo, config.cross_entropy_weight
        references = [[data.vocabulary.encode(words) for words in photo.captions] for photo in data.photos]
        self.scorer = CiderD(references, end=END)
        known = data.vocabulary
        # In a mirrored photo "left" is right: what is said of it is turned round before it is scored.
        self.mirrored_ids = [PAD, START, END, UNK, *known.encode(mirror_words(known.words))]

    def __call__(self, decoder: Decoder, features: Features, batch: CaptionBatch) -> tuple[Tensor, Tensor]:
        """Return the loss of a batch, and of how many sampled tokens it is the mean.

        Dropout is off for the reward, so that samples are the model's own words.
        """
        said_by_people = cross_entropy(decoder, features, batch)
        decoder.word_dropout.eval()
        decoder.feature_dropout.eval()
        tokens = sample(decoder, features, self.samples)  # (B*S, T)
        rewards = torch.tensor(self._rewards(tokens.tolist(), batch))  # (B, S)
        others = (rewards.sum(dim=1, keepdim=True) - rewards) / (self.samples - 1)
        advantage = ((rewards - others) / 100.0).flatten().to(tokens.device)  # (B*S,)
        log_probs, mask = sentence_log_probs(decoder, features, tokens, self.samples)
        reward = (advantage.unsqueeze(1) * log_probs * mask).sum() / mask.sum()
        return self.cross_entropy_weight * said_by_people - reward, mask.sum()

    def _rewards(self, sentences: Sequence[Sequence[int]], batch: CaptionBatch) -> list[list[float]]:
        photos, mirrored = batch.photos.tolist(), batch.mirrored.tolist()
        rewards = []
        for row, ids in enumerate(sentences):
            photo = row // self.samples
            said = [self.mirrored_ids[t] if mirrored[photo] else t for t in ids if t != PAD]
            rewards.append(self.scorer.score(said, photos[photo]))
        return [rewards[i : i + self.samples] for i in range(0, len(rewards), self.samples)]


@torch.no_grad()
def sample(decoder: Decoder, features: Features, samples: int) -> Tensor:
    """Draw sentences word by word from the model: (B * samples, T) ids, ended and padded."""
    state = decoder.start_state(features).repeat(samples)
    word = torch.full((state.hidden.shape[0],), START, device=features.pooled.device)
    done = torch.zeros_like(word, dtype=torch.bool)
    words = []
    for _ in range(decoder.config.max_words):
        logits, state = decoder.step(word, state)
        logits[:, [PAD, START, UNK]] = float("-inf")
        word = torch.multinomial(logits.float().softmax(dim=1), 1).squeeze(1)
        word = word.masked_fill(done, PAD)
        words.append(word)
        done = done | (word == END)
        if bool(done.all()):
            break
    return torch.stack(words, dim=1)


def sentence_log_probs(decoder: Decoder, features: Features, sampled: Tensor, samples: int) -> tuple[Tensor, Tensor]:
    """Return log-probabilities (N, T) of sampled tokens, with gradients, and the mask of real ones (N, T)."""
    tokens = torch.cat([torch.full_like(sampled[:, :1], START), sampled[:, :-1]], dim=1)
    mask = sampled != PAD
    counts = torch.full((features.pooled.shape[0],), samples, device=sampled.device)
    logits = decoder(features, tokens, mask.sum(dim=1).cpu(), counts).float()
    logits[:, :, [PAD, START, UNK]] = float("-inf")  # as they were drawn
    log_probs = logits.log_softmax(dim=2).gather(2, sampled.unsqueeze(2)).squeeze(2)
    return log_probs.masked_fill(~mask, 0.0), mask
