"""A model's tensors, read without torch."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load

from photocap.captioning.model_files import WEIGHTS, ModelInfo, read_weights
from photocap.errors import CheckpointError

_HINT = "choose another model with --model, or train it again"
_STATISTICS = re.compile(r"running_|num_batches|pooled_|labels\.words")  # measured, not learned


def count_parameters(file: Path) -> int:
    """Count the parameters in a weights file by its header.

    Raises:
        CheckpointError: it cannot be read.
    """
    try:
        with safe_open(file, framework="numpy") as tensors:
            shapes = {name: tensors.get_slice(name).get_shape() for name in tensors.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise CheckpointError(file, f"is not a safetensors file: {str(error).strip()}", _HINT) from error
    return sum(prod(shape) for name, shape in shapes.items() if not _STATISTICS.search(name))


class WidenedWeights(Mapping[str, NDArray[Any]]):
    """Tensors by name, floats as float32: widened when they are asked for, since most are needed once."""

    def __init__(self, stored: dict[str, NDArray[Any]]) -> None:
        self._stored = stored

    def __getitem__(self, name: str) -> NDArray[Any]:
        value = self._stored[name]
        return value.astype(np.float32) if value.dtype.kind == "f" else value

    def __iter__(self) -> Iterator[str]:
        return iter(self._stored)

    def __len__(self) -> int:
        return len(self._stored)

    @property
    def is_finite(self) -> bool:
        """Return whether all are numbers."""
        return all(bool(np.isfinite(value).all()) for value in self._stored.values() if value.dtype.kind == "f")


def load_weights(info: ModelInfo) -> WidenedWeights:
    """Read a model's tensors.

    Raises:
        CheckpointError: the file is not the one that was described, is damaged, or holds numbers that are not finite.
    """
    path = info.directory / WEIGHTS
    try:
        weights = WidenedWeights(load(read_weights(info)))
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise CheckpointError(path, f"is not a safetensors file: {str(error).strip()}", _HINT) from error
    if not weights.is_finite:
        raise CheckpointError(path, "holds numbers that are not finite", _HINT)
    return weights
