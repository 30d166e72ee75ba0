"""Beam search in numpy around the decoder's graph: the sentences that `network.beam_search` finds, without torch.

The graph looks at the whole vocabulary; here only the best words of each sentence are compared. Photos whose sentences
have all ended leave the batch. Letters as in `captioning.network`; W sentences are in play for each photo: K, and where
words are demanded another K with one of them behind the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from photocap.captioning.config import ModelConfig
from photocap.captioning.vocabulary import END, PAD, START

Arrays = dict[str, NDArray[Any]]


class Step(Protocol):
    """Runs the graph of `decoder_graph.DecoderGraph.add_step`."""

    def __call__(self, inputs: Mapping[str, NDArray[Any]], *, whole: bool) -> Arrays:
        """Return its outputs; the log-probabilities of the whole vocabulary only where `whole` asks for them."""
        ...


class BeamSearch:
    """Searches sentences for batches of photos.

    Args:
        config: lengths and the length penalty.
        step: runs one word of the decoder.
        beam_size: sentences kept in play, K.
        once: (V,) whether a word is a noun that is not said twice; None where no nouns are known.
    """

    def __init__(self, config: ModelConfig, step: Step, beam_size: int, once: NDArray[np.bool_] | None = None) -> None:
        self._config, self._step, self._beam_size, self._once = config, step, beam_size, once

    def search(
        self, start: Arrays, demanded: NDArray[np.int64] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the best sentence of each photo: its word ids (B, T), ended and padded, and the score of each.

        The score is the log-probability and what `word_bias` adds; 0 where there is padding.

        Args:
            start: what the start graph gave, and `word_bias`, by the names of the step graph's inputs.
            demanded: (B, D) as for `network.beam_search`.
        """
        photos, length = len(start["hidden"]), self._config.max_words + 1
        tokens = np.full((photos, length), PAD)
        scores = np.zeros((photos, length), np.float32)
        beams = _Beams.at_start(start, demanded)
        for _ in range(length):
            self._extend(beams)
            is_over: NDArray[np.bool_] = np.all(beams.done | np.isinf(beams.scores), axis=1)
            if beams.words == length:
                is_over = np.ones_like(is_over)
            if is_over.any():
                places = beams.photos[is_over]
                found = beams.best(is_over, self._beam_size)
                tokens[places, : beams.words], scores[places, : beams.words] = found
                if is_over.all():
                    break
                beams.keep(~is_over)
        longest = int((tokens != PAD).sum(axis=1).max(initial=1))
        return tokens[:, :longest], scores[:, :longest]

    def _extend(self, beams: _Beams) -> None:
        """Put the next word behind each sentence and keep the best."""
        must_end = beams.words >= self._config.max_words
        inputs = beams.inputs(self._banned(beams))
        after = self._step(inputs, whole=must_end or beams.demanded is not None)
        shape = (*beams.done.shape, -1)
        if must_end:
            found = after["log_probs"][:, END].reshape(shape)
            words = np.full(found.shape, END)
        elif beams.demanded is not None:
            found, words = _with_demanded(after["log_probs"].reshape(shape), beams.demanded, self._beam_size)
        else:
            found, words = after["best_log_probs"].reshape(shape), after["best_words"].reshape(shape)
        ended = beams.done[:, :, None]
        first = np.arange(found.shape[2]) == 0
        found = np.where(ended, np.where(first, 0.0, -np.inf).astype(np.float32), found)
        words = np.where(ended, PAD, words)
        total = beams.scores[:, :, None] + found
        ranked = total / self._length_penalty(beams)[:, :, None]
        rank, best = _best(ranked, words, self._beam_size, beams.demanded)
        beams.advance(best, words, found, total, after)
        beams.scores[np.isinf(rank)] = -np.inf

    def _length_penalty(self, beams: _Beams) -> NDArray[np.float32]:
        length = (beams.history != PAD).sum(axis=2) - beams.done  # <start> stands for the token about to come
        penalty: NDArray[np.float32] = (((5.0 + length) / 6.0) ** self._config.length_penalty).astype(np.float32)
        return penalty

    def _banned(self, beams: _Beams) -> NDArray[np.int64]:
        """Return the words (B, W, X) that each sentence must not go on with, padded."""
        history = beams.history
        banned = [history[:, :, -2:]]  # no "dog dog", no "white and white"
        if self._once is not None:
            banned.append(np.where(self._once[history], history, PAD))  # no "sink and a sink"
        if beams.words < self._config.min_words:
            banned.append(np.full((*history.shape[:2], 1), END))
        if beams.words >= 3:
            repeats = (history[:, :, :-2] == history[:, :, -2:-1]) & (history[:, :, 1:-1] == history[:, :, -1:])
            banned.append(np.where(repeats, history[:, :, 2:], PAD))
        if beams.words >= self._config.max_words:
            banned = [np.full((*history.shape[:2], 1), PAD)]
        return np.concatenate(banned, axis=2)


@dataclass(kw_only=True)
class _Beams:
    """The sentences in play.

    Attributes:
        photos: (B,) which photos they are about, as rows of the whole batch.
        history: (B, W, T) tokens, <start> first.
        steps: (B, W, T) score of each token.
        scores: (B, W) their sum; minus infinity where there is no sentence.
        done: (B, W) whether a sentence has ended.
        state: hidden and cell (B * W, H).
        constant: the other inputs of a step, a row a photo.
        demanded: (B, D).
    """

    photos: NDArray[np.int64]
    history: NDArray[np.int64]
    steps: NDArray[np.float32]
    scores: NDArray[np.float32]
    done: NDArray[np.bool_]
    state: Arrays
    constant: Arrays
    demanded: NDArray[np.int64] | None

    @classmethod
    def at_start(cls, start: Arrays, demanded: NDArray[np.int64] | None) -> _Beams:
        """Return the one sentence that each photo begins with; the first word makes W of it."""
        size = len(start["hidden"])
        return cls(
            photos=np.arange(size),
            history=np.full((size, 1, 1), START),
            steps=np.zeros((size, 1, 1), np.float32),
            scores=np.zeros((size, 1), np.float32),
            done=np.zeros((size, 1), np.bool_),
            state={name: start[name] for name in ("hidden", "cell") if name in start},
            constant={name: start[name] for name in ("keys", "values", "bias", "word_bias") if name in start},
            demanded=demanded,
        )

    @property
    def words(self) -> int:
        """Return how many tokens follow <start>."""
        return int(self.history.shape[2]) - 1

    def inputs(self, banned: NDArray[np.int64]) -> Arrays:
        rows = self.done.size
        return {
            "tokens": self.history[:, :, -1].reshape(rows),
            "banned": banned.reshape(rows, -1),
            **self.state,
            **self.constant,
        }

    def advance(
        self,
        best: NDArray[np.int64],
        words: NDArray[np.int64],
        found: NDArray[np.float32],
        total: NDArray[np.float32],
        after: Arrays,
    ) -> None:
        """Go on with the continuations `best` (B, W), numbers of rows of the others (B, W, M)."""
        rows = np.arange(len(best))[:, None]
        beam = best // words.shape[2]
        chosen = (rows * words.shape[1] + beam).reshape(-1)
        word = words.reshape(len(best), -1)[rows, best]
        log_prob, self.scores = (x.reshape(len(best), -1)[rows, best] for x in (found, total))
        self.history = np.concatenate([self.history[rows, beam], word[:, :, None]], axis=2)
        self.steps = np.concatenate([self.steps[rows, beam], log_prob[:, :, None]], axis=2)
        self.done = self.done[rows, beam] | (word == END)
        self.state = {name: after[f"{name}_after"][chosen] for name in self.state}

    def best(self, photos: NDArray[np.bool_], beam_size: int) -> tuple[NDArray[Any], ...]:
        """Return the tokens of the best sentence of some photos, and their scores."""
        chosen = np.zeros(int(photos.sum()), np.int64)
        if self.demanded is not None:
            chosen = np.where(np.isinf(self.scores[photos][:, beam_size]), 0, beam_size)
        rows = np.arange(len(chosen))
        history, steps = (x[photos][rows, chosen, 1:] for x in (self.history, self.steps))
        return history, steps

    def keep(self, photos: NDArray[np.bool_]) -> None:
        """Let the other photos leave the batch."""
        rows = np.repeat(photos, self.done.shape[1])
        self.state = {name: value[rows] for name, value in self.state.items()}
        self.constant = {name: value[photos] for name, value in self.constant.items()}
        self.demanded = None if self.demanded is None else self.demanded[photos]
        self.photos, self.history, self.steps = self.photos[photos], self.history[photos], self.steps[photos]
        self.scores, self.done = self.scores[photos], self.done[photos]


def _with_demanded(
    log_probs: NDArray[np.float32], demanded: NDArray[np.int64], beam_size: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the best of all words (B, W, V) and all demanded ones: log-probabilities and words (B, W, M)."""
    count = min(beam_size + demanded.shape[1], log_probs.shape[2])
    words = np.argpartition(-log_probs, count - 1, axis=2)[:, :, :count]
    said = np.broadcast_to(demanded[:, None, :], (*words.shape[:2], demanded.shape[1]))
    is_twice = (words[:, :, :, None] == said[:, :, None, :]).any(axis=3)
    found = np.where(is_twice, -np.inf, np.take_along_axis(log_probs, words, axis=2)).astype(np.float32)
    their = np.where(said == PAD, -np.inf, np.take_along_axis(log_probs, said, axis=2)).astype(np.float32)
    return np.concatenate([found, their], axis=2), np.concatenate([words, said], axis=2)


def _best(
    ranked: NDArray[np.float32], words: NDArray[np.int64], beam_size: int, demanded: NDArray[np.int64] | None
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the best (B, W) of all continuations (B, W, M) and where they stand, best first, each kind by itself.

    Where there are too few of a kind, minus infinity stands in for them.
    """
    if demanded is None:
        return _first(ranked, beam_size)
    says = ((words[:, :, :, None] == demanded[:, None, None, :]) & (words[:, :, :, None] != PAD)).any(axis=3)
    lacking = (np.arange(ranked.shape[1]) < beam_size)[None, :, None]
    without = np.where(~lacking | says, -np.inf, ranked)
    with_one = np.where(lacking & ~says, -np.inf, ranked)
    first, second = _first(without, beam_size), _first(with_one, beam_size)
    return np.concatenate([first[0], second[0]], axis=1), np.concatenate([first[1], second[1]], axis=1)


def _first(ranked: NDArray[np.float32], count: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    flat = ranked.reshape(len(ranked), -1)
    places = np.argsort(-flat, axis=1, kind="stable")[:, :count]
    return np.take_along_axis(flat, places, axis=1), places
