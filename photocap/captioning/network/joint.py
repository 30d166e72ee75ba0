"""A joint text-image space (Faghri et al. 2018). Letters as in `model`."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from photocap.captioning.config import ModelConfig
from photocap.captioning.vocabulary import END, PAD


class JointEmbedding(nn.Module):
    """A space of S dimensions in which a photo lies near the sentences that fit it.

    The text side is a bidirectional GRU with max-pooling over its words; `text_encoder` computes the
    same in numpy, so that a search needs no torch.
    """

    def __init__(self, config: ModelConfig, vocabulary_size: int, dropout: float = 0.0) -> None:
        super().__init__()
        size = config.joint_size
        self.image = nn.Linear(config.encoder_channels, size)
        self.words = nn.Embedding(vocabulary_size, config.embedding_size, padding_idx=PAD)
        nn.init.normal_(self.words.weight, std=0.1)
        self.gru = nn.GRU(config.embedding_size, size, batch_first=True, bidirectional=True)
        self.text = nn.Linear(2 * size, size)
        self.dropout = nn.Dropout(dropout)

    def embed_images(self, pooled: Tensor) -> Tensor:
        """Return unit vectors (B, S) for standardised global features (B, C)."""
        return F.normalize(self.image(self.dropout(pooled)), dim=1)

    def embed_texts(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Return unit vectors (N, S) for padded word ids (N, T), no <start> or <end>, and lengths (N,) on the CPU."""
        packed = pack_padded_sequence(self.dropout(self.words(tokens)), lengths, batch_first=True, enforce_sorted=False)
        hidden, _ = pad_packed_sequence(self.gru(packed)[0], batch_first=True, padding_value=float("-inf"))
        return F.normalize(self.text(hidden.amax(dim=1)), dim=1)  # (N, T, 2S) -> (N, 2S) -> (N, S)

    def likeness(self, places: Tensor, tokens: Tensor) -> Tensor:
        """Return the cosine (B,) of photos at places (B, S) with sentences (B, T) as `beam_search` returns them."""
        words = tokens.masked_fill(tokens == END, PAD)
        lengths = (words != PAD).sum(dim=1).clamp(min=1).cpu()
        return (places * self.embed_texts(words[:, : int(lengths.max())], lengths)).sum(dim=1).float()
