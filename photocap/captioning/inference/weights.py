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

from photocap.captioning.model_files import ModelInfo, check_weights
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
    """The tensors of a file by name, floats as float32.

    They are read and widened when they are asked for, since most are needed once: memory that is touched for the first
    time is what loading a model waits for.

    Args:
        file: the weights.

    Raises:
        SafetensorError, OSError: it cannot be read.
    """

    def __init__(self, file: Path) -> None:
        self._path = file
        self._file: Any = safe_open(file, framework="numpy")
        self._names: frozenset[str] = frozenset(self._file.keys())  # type: ignore[no-untyped-call]

    def __getitem__(self, name: str) -> NDArray[Any]:
        if name not in self._names:
            raise KeyError(name)
        try:
            value: NDArray[Any] = self._file.get_tensor(name)
        except (SafetensorError, TypeError) as error:  # TypeError: of a type that numpy does not have
            raise CheckpointError(self._path, f"holds {name}, which cannot be read: {error}", _HINT) from error
        if value.dtype.kind != "f":
            return value
        widened = value.astype(np.float32, copy=False)
        if not np.isfinite(widened).all():
            raise CheckpointError(self._path, "holds numbers that are not finite", _HINT)
        return widened

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def load_weights(info: ModelInfo) -> WidenedWeights:
    """Open a model's tensors; reading one that holds numbers that are not finite raises `CheckpointError`.

    Raises:
        CheckpointError: the file is not the one that was described, or is damaged.
    """
    path = check_weights(info)
    try:
        return WidenedWeights(path)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(path, f"is not a safetensors file: {str(error).strip()}", _HINT) from error
