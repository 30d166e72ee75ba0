"""Measure on photos the ranges that an encoder in 8 bits rounds its activations to.

The range of all values would give the few largest the scale of all others; taken is the range with the least squared
error of rounding and clipping together (as in TensorRT and other post-training quantisation).

Rounding in the first stages disturbs all that follow, so those stages stay in float32 where that is what keeps captions
as they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from photocap.captioning.inference.activation_ranges import FAITHFUL, write_ranges
from photocap.captioning.inference.encoder_graph import Ranges, Weights
from photocap.captioning.inference.onnx_engine import OnnxEngine, see_graph
from photocap.captioning.inference.session import Session
from photocap.captioning.inference.weights import load_weights
from photocap.captioning.model_files import ModelInfo, read_model_info
from photocap.captioning.vocabulary import PAD

_OBSERVED = "activation."
_VALUES_A_PHOTO = 1024  # of each activation; enough to weigh clipping against rounding
_SHARES = np.linspace(0.3, 1.0, 36)
_BATCH = 4  # all activations of a batch are in memory together
_STAGES = ("stem", "layer1", "layer2", "layer3", "layer4")


def calibrate(model_dir: Path, squares: NDArray[np.uint8]) -> Path:
    """Measure a model's activation ranges on pictures and write them beside its weights; return the file.

    As many of the last stages compute in 8 bits as leave the captions of the pictures what they are; all of them do
    where not even one stage does.

    Args:
        model_dir: the folder of the model.
        squares: (B, S, S, 3) pictures as `preprocess.to_square` gives them; a hundred of all kinds are enough.

    Raises:
        CheckpointError: the model cannot be used.
    """
    info = read_model_info(model_dir)
    weights = load_weights(info)
    ranges = measure_ranges(info, weights, squares)
    exact = _sentences(OnnxEngine(info, weights), squares)
    found: list[tuple[Ranges, float]] = []
    for first in range(len(_STAGES)):
        rounded: Ranges = {name: each for name, each in ranges.items() if name.startswith(_STAGES[first:])}
        same = _same_captions(exact, _sentences(OnnxEngine(info, weights, ranges=rounded), squares))
        found.append((rounded, same))
        if same >= FAITHFUL:
            return write_ranges(info, rounded, same_captions=same)
    return write_ranges(info, found[0][0], same_captions=found[0][1])


def measure_ranges(info: ModelInfo, weights: Weights, squares: NDArray[np.uint8]) -> Ranges:
    """Return the range of each activation to round to."""
    session = Session(see_graph(info, weights, observed=True))
    batches = (squares[start : start + _BATCH] for start in range(0, len(squares), _BATCH))
    seen: dict[str, list[NDArray[np.float32]]] = {}
    for batch in batches:
        for name, value in session.run({"squares": batch}).items():
            if name.startswith(_OBSERVED):
                seen.setdefault(name.removeprefix(_OBSERVED), []).append(_sampled(value))
    return {name: _best_range(np.concatenate(values)) for name, values in seen.items()}


def _same_captions(exact: list[list[int]], rounded: list[list[int]]) -> float:
    """Return the share of sentences that are the same, word for word."""
    return float(np.mean([one == other for one, other in zip(exact, rounded, strict=True)]))


def _sentences(engine: OnnxEngine, squares: NDArray[np.uint8]) -> list[list[int]]:
    batches = (squares[start : start + engine.batch_size] for start in range(0, len(squares), engine.batch_size))
    tokens = [row for batch in batches for row in engine.speak(engine.see(batch)).tokens.tolist()]
    return [[token for token in row if token != PAD] for row in tokens]


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
