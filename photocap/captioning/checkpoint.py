"""A model on disk: weights as safetensors, everything else as JSON; nothing is ever unpickled."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor

from photocap.captioning.config import ModelConfig
from photocap.captioning.labels import LabelSet
from photocap.captioning.model_files import (
    CONFIG,
    DEFAULT_KIND,
    FORMAT,
    KIND,
    WEIGHTS,
    ModelInfo,
    check_weights,
    hash_file,
    read_model_info,
    replace_directory,
)
from photocap.captioning.names import NameSet
from photocap.captioning.network import CaptionModel
from photocap.captioning.vocabulary import Vocabulary
from photocap.errors import CheckpointError
from photocap.system.named_errors import naming

_HINT = "choose another model with --model, or train it again"


@dataclass(frozen=True)
class Checkpoint:
    """A model ready to use, in float32 on the CPU, and what was written beside it."""

    model: CaptionModel
    vocabulary: Vocabulary
    info: ModelInfo


def load_checkpoint(directory: Path) -> Checkpoint:
    """Load a model folder; nothing larger than the file itself is ever allocated.

    Raises:
        CheckpointError: something is missing, damaged, hostile or does not fit together.
    """
    info = read_model_info(directory)
    weights = check_weights(info)
    try:
        vocabulary = Vocabulary(info.words)
    except ValueError as error:
        raise CheckpointError(directory / CONFIG, str(error), _HINT) from error
    with torch.device("meta"):
        model = CaptionModel(info.config, len(vocabulary))
    _check_shapes(weights, model.state_dict())
    state = {name: _widen(value) for name, value in _read_tensors(weights).items()}
    model.load_state_dict(state, assign=True)
    if model.decoder.labels is not None and not 0 <= int(model.decoder.labels.words.min()) <= int(
        model.decoder.labels.words.max()
    ) < len(vocabulary):
        raise CheckpointError(weights, "holds labels whose words the vocabulary lacks", _HINT)
    if not all(bool(value.isfinite().all()) for value in state.values()):
        raise CheckpointError(weights, "holds numbers that are not finite", _HINT)
    return Checkpoint(model.eval(), vocabulary, info)


def save_checkpoint(
    directory: Path,
    state: Mapping[str, Tensor],
    config: ModelConfig,
    vocabulary: Vocabulary,
    *,
    name: str,
    training: Mapping[str, Any],
    extra: Mapping[str, Mapping[str, Tensor]] | None = None,
    dtype: torch.dtype = torch.float16,
    labels: LabelSet | None = None,
    names: Mapping[str, str] | None = None,
    recognised: NameSet | None = None,
) -> None:
    """Write a model folder whole or not at all.

    Args:
        directory: the folder; an older one is replaced.
        state: the model's state dict.
        config: sizes and preprocessing.
        vocabulary: its words.
        name: the model's name.
        training: facts for people, JSON values.
        extra: further tensor files by name, such as an optimiser's state.
        dtype: precision of the stored floats; statistics of BatchNorm stay float32, as small as they are.
        labels: what the label head knows; needed where the model has one.
        names: words that are names, each with its spelling.
        recognised: the names that the name head knows; needed where the model has one.
    """
    new = _empty_folder(directory.with_name(directory.name + ".new"))
    tensors = {n: _narrow(n, v, dtype) for n, v in state.items()}
    for file, content in {WEIGHTS: tensors, **(extra or {})}.items():
        _write(new / file, save({n: v.detach().cpu().contiguous() for n, v in content.items()}))
    values = {
        KIND: DEFAULT_KIND,
        "format": FORMAT,
        "name": name,
        "weights_sha256": hash_file(new / WEIGHTS),
        "space_id": _space_id(tensors) if config.joint_size else None,
        "model": config.to_json(),
        "training": dict(training),
        "labels": asdict(labels) if labels else None,
        "names": dict(names or {}),
        "recognised": asdict(recognised) if recognised else None,
        "vocabulary": list(vocabulary.words),
    }
    _write(new / CONFIG, json.dumps(values, ensure_ascii=False, indent=1).encode())
    replace_directory(new, directory)


def read_resnet(path: Path) -> dict[str, Tensor]:
    """Read an encoder's weights in torchvision's layout (.safetensors or .pth), classifier left out.

    A .pth file is read with `weights_only=True`: tensors come in, code does not.

    Raises:
        CheckpointError: the file is damaged, hostile or no table of tensors.
    """
    try:
        if path.suffix == ".safetensors":
            state = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise CheckpointError(path, "does not exist") from None
    except Exception as error:  # torch.load raises what the file makes it raise
        raise CheckpointError(path, f"is not a safe weights file: {_first_line(error)}") from error
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise CheckpointError(path, "is not a table of tensors")
    return {n: _widen(v) for n, v in state.items() if not n.startswith(("fc.", "classifier."))}


def has_classifier(path: Path) -> bool:
    """Return whether a safetensors file in torchvision's layout has a classifier of ImageNet's 1,000 classes."""
    try:
        with safe_open(path, framework="pt") as file:
            return "fc.weight" in file.keys() and file.get_slice("fc.weight").get_shape()[0] == 1000  # noqa: SIM118
    except (SafetensorError, OSError):
        return False


def _check_shapes(path: Path, expected: Mapping[str, Tensor]) -> None:
    """Compare the header's shapes with the model's before any tensor is read."""
    try:
        with safe_open(path, framework="pt") as file:
            found = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise CheckpointError(path, f"is not a safetensors file: {_first_line(error)}", _HINT) from error
    wanted = {name: tuple(value.shape) for name, value in expected.items()}
    if found != wanted:
        odd = sorted(n for n in found.keys() | wanted.keys() if found.get(n) != wanted.get(n))
        raise CheckpointError(
            path,
            f"does not fit {CONFIG}: {odd[0]} is {found.get(odd[0], 'missing')}, "
            f"expected {wanted.get(odd[0], 'nothing')}",
            _HINT,
        )


def _read_tensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(path, f"cannot be read: {_first_line(error)}", _HINT) from error


def _empty_folder(path: Path) -> Path:
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path


def _write(path: Path, data: bytes) -> None:
    with naming(path), open(path, "wb") as file:  # safetensors' own save_file would make it unreadable for others
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _space_id(tensors: Mapping[str, Tensor]) -> str:
    """Name the space by all that a photo's place in it depends on; a decoder that learned more changes nothing."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        if name.startswith(("encoder.trunk.", "decoder.pooled_", "joint.image.")):
            digest.update(name.encode() + tensors[name].detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def _widen(value: Tensor) -> Tensor:
    return value.float() if value.is_floating_point() else value


def _narrow(name: str, value: Tensor, dtype: torch.dtype) -> Tensor:
    keep = not value.is_floating_point() or "running_" in name or "pooled_" in name
    return value if keep else value.to(dtype)


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]
