"""The network run by ONNX Runtime on a CPU: in 8 bits where the processor and the model allow it, else in float32."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidArgument, InvalidGraph, RuntimeException

from photocap.captioning.engine import Floats32, GeneratedSentences, Sight
from photocap.captioning.inference.beam_search import Arrays, BeamSearch
from photocap.captioning.inference.decoder_graph import DecoderGraph
from photocap.captioning.inference.encoder_graph import EncoderGraph, Ranges, Weights
from photocap.captioning.inference.graph import Graph
from photocap.captioning.inference.session import Session
from photocap.captioning.model_files import WEIGHTS, ModelInfo
from photocap.captioning.neutral_terms import neutral_ids
from photocap.captioning.processors import cpu_threads, keep_blas_to_its_caller
from photocap.captioning.text_encoder import TextEncoder, text_weights
from photocap.captioning.vocabulary import END, PAD, START, Vocabulary
from photocap.errors import CheckpointError

BATCH_SIZE = 12
_MOST_LANES = 2


class OnnxEngine:
    """Runs a model on the CPU.

    Args:
        info: the model.
        weights: its tensors by their names in the state dict, float32.
        batch_size: photos to run at once.
        beam_size: sentences kept in play; None takes the model's own.
        neutral_people: as for `CaptionEngine`.
        ranges: of the encoder's activations; with them it computes in 8 bits.

    Raises:
        CheckpointError: the tensors do not fit the configuration.
    """

    def __init__(
        self,
        info: ModelInfo,
        weights: Weights,
        batch_size: int | None = None,
        beam_size: int | None = None,
        *,
        neutral_people: bool = False,
        ranges: Ranges | None = None,
    ) -> None:
        self.name = f"onnx, {'float32' if ranges is None else 'int8'} on the CPU"
        self.batch_size = batch_size or BATCH_SIZE
        self.lanes = min(_MOST_LANES, self.batch_size, cpu_threads())
        self.neutral_people = neutral_people
        self._config = info.config
        vocabulary = Vocabulary(info.words)
        self._words = len(vocabulary)
        beam = beam_size or info.config.beam_size
        token_map = neutral_ids(vocabulary) if neutral_people else None
        keep_blas_to_its_caller()
        # The lanes' own threads compute too: together they are as many as there are processors.
        threads = cpu_threads() - self.lanes + 1
        try:
            _check_vocabulary(weights, self._words)
            self._see = Session(see_graph(info, weights, ranges), threads)
            self._step = Session(_step_graph(info, weights, beam, token_map, in_8_bits=ranges is not None), threads)
            self._texts = TextEncoder(vocabulary, text_weights(weights)) if info.config.joint_size else None
        except (KeyError, ValueError, IndexError, Fail, InvalidArgument, InvalidGraph, RuntimeException) as error:
            reason = str(error).strip().split("\n")[0]
            raise CheckpointError(info.directory / WEIGHTS, f"does not fit its configuration: {reason}") from error
        self._search = BeamSearch(info.config, self._run_step, beam, _nouns(weights, self._words))

    def see(self, squares: NDArray[np.uint8]) -> Sight:
        """Look at pictures; see `CaptionEngine`."""
        seen = self._see.run({"squares": squares})
        return Sight(
            count=len(squares),
            labels=seen.get("labels"),
            places=seen.get("places"),
            names=seen.get("names"),
            state=seen,
        )

    def speak(
        self, sight: Sight, *, word_bias: Floats32 | None = None, demanded: NDArray[np.int64] | None = None
    ) -> GeneratedSentences:
        """Say a sentence about each photo; see `CaptionEngine`."""
        tokens, log_probs = self._search.search(self._start(sight, word_bias), demanded)
        if word_bias is not None:  # which sentence it is, not how likely its words are
            log_probs = np.where(tokens == PAD, 0.0, log_probs - np.take_along_axis(word_bias, tokens, axis=1))
        return self._sentences(sight, tokens, log_probs)

    def attention(self, sight: Sight, tokens: NDArray[np.int64]) -> NDArray[np.float32] | None:
        """Return where the network looks for each word; see `CaptionEngine`."""
        if self._config.attention != "grid":
            return None
        steps = self._teacher_forced(sight, tokens, without="log_probs")
        weights = [after["attention"][:, :, 0].mean(axis=1) for after in steps]  # each (B, A, 1, P) -> (B, P)
        return np.stack(weights, axis=1)[:, :, : self._config.grid_places]

    def rate(self, sight: Sight, tokens: NDArray[np.int64]) -> GeneratedSentences:
        """Return how likely given sentences are: word ids (B, T), ended and padded."""
        steps = zip(self._teacher_forced(sight, tokens, without="attention"), tokens.T, strict=True)
        chances = [np.take_along_axis(after["log_probs"], word[:, None], axis=1)[:, 0] for after, word in steps]
        return self._sentences(sight, tokens, np.where(tokens == PAD, np.float32(0), np.stack(chances, axis=1)))

    def _teacher_forced(self, sight: Sight, tokens: NDArray[np.int64], *, without: str) -> Iterator[Arrays]:
        """Yield what a step gives out at each word of given sentences (B, T), all but `without`."""
        inputs = self._start(sight) | {"banned": np.full((len(tokens), 1), PAD)}
        for before in np.insert(tokens, 0, START, axis=1).T[:-1]:
            after = self._step.run(inputs | {"tokens": before}, without=(without,))
            inputs |= {name: after[f"{name}_after"] for name in ("hidden", "cell") if name in inputs}
            yield after

    def _sentences(self, sight: Sight, tokens: NDArray[np.int64], log_probs: NDArray[np.float32]) -> GeneratedSentences:
        mean = log_probs.sum(axis=1) / np.maximum((tokens != PAD).sum(axis=1), 1)
        return GeneratedSentences(
            tokens, mean.astype(np.float32), log_probs.astype(np.float32), self._likeness(sight, tokens)
        )

    def _start(self, sight: Sight, word_bias: Floats32 | None = None) -> dict[str, NDArray[Any]]:
        """Return what every step of the sentences about some photos needs."""
        start: dict[str, NDArray[Any]] = dict(sight.state)
        if self._config.has_word_rules:
            nothing = np.zeros((sight.count, self._words), np.float32)
            start["word_bias"] = nothing if word_bias is None else word_bias
        return start

    def _run_step(self, inputs: Mapping[str, NDArray[Any]], *, whole: bool) -> dict[str, NDArray[Any]]:
        return self._step.run(inputs, without=("attention",) if whole else ("attention", "log_probs"))

    def _likeness(self, sight: Sight, tokens: NDArray[np.int64]) -> NDArray[np.float32]:
        if self._texts is None or sight.places is None:
            return np.zeros(sight.count, np.float32)
        ids = [[int(i) for i in row if i not in (END, PAD)] or [PAD] for row in tokens]
        likeness: NDArray[np.float32] = (sight.places * self._texts.encode_ids(ids)).sum(axis=1)
        return likeness


def see_graph(info: ModelInfo, weights: Weights, ranges: Ranges | None = None, *, observed: bool = False) -> Graph:
    """Return the graph from pictures to all that is computed once a photo.

    Args:
        info: the model.
        weights: its tensors.
        ranges: as for `OnnxEngine`.
        observed: also give out the activations whose ranges are to be measured.
    """
    graph = Graph()
    side = info.config.image_size_px
    encoder = EncoderGraph(graph=graph, weights=weights, config=info.config, ranges=ranges)
    grid, pooled = encoder.build(graph.input("squares", "uint8", ["B", side, side, 3]))
    DecoderGraph(graph, weights, info.config).add_start(grid, pooled)
    for name, value in encoder.activations.items() if observed else ():
        graph.output(value, f"activation.{name}", ["B", "c", "h", "w"])
    return graph


def _step_graph(
    info: ModelInfo, weights: Weights, beam_size: int, token_map: list[int] | None, *, in_8_bits: bool
) -> Graph:
    graph = Graph()
    DecoderGraph(graph, weights, info.config, in_8_bits).add_step(beam_size, token_map)
    return graph


def _nouns(weights: Weights, words: int) -> NDArray[np.bool_] | None:
    """Return which words of the vocabulary are a label's whole name, as `network.LabelHead.nouns` does."""
    if "decoder.labels.words" not in weights:
        return None
    names = weights["decoder.labels.words"]  # (L, words of a name)
    is_noun = np.zeros(words, np.bool_)
    is_noun[names[(names != PAD).sum(axis=1) == 1].max(axis=1)] = True
    return is_noun


def _check_vocabulary(weights: Weights, words: int) -> None:
    if len(weights["decoder.embedding.weight"]) != words:
        raise ValueError(f"there are {len(weights['decoder.embedding.weight'])} embeddings for {words} words")
