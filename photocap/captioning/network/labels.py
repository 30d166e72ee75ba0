"""Labels: which of many everyday nouns a picture shows, from the same features as the sentence.

L labels, S slots; the other letters as in `network`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from photocap.captioning.config import ModelConfig
from photocap.captioning.vocabulary import PAD, Vocabulary
from photocap.tokenizer import tokenize

LABEL_WORDS = 3  # words of a label's name that the decoder sees
_LEAST_PROBABILITY = 1e-3


class Prototypes(nn.Module):
    """What comparing a photo with labelled ones adds to the logits of the first K labels.

    An RBF network (Broomhead & Lowe 1988) whose M centres are photos, embedded in D dimensions. It is fitted at once
    by kernel ridge regression, so nothing in it is learned by gradients; see `models/recipe`.
    """

    project: Tensor
    offset: Tensor
    centres: Tensor
    weight: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        centres, size = config.prototype_count, config.prototype_size
        self.register_buffer("project", torch.zeros(size, config.encoder_channels))
        self.register_buffer("offset", torch.zeros(size))
        self.register_buffer("centres", torch.zeros(centres, size))  # their length is the kernel's sharpness
        self.register_buffer("weight", torch.zeros(config.prototype_labels, centres))

    def forward(self, pooled: Tensor) -> Tensor:
        """Return what is added to the logits of the first K labels (B, K) for standardised global features (B, C)."""
        with torch.autocast(pooled.device.type, enabled=False):  # thousands of terms of either sign cancel
            embedded = F.normalize(F.linear(pooled.float(), self.project, self.offset), dim=1)  # (B, D)
            return F.linear(torch.exp(F.linear(embedded, self.centres)), self.weight)  # (B, M) -> (B, K)


class LabelHead(nn.Module):
    """A multi-label classifier on the standardised global feature: linear, with prototypes for its first labels."""

    words: Tensor

    def __init__(self, config: ModelConfig, dropout: float = 0.0) -> None:
        super().__init__()
        self.linear = nn.Linear(config.encoder_channels, config.label_count)
        self.register_buffer("words", torch.full((config.label_count, LABEL_WORDS), PAD))
        self.dropout = nn.Dropout(dropout)
        self.prototypes = Prototypes(config) if config.prototype_count else None

    def forward(self, pooled: Tensor) -> Tensor:
        """Return logits (B, L) for standardised global features (B, C)."""
        logits: Tensor = self.linear(self.dropout(pooled)).float()
        if self.prototypes is None:
            return logits
        scores = self.prototypes(pooled)
        return logits + F.pad(scores, (0, logits.shape[1] - scores.shape[1]))

    def name(self, labels: Sequence[str], vocabulary: Vocabulary) -> None:
        """Store the word ids of the labels' names, in the order of the outputs."""
        for row, label in enumerate(labels):
            known = [word for word in tokenize(label) if word in vocabulary][:LABEL_WORDS]
            ids = vocabulary.encode(known)
            self.words[row] = torch.tensor(ids + [PAD] * (LABEL_WORDS - len(ids)))

    def nouns(self, words: int) -> Tensor:
        """Return which of so many words of the vocabulary are a label's whole name, (V,) booleans."""
        is_noun = torch.zeros(words, dtype=torch.bool, device=self.words.device)
        is_noun[self.words[(self.words != PAD).sum(dim=1) == 1].amax(dim=1)] = True
        return is_noun

    def embed(self, embedding: nn.Embedding, chosen: Tensor) -> Tensor:
        """Return the mean word embedding (B, S, E) of the chosen labels (B, S)."""
        words = self.words[chosen]  # (B, S, W)
        real = (words != PAD).unsqueeze(3)
        total = (embedding(words) * real).sum(dim=2)  # (B, S, W, E) -> (B, S, E)
        mean: Tensor = total / real.sum(dim=2).clamp(min=1)
        return mean


class LabelSlots(nn.Module):
    """The likeliest labels as further keys and values of the decoder's attention.

    A slot's share of the attention grows with the label's probability: its logarithm is added to the score.
    """

    def __init__(self, config: ModelConfig, slot_dropout: float = 0.0) -> None:
        super().__init__()
        self.slots = min(config.label_slots, config.label_count)
        self.slot_dropout = slot_dropout
        self.key = nn.Linear(config.embedding_size, config.hidden_size)
        self.value = nn.Linear(config.embedding_size, config.hidden_size)

    def forward(self, probabilities: Tensor, head: LabelHead, embedding: nn.Embedding) -> tuple[Tensor, Tensor, Tensor]:
        """Return keys (B, S, H), values (B, S, H) and score biases (B, S) for label probabilities (B, L)."""
        top = probabilities.topk(self.slots, dim=1)
        kept = top.values
        if self.training and self.slot_dropout:
            kept = kept * (torch.rand_like(kept) >= self.slot_dropout)
        embedded = head.embed(embedding, top.indices)  # (B, S, E)
        return self.key(embedded), self.value(embedded), kept.clamp(min=_LEAST_PROBABILITY).log()
