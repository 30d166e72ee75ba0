"""A model's tensors, read without torch."""

from __future__ import annotations

import re
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


def load_weights(info: ModelInfo) -> dict[str, NDArray[Any]]:
    """Read a model's tensors by name, floats as float32.

    Raises:
        CheckpointError: the file is not the one that was described, is damaged, or holds numbers that are not finite.
    """
    path = info.directory / WEIGHTS
    try:
        weights = load(read_weights(info))
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise CheckpointError(path, f"is not a safetensors file: {str(error).strip()}", _HINT) from error
    for name, value in weights.items():
        if value.dtype.kind == "f":
            weights[name] = value.astype(np.float32)  # one by one: both forms of all are more than the network takes
            if not np.isfinite(value).all():
                raise CheckpointError(path, "holds numbers that are not finite", _HINT)
    return weights
