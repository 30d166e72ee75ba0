"""A model's tensors, read without torch."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load

from photocap.captioning.model_files import WEIGHTS, ModelInfo, read_weights
from photocap.errors import CheckpointError

_HINT = "choose another model with --model, or train it again"


def load_weights(info: ModelInfo) -> dict[str, NDArray[Any]]:
    """Read a model's tensors by name, floats as float32.

    Raises:
        CheckpointError: the file is not the one that was described, is damaged, or holds numbers that are not finite.
    """
    path = info.directory / WEIGHTS
    data = read_weights(info)
    try:
        tensors = load(data)
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise CheckpointError(path, f"is not a safetensors file: {str(error).strip()}", _HINT) from error
    weights = {name: value.astype(np.float32) if value.dtype.kind == "f" else value for name, value in tensors.items()}
    if not all(bool(np.isfinite(value).all()) for value in weights.values()):
        raise CheckpointError(path, "holds numbers that are not finite", _HINT)
    return weights
