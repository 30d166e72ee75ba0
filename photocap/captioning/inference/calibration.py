"""Measure on photos how an encoder in 8 bits rounds its activations.

The range of all values would give the few largest the scale of all others; taken is the range with the least squared
error of rounding and clipping together (as in TensorRT and other post-training quantisation).

Rounding in the first stages disturbs all that follow, so those stages stay in float32 where that is what keeps captions
as good as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from photocap.captioning.captioner import NetworkCaptioner
from photocap.captioning.evidence import calibration_of, evidence
from photocap.captioning.inference.activation_ranges import FAITHFUL, write_ranges
from photocap.captioning.inference.encoder_graph import Ranges, Weights
from photocap.captioning.inference.onnx_engine import OnnxEngine, see_graph
from photocap.captioning.inference.session import Session
from photocap.captioning.inference.weights import load_weights
from photocap.captioning.model_files import ModelInfo, read_model_info
from photocap.captioning.vocabulary import END, PAD, Vocabulary

_OBSERVED = "activation."
_VALUES_A_PHOTO = 1024  # of each activation; enough to weigh clipping against rounding
_SHARES = np.linspace(0.3, 1.0, 36)
_BATCH = 4  # all activations of a batch are in memory together
_STAGES = ("stem", "layer1", "layer2", "layer3", "layer4")
_AS_SURE = 0.05  # so much confidence may be lost; it is itself no surer than that

Squares = NDArray[np.uint8]


def calibrate(model_dir: Path, squares: Squares) -> Path:
    """Measure a model's activation ranges on pictures, write them beside its weights and return the file.

    As many of the last stages compute in 8 bits as leave the captions of the pictures as good as they are; all of them
    do where not even one stage does. A caption is as good if it is word for word the same, or if the network in float32
    has at most 0.05 less confidence in it than in its own.

    Args:
        model_dir: the folder of the model.
        squares: (B, S, S, 3) pictures as `preprocess.to_square` gives them; a hundred of all kinds are enough.

    Raises:
        CheckpointError: the model cannot be used.
    """
    info = read_model_info(model_dir)
    weights = load_weights(info)
    ranges = measure_ranges(info, weights, squares)
    judge = _Judge(info, OnnxEngine(info, weights), squares)
    found: list[tuple[Ranges, float]] = []
    for first in range(len(_STAGES)):
        rounded: Ranges = {name: each for name, each in ranges.items() if name.startswith(_STAGES[first:])}
        faithful = judge.faithful(OnnxEngine(info, weights, ranges=rounded))
        found.append((rounded, faithful))
        if faithful >= FAITHFUL:
            return write_ranges(info, rounded, faithful_captions=faithful)
    return write_ranges(info, found[0][0], faithful_captions=found[0][1])


def measure_ranges(info: ModelInfo, weights: Weights, squares: Squares) -> Ranges:
    """Return the range of each activation to round to."""
    session = Session(see_graph(info, weights, observed=True))
    batches = (squares[start : start + _BATCH] for start in range(0, len(squares), _BATCH))
    seen: dict[str, list[NDArray[np.float32]]] = {}
    for batch in batches:
        for name, value in session.run({"squares": batch}).items():
            if name.startswith(_OBSERVED):
                seen.setdefault(name.removeprefix(_OBSERVED), []).append(_sampled(value))
    return {name: _best_range(np.concatenate(values)) for name, values in seen.items()}


class _Judge:
    """The network in float32, and what it says of pictures."""

    def __init__(self, info: ModelInfo, engine: OnnxEngine, squares: Squares) -> None:
        self._info, self._engine, self._squares = info, engine, squares
        self._vocabulary = Vocabulary(info.words)
        self._confidence = calibration_of(info.config, neutral_people=False)
        self._own = self._sentences(engine)
        self._confidences_in_own = self._confidences(self._own)

    def faithful(self, engine: OnnxEngine) -> float:
        """Return the share of captions by another engine that are as good as the judge's own."""
        others = self._sentences(engine)
        rows = zip(self._own, others, self._confidences_in_own, self._confidences(others), strict=True)
        as_good = [own == other or of_other >= of_own - _AS_SURE for own, other, of_own, of_other in rows]
        return float(np.mean(as_good))

    def _batches(self) -> list[Squares]:
        size = self._engine.batch_size
        return [self._squares[start : start + size] for start in range(0, len(self._squares), size)]

    def _sentences(self, engine: OnnxEngine) -> list[list[str]]:
        captioner = NetworkCaptioner(self._info, engine)
        with ThreadPoolExecutor(engine.lanes) as lanes:
            return [words for batch in lanes.map(captioner.sentences, self._batches()) for words in batch]

    def _confidences(self, sentences: Sequence[Sequence[str]]) -> list[float]:
        """Return the confidence that the judge has in sentences about its pictures."""
        found: list[float] = []
        for squares in self._batches():
            said = sentences[len(found) : len(found) + len(squares)]
            sight = self._engine.see(squares)
            rated = self._engine.rate(sight, self._tokens(said))
            found += [self._confidence(*each) for each in evidence(rated, sight.labels, self._info.labels, said)]
        return found

    def _tokens(self, sentences: Sequence[Sequence[str]]) -> NDArray[np.int64]:
        ids = [[*self._vocabulary.encode(words), END] for words in sentences]
        longest = max(map(len, ids))
        return np.array([[*each, *[PAD] * (longest - len(each))] for each in ids])


def _sampled(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return evenly spaced values, and the least and the greatest."""
    flat = values.reshape(-1)
    every = max(flat.size // (_VALUES_A_PHOTO * len(values)), 1) | 1  # odd: no column of the picture is preferred
    return np.concatenate([flat[::every], [flat.min(), flat.max()]])


def _best_range(values: NDArray[np.float32]) -> tuple[float, float]:
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    shares: Iterable[float] = _SHARES.tolist()
    share = min(shares, key=lambda share: _squared_error(values, low * share, high * share))
    return low * share, high * share


def _squared_error(values: NDArray[np.float32], low: float, high: float) -> float:
    step = max(high - low, 1e-12) / 255
    zero = np.rint(-low / step)
    rounded = (np.clip(np.rint(values / step) + zero, 0, 255) - zero) * step
    return float(np.square(rounded - values, dtype=np.float64).mean())
