"""The decoder: an LSTM or a GRU with attention after it and tied embeddings. Letters and sources as in `model`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from photocap.captioning.config import ModelConfig
from photocap.captioning.network.encoder import Features
from photocap.captioning.network.labels import LabelHead, LabelSlots
from photocap.captioning.vocabulary import PAD, START


@dataclass(frozen=True, kw_only=True)
class State:
    """The decoder between two tokens.

    Attributes:
        hidden: (N, H), where there are several layers (N, their number times H), the lowest first.
        cell: the same, of a GRU (N, 0).
        keys, values: (N, A, P, H/A) of the attention, label slots behind the grid's places.
        bias: (N, 1, 1, P) added to the attention's scores.
    """

    hidden: Tensor
    cell: Tensor
    keys: Tensor
    values: Tensor
    bias: Tensor

    def repeat(self, times: Tensor | int) -> State:
        """Repeat each photo's rows for its captions or beams: the encoder's part is computed once a photo."""
        return State(**{name: x.repeat_interleave(times, dim=0) for name, x in vars(self).items()})

    def select(self, rows: Tensor) -> State:
        """Reorder the recurrent part after beams changed places within their photo."""
        return State(hidden=self.hidden[rows], cell=self.cell[rows], keys=self.keys, values=self.values, bias=self.bias)


class Decoder(nn.Module):
    """An LSTM or GRU over word embeddings, then attention over the grid, then words through the tied embedding."""

    pooled_mean: Tensor
    pooled_std: Tensor

    def __init__(
        self,
        config: ModelConfig,
        vocabulary_size: int,
        word_dropout: float = 0.0,
        feature_dropout: float = 0.0,
        slot_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        e, h = config.embedding_size, config.hidden_size
        self.config = config
        self.embedding = nn.Embedding(vocabulary_size, e, padding_idx=PAD)
        nn.init.normal_(self.embedding.weight, std=0.05)
        self.register_buffer("pooled_mean", torch.zeros(config.encoder_channels))
        self.register_buffer("pooled_std", torch.ones(config.encoder_channels))
        layers = config.layers
        between = word_dropout if layers > 1 else 0.0
        if config.rnn == "lstm":
            self.lstm = nn.LSTM(e, h, layers, batch_first=True, dropout=between)
        else:
            self.gru = nn.GRU(e, h, layers, batch_first=True, dropout=between)
        self.state_sizes = [layers * h, layers * h if config.rnn == "lstm" else 0]  # hidden and cell
        if config.attention == "grid":
            self.start = nn.Linear(config.encoder_channels, sum(self.state_sizes))
            self.query = nn.Linear(h, h)
            self.key = nn.Linear(config.feature_size, h)
            self.value = nn.Linear(config.feature_size, h)
            self.gate = nn.Linear(h, h)
        else:
            self.start = nn.Linear(config.encoder_channels, e)
        self.out = nn.Linear(2 * h if config.attention == "grid" else h, e)
        self.bias = nn.Parameter(torch.zeros(vocabulary_size))
        self.labels = LabelHead(config, feature_dropout) if config.label_count else None
        has_slots = config.label_count and config.attention == "grid"
        self.slots = LabelSlots(config, slot_dropout) if has_slots else None
        self.word_dropout = nn.Dropout(word_dropout)
        self.feature_dropout = nn.Dropout(feature_dropout)

    def standardise(self, pooled: Tensor) -> Tensor:
        """Return global features (B, C) with zero mean and unit variance over the training photos."""
        return (pooled.float() - self.pooled_mean) / self.pooled_std

    def start_state(self, features: Features) -> State:
        """Return the state before <start>."""
        start = self.start(self.feature_dropout(self.standardise(features.pooled)))
        if self.config.attention == "none":  # the global feature is the first input
            hidden, cell = (start.new_zeros(len(start), size) for size in self.state_sizes)
            _, hidden, cell = self._recur(start.unsqueeze(1), hidden, cell)
            return State(hidden=hidden, cell=cell, keys=hidden, values=hidden, bias=hidden)
        hidden, cell = torch.split(start, self.state_sizes, dim=1)  # (N, 2H) -> (N, H), (N, H)
        grid = self.feature_dropout(features.grid)
        keys, values = self.key(grid), self.value(grid)  # (N, P, H)
        bias = keys.new_zeros(len(keys), keys.shape[1], dtype=torch.float32)
        if self.slots is not None and self.labels is not None:
            known = self.label_probabilities(features)
            label_keys, label_values, label_bias = self.slots(known.detach(), self.labels, self.embedding)
            keys, values = torch.cat([keys, label_keys], dim=1), torch.cat([values, label_values], dim=1)
            bias = torch.cat([bias, label_bias], dim=1)  # P grows by S
        return State(
            hidden=torch.tanh(hidden),
            cell=cell,
            keys=self._heads(keys),
            values=self._heads(values),
            bias=bias[:, None, None],
        )

    def label_probabilities(self, features: Features) -> Tensor:
        """Return the probability (B, L) of each label: what is known of it, or what the label head says."""
        if features.labels is not None:
            return features.labels
        assert self.labels is not None
        logits: Tensor = self.labels(self.standardise(features.pooled))
        return logits.sigmoid()

    def _recur(self, inputs: Tensor | PackedSequence, hidden: Tensor, cell: Tensor) -> tuple[Any, Tensor, Tensor]:
        """Run the LSTM or GRU over inputs (N, T, E); return its outputs (N, T, H), hidden and cell after."""
        if self.config.rnn == "gru":
            outputs, after = self.gru(inputs, self._by_layer(hidden))
            return outputs, after.transpose(0, 1).flatten(1), cell
        outputs, (after, cell) = self.lstm(inputs, (self._by_layer(hidden), self._by_layer(cell)))
        return outputs, after.transpose(0, 1).flatten(1), cell.transpose(0, 1).flatten(1)

    def _by_layer(self, state: Tensor) -> Tensor:
        layers = self.config.layers
        return state.view(len(state), layers, -1).transpose(0, 1).contiguous()  # (N, L*H) -> (L, N, H)

    def _heads(self, x: Tensor) -> Tensor:
        heads = self.config.attention_heads
        return x.view(*x.shape[:2], heads, -1).transpose(1, 2)  # (N, T, H) -> (N, A, T, H/A)

    def _attend(self, hidden: Tensor, state: State) -> Tensor:
        """Return the attention weights (N, A, T, P) of the recurrent outputs (N, T, H)."""
        query = self._heads(self.query(hidden))  # (N, A, T, H/A)
        # Written out: for one query PyTorch's fused attention takes ten times as long (CPU, bfloat16).
        scores = (query @ state.keys.transpose(2, 3)).float() / query.shape[3] ** 0.5 + state.bias  # (N, A, T, P)
        weights: Tensor = scores.softmax(dim=3)
        return weights

    def _logits(self, hidden: Tensor, state: State) -> Tensor:
        """Turn the recurrent outputs (N, T, H) into logits (N, T, V)."""
        x = hidden
        if self.config.attention == "grid":
            context = (self._attend(hidden, state) @ state.values).transpose(1, 2).flatten(2)  # (N, T, H)
            x = torch.cat([hidden, torch.sigmoid(self.gate(hidden)) * context], dim=2)
        x = self.out(self.word_dropout(x))  # (N, T, E)
        logits: Tensor = F.linear(x, self.embedding.weight, self.bias)  # (N, T, V)
        return logits

    def forward(self, features: Features, tokens: Tensor, lengths: Tensor, counts: Tensor) -> Tensor:
        """Teacher forcing: logits (N, T, V) for the word after each of tokens (N, T), <start> first.

        Args:
            features: of B photos.
            tokens: (N, T) ids, padded; the captions of one photo follow each other.
            lengths: (N,) real tokens of each row, on the CPU.
            counts: (B,) captions of each photo, N together.
        """
        state = self.start_state(features).repeat(counts)
        return self._logits(self._read(tokens, lengths, state), state)

    def _read(self, tokens: Tensor, lengths: Tensor, state: State) -> Tensor:
        """Run whole sentences (N, T) through the LSTM or GRU; return its outputs (N, T, H)."""
        embedded = self.word_dropout(self.embedding(tokens))  # (N, T, E)
        packed = pack_padded_sequence(embedded, lengths, batch_first=True, enforce_sorted=False)
        hidden, _, _ = self._recur(packed, state.hidden, state.cell)
        padded, _ = pad_packed_sequence(hidden, batch_first=True, total_length=tokens.shape[1])
        return padded

    @torch.no_grad()
    def attention(self, features: Features, tokens: Tensor) -> Tensor:
        """Return where the decoder looks for each token of a sentence about each photo.

        Args:
            features: of B photos.
            tokens: (B, T) ids as `beam_search` returns them.

        Returns:
            (B, T, P) weights, the mean over the heads: the grid's places row by row, then the label slots.
        """
        state = self.start_state(features)
        fed = torch.cat([torch.full_like(tokens[:, :1], START), tokens[:, :-1]], dim=1)
        hidden = self._read(fed, torch.full((len(fed),), fed.shape[1]), state)
        return self._attend(hidden, state).mean(dim=1)

    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """Feed one token (N,) to each row; return logits (N, V) and the state after it."""
        embedded = self.word_dropout(self.embedding(tokens)).unsqueeze(1)  # (N, 1, E)
        outputs, hidden, cell = self._recur(embedded, state.hidden, state.cell)
        logits = self._logits(outputs, state)[:, 0]  # (N, V)
        return logits, State(hidden=hidden, cell=cell, keys=state.keys, values=state.values, bias=state.bias)
