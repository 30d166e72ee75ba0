"""The text side of the joint text-image space, in numpy: a search must not wait for torch.

The same network as `model.JointEmbedding.embed_texts`; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from photocap.captioning.config import ModelConfig
from photocap.captioning.model_files import WEIGHTS, read_model_info
from photocap.captioning.vocabulary import PAD, UNK, Vocabulary
from photocap.errors import CheckpointError
from photocap.tokenizer import tokenize

Array = NDArray[np.float32]
_PREFIX = "joint."
_IMAGE_SIDE = "joint.image."
_WORDS = "words.weight"


class TextEncoder:
    """Turns words into a place in the joint space.

    Args:
        vocabulary: the words the model knows.
        weights: the tensors of the text side by the names of `JointEmbedding`, float32; the embeddings of the words may
            be float16.
        config: holds how cosines become probabilities.
    """

    def __init__(self, vocabulary: Vocabulary, weights: Mapping[str, Array], config: ModelConfig | None = None) -> None:
        self._vocabulary = vocabulary
        self._weights = weights
        self._config = config or ModelConfig()
        self.words = frozenset(vocabulary.words)

    @property
    def similarity_floor(self) -> float:
        """Return the similarity below which a picture hardly ever shows what the words say."""
        return self._config.similarity_floor

    @property
    def description_floor(self) -> float:
        """Return the same for a whole description of a picture."""
        return self._config.description_floor

    def similarity(self, cosine: float) -> float:
        """Return a cosine of words and picture as a probability that they belong together."""
        return float(_sigmoid(np.float32(self._config.similarity_scale * cosine + self._config.similarity_offset)))

    def encode(self, text: str) -> Array:
        """Return a unit vector (S,); text without a known word lies nowhere: a vector of zeros."""
        ids = [i for i in self._vocabulary.encode(tokenize(text)) if i not in (PAD, UNK)]
        if not ids:
            return np.zeros_like(self._weights["text.bias"])
        unit: Array = self.encode_ids([ids])[0]
        return unit

    def encode_ids(self, sentences: Sequence[Sequence[int]]) -> Array:
        """Return unit vectors (N, S) for sentences of word ids, each of at least one."""
        lengths = np.array([len(ids) for ids in sentences])
        steps = np.arange(lengths.max())
        ids = np.array([[*ids, *[PAD] * (len(steps) - len(ids))] for ids in sentences])
        turned = np.where(steps < lengths[:, None], lengths[:, None] - 1 - steps, steps)  # each sentence by itself
        words = self._weights[_WORDS][ids].astype(np.float32)
        forward = self._run_gru(words, "")
        backward = self._run_gru(np.take_along_axis(words, turned[..., None], axis=1), "_reverse")
        states = np.concatenate([forward, backward], axis=2)  # (N, T, 2S)
        states[steps >= lengths[:, None]] = -np.inf
        place = states.max(axis=1) @ self._weights["text.weight"].T + self._weights["text.bias"]
        unit: Array = place / np.maximum(np.linalg.norm(place, axis=1, keepdims=True), 1e-12)
        return unit

    def _run_gru(self, words: Array, direction: str) -> Array:
        """Return the hidden states (N, T, S) of a GRU over (N, T, E); gates in torch's order: reset, update, new."""
        names = ("gru.weight_ih_l0", "gru.weight_hh_l0", "gru.bias_ih_l0", "gru.bias_hh_l0")
        w_in, w_hidden, b_in, b_hidden = (self._weights[name + direction] for name in names)
        inputs = words @ w_in.T + b_in  # (N, T, 3S)
        state = np.zeros((len(words), w_hidden.shape[1]), dtype=np.float32)
        states = []
        for x in inputs.swapaxes(0, 1):
            h = state @ w_hidden.T + b_hidden
            (x_r, x_z, x_n), (h_r, h_z, h_n) = np.split(x, 3, axis=1), np.split(h, 3, axis=1)
            update = _sigmoid(x_z + h_z)
            state = (1.0 - update) * np.tanh(x_n + _sigmoid(x_r + h_r) * h_n) + update * state
            states.append(state)
        return np.stack(states, axis=1)


def text_weights(weights: Mapping[str, Array]) -> dict[str, Array]:
    """Return the tensors of the text side, by the names of `JointEmbedding`, out of a whole model's."""
    return {name.removeprefix(_PREFIX): weights[name] for name in weights if name.startswith(_PREFIX)}


def load_text_encoder(model_dir: Path) -> TextEncoder | None:
    """Read the text side of a model; None where it has none.

    Raises:
        CheckpointError: the model folder cannot be used.
    """
    info = read_model_info(model_dir)
    if not info.config.joint_size:
        return None
    path = model_dir / WEIGHTS
    weights = {}
    try:
        with safe_open(path, framework="numpy") as file:
            for name in file.keys():  # noqa: SIM118 - not a dict
                if name.startswith(_PREFIX) and not name.startswith(_IMAGE_SIDE):
                    weights[name.removeprefix(_PREFIX)] = file.get_tensor(name)
        # The words stay as they are: a query has a few, and most of the time would go into converting thousands.
        weights = {n: value if n == _WORDS else value.astype(np.float32) for n, value in weights.items()}
        vocabulary = Vocabulary(info.words)
        encoder = TextEncoder(vocabulary, weights, info.config)
        if weights[_WORDS].shape[0] != len(vocabulary):
            raise ValueError("the vocabulary is of another size")
        encoder.encode(info.words[0] if info.words else "")  # fails here and not in a search
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(path, f"has no usable text side: {error}", "choose another model with --model") from error
    return encoder


def _sigmoid(x: Array) -> Array:
    return (1.0 / (1.0 + np.exp(-np.clip(x, -60.0, 60.0)))).astype(np.float32)
