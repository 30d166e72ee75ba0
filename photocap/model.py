"""The whole network: ResNet encoder, LSTM or GRU decoder with attention, beam search.

Dimension letters, used on every line that changes a shape:
B photos, N captions, T tokens, V vocabulary, E embedding, H hidden, P grid places (7 x 7),
C encoder channels (512 or 2048), D reduced feature, K beams, A attention heads.

Sources: He et al. 2015 (ResNet); Vinyals et al. 2015 (encoder-decoder captioning); Cho et al. 2014 (GRU);
Lu et al. 2017 (attention after the LSTM); Press & Wolf 2017 (tied embeddings); Wu et al. 2016 (length
penalty); Faghri et al. 2018 (joint text-image embedding).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence
from torchvision.models import get_model

from photocap.config import ModelConfig
from photocap.vocabulary import END, PAD, START, UNK

STRIDE = 32  # pixels of the picture for one place of the grid, along each side


@dataclass(frozen=True)
class Features:
    """What the encoder sees in a batch of photos.

    Attributes:
        grid: (B, P, D) reduced features of the 7x7 places.
        pooled: (B, C) global feature, the mean over the places.
    """

    grid: Tensor
    pooled: Tensor


@dataclass(frozen=True)
class State:
    """The decoder between two tokens.

    Attributes:
        hidden: (N, H).
        cell: (N, H), of a GRU (N, 0).
        keys, values: (N, A, P, H/A) of the attention.
    """

    hidden: Tensor
    cell: Tensor
    keys: Tensor
    values: Tensor

    def repeat(self, times: Tensor | int) -> State:
        """Repeat each photo's rows for its captions or beams: the encoder's part is computed once a photo."""
        return State(*(x.repeat_interleave(times, dim=0) for x in vars(self).values()))

    def select(self, rows: Tensor) -> State:
        """Reorder the recurrent part after beams changed places within their photo."""
        return State(self.hidden[rows], self.cell[rows], self.keys, self.values)


@dataclass(frozen=True)
class Generated:
    """Sentences for a batch: token ids (B, T) ended and padded, and mean log-probability per token (B,)."""

    tokens: Tensor
    mean_log_prob: Tensor


class Encoder(nn.Module):
    """One of torchvision's ResNets without its classifier, and the linear reduction of its grid."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        trunk = get_model(config.encoder, weights=None)
        trunk.fc = nn.Identity()
        self.trunk = trunk.eval()  # modules are born in training mode; BatchNorm must never be in it
        self.reduce = nn.Linear(config.encoder_channels, config.feature_size)
        self.frozen = True

    def stages(self) -> list[nn.Module]:
        """Return the trunk's parts in order, stem first."""
        t = self.trunk
        stem = nn.Sequential(t.conv1, t.bn1, t.relu, t.maxpool)
        return [stem, t.layer1, t.layer2, t.layer3, t.layer4]

    def unfreeze(self, stages: int) -> None:
        """Let the last `stages` of the five stages (and the reduction, if any) learn; 0 freezes all."""
        self.frozen = stages == 0
        parts = self.stages()
        for i, part in enumerate(parts):
            part.requires_grad_(i >= len(parts) - stages)
        self.reduce.requires_grad_(stages > 0)

    def train(self, mode: bool = True) -> Encoder:
        """Set the mode; BatchNorm keeps its ImageNet statistics and always runs in eval mode."""
        super().train(mode)
        self.trunk.eval()
        return self

    def grid_features(self, pixels: Tensor) -> Tensor:
        """Return the trunk's last feature map for normalised pixels (B, 3, 224, 224) as (B, P, C)."""
        x = pixels
        for stage in self.stages():
            x = stage(x)
        return x.flatten(2).transpose(1, 2)  # (B, C, 7, 7) -> (B, P, C)

    def forward(self, pixels: Tensor) -> Features:
        """Encode normalised pixels (B, 3, 224, 224); gradients only where something learns."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            grid = self.grid_features(pixels)
            return Features(self.reduce(grid), grid.mean(dim=1))


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
    ) -> None:
        super().__init__()
        e, h = config.embedding_size, config.hidden_size
        self.config = config
        self.embedding = nn.Embedding(vocabulary_size, e, padding_idx=PAD)
        nn.init.normal_(self.embedding.weight, std=0.05)
        self.register_buffer("pooled_mean", torch.zeros(config.encoder_channels))
        self.register_buffer("pooled_std", torch.ones(config.encoder_channels))
        if config.rnn == "lstm":
            self.lstm = nn.LSTM(e, h, batch_first=True)
        else:
            self.gru = nn.GRU(e, h, batch_first=True)
        self.state_sizes = [h, h if config.rnn == "lstm" else 0]  # hidden and cell
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
            return State(hidden, cell, hidden, hidden)
        hidden, cell = torch.split(start, self.state_sizes, dim=1)  # (N, 2H) -> (N, H), (N, H)
        grid = self.feature_dropout(features.grid)
        return State(torch.tanh(hidden), cell, self._heads(self.key(grid)), self._heads(self.value(grid)))

    def _recur(self, inputs: Tensor | PackedSequence, hidden: Tensor, cell: Tensor) -> tuple[Any, Tensor, Tensor]:
        """Run the LSTM or GRU over inputs (N, T, E); return its outputs (N, T, H), hidden and cell after them."""
        if self.config.rnn == "gru":
            outputs, after = self.gru(inputs, hidden.unsqueeze(0))
            return outputs, after[0], cell
        outputs, (after, cell) = self.lstm(inputs, (hidden.unsqueeze(0), cell.unsqueeze(0)))
        return outputs, after[0], cell[0]

    def _heads(self, x: Tensor) -> Tensor:
        heads = self.config.attention_heads
        return x.view(*x.shape[:2], heads, -1).transpose(1, 2)  # (N, T, H) -> (N, A, T, H/A)

    def _logits(self, hidden: Tensor, state: State) -> Tensor:
        """Turn the recurrent outputs (N, T, H) into logits (N, T, V)."""
        x = hidden
        if self.config.attention == "grid":
            context = F.scaled_dot_product_attention(self._heads(self.query(hidden)), state.keys, state.values)
            context = context.transpose(1, 2).flatten(2)  # (N, A, T, H/A) -> (N, T, H)
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
        embedded = self.word_dropout(self.embedding(tokens))  # (N, T, E)
        packed = pack_padded_sequence(embedded, lengths, batch_first=True, enforce_sorted=False)
        hidden, _, _ = self._recur(packed, state.hidden, state.cell)
        hidden, _ = pad_packed_sequence(hidden, batch_first=True, total_length=tokens.shape[1])
        return self._logits(hidden, state)

    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """Feed one token (N,) to each row; return logits (N, V) and the state after it."""
        embedded = self.word_dropout(self.embedding(tokens)).unsqueeze(1)  # (N, 1, E)
        outputs, hidden, cell = self._recur(embedded, state.hidden, state.cell)
        logits = self._logits(outputs, state)[:, 0]  # (N, V)
        return logits, State(hidden, cell, state.keys, state.values)


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


class CaptionModel(nn.Module):
    """Pictures in, sentences out."""

    def __init__(
        self,
        config: ModelConfig,
        vocabulary_size: int,
        word_dropout: float = 0.0,
        feature_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.decoder = Decoder(config, vocabulary_size, word_dropout, feature_dropout)
        self.joint = JointEmbedding(config, vocabulary_size, feature_dropout) if config.joint_size else None

    def forward(self, pixels: Tensor, tokens: Tensor, lengths: Tensor, counts: Tensor) -> Tensor:
        """Return logits (N, T, V) for normalised pixels (B, 3, 224, 224); the rest as in `Decoder.forward`."""
        logits: Tensor = self.decoder(self.encoder(pixels), tokens, lengths, counts)
        return logits

    @torch.no_grad()
    def generate(
        self, pixels: Tensor, beam_size: int | None = None, moved_to: Tensor | None = None
    ) -> tuple[Generated, Tensor | None]:
        """Caption normalised pixels (B, 3, 224, 224); also their places in the joint space (B, S), if there is one."""
        features = self.encoder(pixels)
        place = self.joint.embed_images(self.decoder.standardise(features.pooled)) if self.joint else None
        return beam_search(self.decoder, features, beam_size or self.config.beam_size, moved_to), place


@torch.no_grad()
def beam_search(decoder: Decoder, features: Features, beam_size: int, moved_to: Tensor | None = None) -> Generated:
    """Search the likeliest sentences for a whole batch, one token at a time, the state carried along.

    Finished beams compete by log-probability over the GNMT length penalty (Wu et al. 2016, eq. 14).
    Never generated: <pad>, <start>, <unk>, one of the last two words again, a trigram twice. A beam
    of width 1 is greedy search. Where there is `moved_to` (V,), a word id for each word id, the
    probability of each word goes to the word named there, or with <pad> to none.
    """
    config, size = decoder.config, features.pooled.shape[0]
    device = features.pooled.device
    state = decoder.start_state(features).repeat(beam_size)
    history = torch.full((size, beam_size, 1), START, device=device)  # (B, K, T)
    scores = torch.full((size, beam_size), float("-inf"), device=device)  # (B, K) sum of log-probs
    scores[:, 0] = 0.0
    done = torch.zeros_like(scores, dtype=torch.bool)  # (B, K)
    first_row = torch.arange(size, device=device).unsqueeze(1) * beam_size  # (B, 1)
    for _ in range(config.max_words + 1):
        logits, state = decoder.step(history[:, :, -1].flatten(), state)
        log_probs = logits.float().log_softmax(dim=1).view(size, beam_size, -1)  # (B, K, V)
        if moved_to is not None:
            log_probs = _move(log_probs, moved_to)
        log_probs = _forbid(log_probs, history, config)
        log_probs = log_probs.masked_fill(done.unsqueeze(2), float("-inf"))
        log_probs[:, :, PAD] = log_probs[:, :, PAD].masked_fill(done, 0.0)  # a finished beam stays as it is
        total = scores.unsqueeze(2) + log_probs
        ranked = total / _length_penalty(history, done, config).unsqueeze(2)
        best = ranked.flatten(1).topk(beam_size, dim=1).indices  # (B, K) over K*V
        scores = total.flatten(1).gather(1, best)
        beam, word = best // log_probs.shape[2], best % log_probs.shape[2]
        history = history.gather(1, beam.unsqueeze(2).expand(-1, -1, history.shape[2]))
        history = torch.cat([history, word.unsqueeze(2)], dim=2)
        done = done.gather(1, beam) | (word == END)
        state = state.select((first_row + beam).flatten())
        if bool(done.all()):
            break
    best_tokens = history[:, 0, 1:]  # (B, T); topk is sorted, so beam 0 is the best
    lengths = (best_tokens != PAD).sum(dim=1).clamp(min=1)
    return Generated(best_tokens, scores[:, 0] / lengths)


def _length_penalty(history: Tensor, done: Tensor, config: ModelConfig) -> Tensor:
    """Return ((5 + length) / 6) ** alpha for each beam (B, K), counting the token about to come."""
    length = (history != PAD).sum(dim=2) - done.int()  # <start> stands for the token about to come
    return ((5.0 + length) / 6.0) ** config.length_penalty


def _move(log_probs: Tensor, moved_to: Tensor) -> Tensor:
    """Add up (B, K, V) probabilities by where they go; what neither gives nor gains stays as it is, bit by bit."""
    merged = torch.zeros_like(log_probs).index_add_(2, moved_to, log_probs.exp()).log()
    stays = torch.bincount(moved_to, minlength=len(moved_to)) == 1  # (V,)
    return torch.where(stays, log_probs, merged)


def _forbid(log_probs: Tensor, history: Tensor, config: ModelConfig) -> Tensor:
    """Mask (B, K, V) log-probabilities: special words, a word or trigram again, a sentence too short or long."""
    log_probs = log_probs.clone()
    log_probs[:, :, [PAD, START, UNK]] = float("-inf")
    words = history.shape[2] - 1
    if words < config.min_words:
        log_probs[:, :, END] = float("-inf")
    if words >= config.max_words:
        keep = log_probs[:, :, END].clone()
        log_probs.fill_(float("-inf"))
        log_probs[:, :, END] = keep
        return log_probs
    log_probs.scatter_(2, history[:, :, -2:], float("-inf"))  # no "dog dog", no "white and white"
    if words >= 3:
        pairs = history.unfold(2, 2, 1)[:, :, :-1]  # (B, K, T-2, 2), each but the last pair
        repeated = (pairs == history[:, :, None, -2:]).all(dim=3)  # (B, K, T-2)
        following = history[:, :, 2:]  # (B, K, T-2): the word that came after each pair
        banned = torch.zeros_like(log_probs).scatter_add_(2, following, repeated.to(log_probs.dtype))
        log_probs = log_probs.masked_fill(banned > 0, float("-inf"))
    return log_probs
