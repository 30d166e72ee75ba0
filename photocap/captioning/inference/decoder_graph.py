"""The decoder as two ONNX graphs: what comes before the first word, and one word for every sentence in play.

They compute what `network.Decoder` computes, and the part of `network.beam_search` that looks at the whole vocabulary;
a test holds them together. Letters as in `captioning.network`; N sentences in play are B photos with W each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photocap.captioning.config import ModelConfig
from photocap.captioning.inference.eight_bits import linear_in_8_bits
from photocap.captioning.inference.encoder_graph import Weights
from photocap.captioning.inference.graph import Graph
from photocap.captioning.vocabulary import PAD, START, UNK

_LEAST_LABEL_PROBABILITY = 1e-3  # as in network.labels
_NEVER = float("-inf")
_LARGEST_HIDDEN = 1.0  # a sigmoid times a tanh; a GRU mixes tanhs


@dataclass(frozen=True)
class DecoderGraph:
    """Writes parts of the decoder into a graph.

    Attributes:
        graph: the graph to write into.
        weights: the model's tensors by their names in the state dict, float32.
        config: the model's sizes.
        in_8_bits: whether the largest products of a step are computed in 8 bits.
    """

    graph: Graph
    weights: Weights
    config: ModelConfig
    in_8_bits: bool = False

    @property
    def _has_attention(self) -> bool:
        return self.config.attention == "grid"

    @property
    def _has_slots(self) -> bool:
        return self._has_attention and self.config.label_count > 0

    def add_start(self, grid: str, pooled: str) -> None:
        """Add what is computed once a photo, from the encoder's grid (B, P, C) and pooled features (B, C).

        Outputs: `hidden` and, of an LSTM, `cell` (B, H); with attention `keys` (B, A, H/A, P) and `values`
        (B, A, P, H/A); with label slots their score `bias` (B, 1, 1, P); with a label head `labels` (B, L), the
        probabilities; with a joint space `places` (B, S), unit vectors; with a name head `names` (B, N), probabilities.
        """
        g = self.graph
        mean, std = self.weights["decoder.pooled_mean"], self.weights["decoder.pooled_std"]
        standard = g.node("Div", g.node("Sub", pooled, g.constant(mean)), g.constant(std))
        start = self._linear(standard, "decoder.start")
        labels = self._add_labels(standard) if self.config.label_count else None
        if self._has_attention:
            is_lstm = self.config.rnn == "lstm"
            state = g.nodes("Split", [start], 2, axis=1) if is_lstm else [start]
            hidden, cell = g.node("Tanh", state[0]), state[1] if is_lstm else None
            self._add_keys(self._linear(grid, "encoder.reduce"), labels)
        else:
            size = g.constant([self.config.hidden_size], "int64")
            zeros = g.node("ConstantOfShape", g.node("Concat", self._first_dimension(start), size, axis=0))
            hidden, cell = self._recur(self._gates_of(start), zeros, zeros)
        g.output(hidden, "hidden", ["B", self.config.hidden_size])
        if cell is not None:
            g.output(cell, "cell", ["B", self.config.hidden_size])
        if self.config.name_count:
            names = g.node("Sigmoid", self._linear(g.node("LpNormalization", standard, axis=1, p=2), "names"))
            g.output(names, "names", ["B", self.config.name_count])
        if self.config.joint_size:
            place = self._linear(standard, "joint.image")
            g.output(g.node("LpNormalization", place, axis=1, p=2), "places", ["B", self.config.joint_size])

    def add_step(self, beam_size: int, token_map: Sequence[int] | None = None) -> None:
        """Add one word for each of N sentences.

        Inputs: `tokens` (N,) the last word of each; `hidden`, `cell`, `keys`, `values`, `bias` as `add_start` gives
        them, the first two for each sentence; `banned` (N, X) words that a sentence must not go on with; where the
        model has labels or names `word_bias` (B, V), added to the log-probabilities of a photo's sentences.
        Outputs: `log_probs` (N, V) without the words ruled out, the best `beam_size` of them as `best_log_probs` and
        `best_words` (N, K), and `hidden_after` and `cell_after`; with attention its weights `attention` (B, A, W, P).

        Args:
            beam_size: K.
            token_map: as for `network.beam_search`.
        """
        g, c = self.graph, self.config
        tokens = g.input("tokens", "int64", ["N"])
        hidden = g.input("hidden", "float32", ["N", c.hidden_size])
        cell = g.input("cell", "float32", ["N", c.hidden_size]) if c.rnn == "lstm" else None
        embedding = self.weights["decoder.embedding.weight"]
        # Not the gates of all words, computed once: they would take 36 MB, and a first caption would wait for them.
        words = g.node("Gather", g.constant(embedding), tokens)
        hidden, cell = self._recur(self._gates_of(words, float(np.abs(embedding).max())), hidden, cell)
        g.output(hidden, "hidden_after", ["N", c.hidden_size])
        if cell is not None:
            g.output(cell, "cell_after", ["N", c.hidden_size])
        spoken = g.node("Concat", hidden, self._attended(hidden), axis=1) if self._has_attention else hidden
        logits = self._product(self._linear(spoken, "decoder.out"), embedding, self.weights["decoder.bias"])
        log_probs = self._ruled_out(g.node("LogSoftmax", logits, axis=1), token_map)
        g.output(log_probs, "log_probs", ["N", len(embedding)])
        best, words = g.nodes("TopK", [log_probs, g.constant([beam_size], "int64")], 2, axis=1)
        g.output(best, "best_log_probs", ["N", beam_size])
        g.output(words, "best_words", ["N", beam_size], "int64")

    def _linear(self, x: str, name: str) -> str:
        return self.graph.linear(x, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"])

    def _product(
        self, x: str, weight: NDArray[np.float32], bias: NDArray[np.float32], largest: float | None = None
    ) -> str:
        """Apply a linear layer to rows, in 8 bits where that is wanted; `largest` as for `linear_in_8_bits`."""
        if self.in_8_bits:
            return linear_in_8_bits(self.graph, x, weight, bias, largest=largest)
        return self.graph.linear(x, weight, bias)

    def _first_dimension(self, x: str) -> str:
        """Return how many rows a value has, as a vector of one number."""
        return self.graph.node(
            "Slice", self.graph.node("Shape", x), *(self.graph.constant([i], "int64") for i in (0, 1))
        )

    def _add_labels(self, standard: str) -> str:
        g, logits = self.graph, self._linear(standard, "decoder.labels.linear")
        if self.config.prototype_count:
            others = self.config.label_count - self.config.prototype_labels
            scores = g.node("Pad", self._add_prototypes(standard), g.constant([0, 0, 0, others], "int64"))
            logits = g.node("Add", logits, scores)
        probabilities = g.node("Sigmoid", logits)
        g.output(probabilities, "labels", ["B", self.config.label_count])
        return probabilities

    def _add_prototypes(self, standard: str) -> str:
        """Compare photos with labelled ones, as `network.Prototypes` does; return (B, K)."""
        g = self.graph
        project, offset, centres, weight = (
            self.weights[f"decoder.labels.prototypes.{name}"] for name in ("project", "offset", "centres", "weight")
        )
        embedded = g.node("LpNormalization", g.linear(standard, project, offset), axis=1, p=2)
        return g.linear(g.node("Exp", g.linear(embedded, centres)), weight)

    def _add_keys(self, grid: str, labels: str | None) -> None:
        g = self.graph
        keys, values = self._linear(grid, "decoder.key"), self._linear(grid, "decoder.value")  # (B, P, H)
        if labels is not None:
            keys, values = self._add_slots(labels, keys, values)
        size, heads = self.config.hidden_size // self.config.attention_heads, self.config.attention_heads
        shape = g.constant([0, 0, heads, size], "int64")
        g.output(
            g.node("Transpose", g.node("Reshape", keys, shape), perm=[0, 2, 3, 1]), "keys", ["B", heads, size, "P"]
        )
        values = g.node("Transpose", g.node("Reshape", values, shape), perm=[0, 2, 1, 3])
        g.output(values, "values", ["B", heads, "P", size])

    def _add_slots(self, labels: str, keys: str, values: str) -> tuple[str, str]:
        """Put the likeliest labels behind the keys and values (B, P, H) of the grid, as `network.LabelSlots` does."""
        g = self.graph
        slots = min(self.config.label_slots, self.config.label_count)
        kept, chosen = g.nodes("TopK", [labels, g.constant([slots], "int64")], 2, axis=1)  # (B, S)
        embedded = g.node("Gather", g.constant(self._label_embeddings()), chosen)  # (B, S, E)
        keys = g.node("Concat", keys, self._linear(embedded, "decoder.slots.key"), axis=1)
        values = g.node("Concat", values, self._linear(embedded, "decoder.slots.value"), axis=1)
        bias = g.node("Log", g.node("Max", kept, g.constant(_LEAST_LABEL_PROBABILITY)))
        places = self.config.grid_places
        bias = g.node("Pad", bias, g.constant([0, places, 0, 0], "int64"))  # nothing for the grid's places
        g.output(g.node("Unsqueeze", bias, g.constant([1, 2], "int64")), "bias", ["B", 1, 1, "P"])
        return keys, values

    def _label_embeddings(self) -> NDArray[np.float32]:
        """Return the mean word embedding (L, E) of each label's name."""
        words = self.weights["decoder.labels.words"]  # (L, words of a name)
        real = (words != PAD)[:, :, None]
        total = (self.weights["decoder.embedding.weight"][words] * real).sum(axis=1)
        mean: NDArray[np.float32] = (total / np.maximum(real.sum(axis=1), 1)).astype(np.float32)
        return mean

    def _cell_weights(self) -> tuple[NDArray[np.float32], ...]:
        """Return the weights and biases of the LSTM or GRU: of its input, of its state."""
        names = ("weight_ih_l0", "bias_ih_l0", "weight_hh_l0", "bias_hh_l0")
        return tuple(self.weights[f"decoder.{self.config.rnn}.{name}"] for name in names)

    def _gates_of(self, embedded: str, largest: float | None = None) -> str:
        weight, bias, _, _ = self._cell_weights()
        return self._product(embedded, weight, bias, largest)

    def _recur(self, inputs: str, hidden: str, cell: str | None) -> tuple[str, str | None]:
        """Run one step of the LSTM or GRU, its input given as its part of the gates; return hidden and cell."""
        _, _, weight, bias = self._cell_weights()
        state = self._product(hidden, weight, bias, _LARGEST_HIDDEN)
        if self.config.rnn == "lstm":
            assert cell is not None
            return self._lstm(inputs, state, cell)
        return self._gru(inputs, state, hidden), None

    def _lstm(self, inputs: str, state: str, cell: str) -> tuple[str, str]:
        g = self.graph
        entry, forget, new, exit_ = g.nodes("Split", [g.node("Add", inputs, state)], 4, axis=1)
        kept = g.node("Mul", g.node("Sigmoid", forget), cell)
        cell = g.node("Add", kept, g.node("Mul", g.node("Sigmoid", entry), g.node("Tanh", new)))
        return g.node("Mul", g.node("Sigmoid", exit_), g.node("Tanh", cell)), cell

    def _gru(self, inputs: str, state: str, hidden: str) -> str:
        g = self.graph
        (reset_x, update_x, new_x), (reset_h, update_h, new_h) = (
            g.nodes("Split", [x], 3, axis=1) for x in (inputs, state)
        )
        reset = g.node("Sigmoid", g.node("Add", reset_x, reset_h))
        update = g.node("Sigmoid", g.node("Add", update_x, update_h))
        new = g.node("Tanh", g.node("Add", new_x, g.node("Mul", reset, new_h)))
        return g.node("Add", new, g.node("Mul", update, g.node("Sub", hidden, new)))

    def _attended(self, hidden: str) -> str:
        """Return what the sentences look at (N, H), gated."""
        g, c = self.graph, self.config
        heads, size = c.attention_heads, c.hidden_size // c.attention_heads
        keys = g.input("keys", "float32", ["B", heads, size, "P"])
        values = g.input("values", "float32", ["B", heads, "P", size])
        split = g.node("Concat", self._first_dimension(keys), g.constant([-1, heads, size], "int64"), axis=0)
        scale = size**-0.5
        weight, bias = (self.weights[f"decoder.query.{part}"] * scale for part in ("weight", "bias"))
        query = g.node("Reshape", self._product(hidden, weight, bias, _LARGEST_HIDDEN), split)
        query = g.node("Transpose", query, perm=[0, 2, 1, 3])
        scores = g.node("MatMul", query, keys)  # (B, A, W, H/A) -> (B, A, W, P)
        if self._has_slots:
            scores = g.node("Add", scores, g.input("bias", "float32", ["B", 1, 1, "P"]))
        attention = g.node("Softmax", scores, axis=3)
        g.output(attention, "attention", ["B", heads, "W", "P"])
        context = g.node("Transpose", g.node("MatMul", attention, values), perm=[0, 2, 1, 3])
        context = g.node("Reshape", context, g.constant([-1, c.hidden_size], "int64"))
        weight, bias = (self.weights[f"decoder.gate.{part}"] for part in ("weight", "bias"))
        gate = g.node("Sigmoid", self._product(hidden, weight, bias, _LARGEST_HIDDEN))
        return g.node("Mul", gate, context)

    def _ruled_out(self, log_probs: str, token_map: Sequence[int] | None) -> str:
        """Move probabilities by `token_map`, add the bias and rule words out: special ones, banned ones."""
        g = self.graph
        words = len(self.weights["decoder.bias"])
        if token_map is not None:
            log_probs = self._moved(log_probs, np.asarray(token_map))
        never = np.zeros(words, np.float32)
        never[[PAD, START, UNK]] = _NEVER
        log_probs = g.node("Add", log_probs, g.constant(never))
        if self.config.has_word_rules:
            bias = g.node("Unsqueeze", g.input("word_bias", "float32", ["B", words]), g.constant([1], "int64"))
            by_photo = g.node("Concat", self._first_dimension(bias), g.constant([-1, words], "int64"), axis=0)
            log_probs = g.node("Add", g.node("Reshape", log_probs, by_photo), bias)
            log_probs = g.node("Reshape", log_probs, g.constant([-1, words], "int64"))
        banned = g.input("banned", "int64", ["N", "X"])
        nothing = g.node("Expand", g.constant(_NEVER), g.node("Shape", banned))
        return g.node("ScatterElements", log_probs, banned, nothing, axis=1)

    def _moved(self, log_probs: str, token_map: NDArray[np.int64]) -> str:
        """Add up probabilities by where they go; words that neither give nor gain stay as they are, bit by bit."""
        g = self.graph
        counts = np.bincount(token_map, minlength=len(token_map))
        gaining = np.flatnonzero(counts > 1)
        sums = (token_map[:, None] == gaining[None, :]).astype(np.float32)  # (V, G)
        merged = g.node("Log", g.node("MatMul", g.node("Exp", log_probs), g.constant(sums)))
        shape = g.node("Concat", self._first_dimension(log_probs), g.constant([1], "int64"), axis=0)
        places = g.node("Expand", g.constant(gaining, "int64"), shape)
        log_probs = g.node("ScatterElements", log_probs, places, merged, axis=1)
        return g.node("Add", log_probs, g.constant(np.where(counts == 0, _NEVER, 0.0)))
