"""Beam search for whole batches, with the length penalty of Wu et al. 2016. Letters as in `model`."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from photocap.captioning.config import ModelConfig
from photocap.captioning.network.decoder import Decoder
from photocap.captioning.network.encoder import Features
from photocap.captioning.vocabulary import END, PAD, START, UNK


@dataclass(frozen=True)
class BeamSearchOutput:
    """Sentences for a batch.

    Attributes:
        tokens: (B, T) word ids, ended and padded.
        mean_log_prob: (B,) mean log-probability per token.
        log_probs: (B, T) log-probability of each token, 0 where there is padding.
    """

    tokens: Tensor
    mean_log_prob: Tensor
    log_probs: Tensor


@torch.no_grad()
def beam_search(
    decoder: Decoder,
    features: Features,
    beam_size: int,
    token_map: Tensor | None = None,
    *,
    word_bias: Tensor | None = None,
    demanded: Tensor | None = None,
) -> BeamSearchOutput:
    """Search the likeliest sentences for a whole batch, one token at a time, the state carried along.

    Finished beams compete by log-probability over the GNMT length penalty (Wu et al. 2016, eq. 14). Never generated:
    <pad>, <start>, <unk>, one of the last two words again, a trigram twice. A beam of width 1 is greedy search.

    Args:
        decoder: the decoder.
        features: of B photos.
        beam_size: sentences kept in play, K.
        token_map: (V,) a word id for each word id; the probability of each word goes to the word named
            there, or with <pad> to none.
        word_bias: (B, V) what else speaks for or against a word in a photo's sentences, added to its log-probability
            where sentences compete; minus infinity rules it out.
        demanded: (B, D) ids, padded: a photo's sentence must have one of them, where any sentence in play has
            (constrained beam search, Anderson et al. 2017). Sentences with and without compete apart, K each.
    """
    config, size, device = decoder.config, features.pooled.shape[0], features.pooled.device
    width = beam_size if demanded is None else 2 * beam_size  # W: those with a demanded word behind the others
    state = decoder.start_state(features).repeat(width)
    history, steps, scores, done = _start(size, width, device)
    first_row = torch.arange(size, device=device).unsqueeze(1) * width  # (B, 1)
    once = decoder.labels.nouns(len(decoder.bias)) if decoder.labels is not None else None
    for _ in range(config.max_words + 1):
        logits, state = decoder.step(history[:, :, -1].flatten(), state)
        log_probs = logits.float().log_softmax(dim=1).view(size, width, -1)  # (B, W, V)
        log_probs = log_probs if token_map is None else _move(log_probs, token_map)
        log_probs = _end_finished(_forbid(log_probs, history, config, once), done)
        total = scores.unsqueeze(2) + (log_probs if word_bias is None else log_probs + word_bias.unsqueeze(1))
        ranked = total / _length_penalty(history, done, config).unsqueeze(2)
        rank, best = _best(ranked, beam_size, demanded)  # (B, W) over W*V
        scores = total.flatten(1).gather(1, best).masked_fill(rank.isinf(), float("-inf"))
        beam, word = best // log_probs.shape[2], best % log_probs.shape[2]
        steps = _extend(steps, beam, log_probs.flatten(1).gather(1, best))
        history = _extend(history, beam, word)
        done = done.gather(1, beam) | (word == END)
        state = state.select((first_row + beam).flatten())
        if bool((done | scores.isinf()).all()):
            break
    return _output(history, steps, scores, None if demanded is None else beam_size)


def _start(size: int, width: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return words and their log-probs (B, W, T), the sums of these (B, W) and which beams are finished (B, W)."""
    history = torch.full((size, width, 1), START, device=device)
    scores = torch.full((size, width), float("-inf"), device=device)
    scores[:, 0] = 0.0
    return history, torch.zeros(size, width, 1, device=device), scores, torch.zeros_like(scores, dtype=torch.bool)


def _output(history: Tensor, steps: Tensor, scores: Tensor, first_demanded: int | None) -> BeamSearchOutput:
    """Return the best beam of each photo, <start> left out; of those with a demanded word where there is any."""
    chosen = torch.zeros_like(scores[:, :1], dtype=torch.long)  # (B, 1); the best come first
    if first_demanded is not None:
        chosen = torch.where(scores[:, first_demanded : first_demanded + 1].isinf(), 0, first_demanded)
    tokens, log_probs = (x.gather(1, _along(chosen, x))[:, 0, 1:] for x in (history, steps))
    lengths = (tokens != PAD).sum(dim=1).clamp(min=1)
    return BeamSearchOutput(tokens, log_probs.sum(dim=1) / lengths, log_probs)


def _end_finished(log_probs: Tensor, done: Tensor) -> Tensor:
    """Let nothing but padding, which costs nothing, follow a finished beam: (B, W, V) and (B, W)."""
    log_probs = log_probs.masked_fill(done.unsqueeze(2), float("-inf"))
    log_probs[:, :, PAD] = log_probs[:, :, PAD].masked_fill(done, 0.0)
    return log_probs


def _best(ranked: Tensor, beam_size: int, demanded: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return the best (B, W) of all continuations (B, W, V) and where they stand, best first, each kind by itself.

    Where there are too few of a kind, minus infinity stands in for them.
    """
    if demanded is None:
        best = ranked.flatten(1).topk(beam_size, dim=1)
        return best.values, best.indices
    says = torch.zeros(ranked.shape[0], 1, ranked.shape[2], dtype=torch.bool, device=ranked.device)
    says = says.scatter(2, demanded.unsqueeze(1), True)
    says[:, :, PAD] = False
    lacking = torch.arange(ranked.shape[1], device=ranked.device).view(1, -1, 1) < beam_size
    without = ranked.masked_fill(~lacking | says, float("-inf"))
    with_one = ranked.masked_fill(lacking & ~says, float("-inf"))
    found = [part.flatten(1).topk(beam_size, dim=1) for part in (without, with_one)]
    return torch.cat([part.values for part in found], dim=1), torch.cat([part.indices for part in found], dim=1)


def _extend(kept: Tensor, beam: Tensor, last: Tensor) -> Tensor:
    """Return the rows (B, W, T) of the chosen beams (B, W), each with one more value."""
    return torch.cat([kept.gather(1, _along(beam, kept)), last.unsqueeze(2)], dim=2)


def _along(rows: Tensor, values: Tensor) -> Tensor:
    """Return row numbers (B, W) in the shape that gathers them whole from `values`."""
    return rows if values.ndim == 2 else rows.unsqueeze(2).expand(-1, -1, values.shape[2])


def _length_penalty(history: Tensor, done: Tensor, config: ModelConfig) -> Tensor:
    """Return ((5 + length) / 6) ** alpha for each beam (B, K), counting the token about to come."""
    length = (history != PAD).sum(dim=2) - done.int()  # <start> stands for the token about to come
    return ((5.0 + length) / 6.0) ** config.length_penalty


def _move(log_probs: Tensor, token_map: Tensor) -> Tensor:
    """Add up (B, K, V) probabilities by where they go; what neither gives nor gains stays as it is, bit by bit."""
    merged = torch.zeros_like(log_probs).index_add_(2, token_map, log_probs.exp()).log()
    stays = torch.bincount(token_map, minlength=len(token_map)) == 1  # (V,)
    return torch.where(stays, log_probs, merged)


def _forbid(log_probs: Tensor, history: Tensor, config: ModelConfig, once: Tensor | None) -> Tensor:
    """Mask (B, K, V) log-probabilities: special words, a word or trigram again, a sentence too short or long.

    A noun, which `once` (V,) names, is not said twice: no "sink and a sink".
    """
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
    if once is not None:
        said = torch.zeros_like(log_probs, dtype=torch.bool).scatter_(2, history, once[history])
        log_probs = log_probs.masked_fill(said, float("-inf"))
    if words >= 3:
        pairs = history.unfold(2, 2, 1)[:, :, :-1]  # (B, K, T-2, 2), each but the last pair
        repeated = (pairs == history[:, :, None, -2:]).all(dim=3)  # (B, K, T-2)
        following = history[:, :, 2:]  # (B, K, T-2): the word that came after each pair
        banned = torch.zeros_like(log_probs).scatter_add_(2, following, repeated.to(log_probs.dtype))
        log_probs = log_probs.masked_fill(banned > 0, float("-inf"))
    return log_probs
