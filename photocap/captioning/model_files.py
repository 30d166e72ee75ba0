"""Where models lie on disk and what is written beside the weights; read without torch."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from photocap.captioning.config import ModelConfig
from photocap.captioning.labels import LabelSet
from photocap.captioning.names import NameSet
from photocap.errors import CheckpointError
from photocap.system.atomicfile import replace_file

WEIGHTS = "model.safetensors"
CONFIG = "config.json"
RANGES = "activations.json"
FORMAT = 1
KIND = "kind"
DEFAULT_KIND = "resnet-lstm"
BASE = "photocap-base"
_MAX_CONFIG_BYTES = 64 * 1024 * 1024
_BLOCK_BYTES = 1 << 20
_MAX_SIZE = 4096  # of a layer; weights of 4096 x 4 x 4096 numbers take a quarter of a gigabyte
_MAX_LABELS, _MAX_WORDS, _MAX_WORD_CHARACTERS, _MAX_NAME_CHARACTERS = 16_384, 200_000, 100, 200
_MAX_NEEDS = 32  # labels
# What a model may ask for; each bounds time or memory.
_RANGES = {
    "embedding_size": (1, _MAX_SIZE),
    "hidden_size": (1, _MAX_SIZE),
    "feature_size": (1, _MAX_SIZE),
    "layers": (1, 8),
    "attention_heads": (1, 64),
    "image_size_px": (32, 1024),
    "max_words": (1, 100),
    "min_words": (0, 100),
    "length_penalty": (-10, 10),
    "beam_size": (1, 64),
    "joint_size": (0, _MAX_SIZE),
    "label_count": (0, _MAX_LABELS),
    "label_slots": (1, 256),
    "prototype_count": (0, 65_536),
    "prototype_size": (1, _MAX_SIZE),
    "prototype_labels": (1, _MAX_LABELS),
    "name_count": (0, _MAX_LABELS),
}
_HINT = "choose another model with --model, or leave it out to use the base model"


@dataclass(frozen=True, kw_only=True)
class ModelInfo:
    """What `config.json` says of a model.

    Attributes:
        directory: the folder it was read from.
        name: the model's name.
        weights_sha256: SHA-256 (hex) of the weights file.
        config: sizes and preprocessing.
        words: the vocabulary, in the order of the ids, special words left out.
        training: facts about how it was trained, for people.
        space_id: names the joint text-image space; photos embedded under one name can be compared.
            None where the model has none.
        labels: what the label head knows; None where the model has no label head.
        names: words that are names, each with its spelling: "rex" is written "Rex".
        recognised: the names that the name head knows; None where the model has no name head.
    """

    directory: Path
    name: str
    weights_sha256: str
    config: ModelConfig
    words: tuple[str, ...]
    training: Mapping[str, Any]
    space_id: str | None = None
    labels: LabelSet | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    recognised: NameSet | None = None

    @property
    def model_id(self) -> str:
        """Return the name and the first 12 digits of the weights' hash."""
        return f"{self.name}@{self.weights_sha256[:12]}"


def base_model_dir() -> Path:
    """Return the folder of the base model: inside the installed package, or in a checkout's `models/`."""
    package = Path(__file__).parent.parent
    for place in (package / "_models" / BASE, package.parent / "models" / BASE):
        if (place / CONFIG).is_file():
            return place
    raise CheckpointError(package / "_models" / BASE, "the base model is missing", "reinstall photocap")


def read_config(directory: Path) -> dict[str, Any]:
    """Read the `config.json` of a model of any kind.

    Raises:
        CheckpointError: it is missing, too large, or no JSON object.
    """
    recover_replaced(directory)
    path = directory / CONFIG
    try:
        if path.stat().st_size > _MAX_CONFIG_BYTES:
            raise CheckpointError(path, "is too large for a model's configuration", _HINT)
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError(directory, f"is not a model folder: it has no {CONFIG}", _HINT) from None
    except OSError as error:
        raise CheckpointError(path, f"cannot be read: {error.strerror}", _HINT) from error
    except (ValueError, RecursionError) as error:
        raise CheckpointError(path, f"is not a photocap model configuration: {error}", _HINT) from error
    if not isinstance(values, dict):
        raise CheckpointError(path, "is not a photocap model configuration: an object was expected", _HINT)
    return values


def read_model_info(directory: Path) -> ModelInfo:
    """Read the `config.json` of a model that photocap has trained.

    Raises:
        CheckpointError: it is missing, not JSON, of another kind or format, or makes impossible claims.
    """
    values = read_config(directory)
    try:
        return _parse(directory, values)
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(directory / CONFIG, f"is not a photocap model configuration: {error}", _HINT) from error


def _parse(directory: Path, values: Mapping[str, Any]) -> ModelInfo:
    if values.get(KIND, DEFAULT_KIND) != DEFAULT_KIND:
        raise ValueError(f"the kind {DEFAULT_KIND} was expected, not {values[KIND]}")
    if values.get("format") != FORMAT:
        raise ValueError(f"format {FORMAT} was expected")
    words = values["vocabulary"]
    if not isinstance(words, list) or not all(isinstance(w, str) and len(w) <= _MAX_WORD_CHARACTERS for w in words):
        raise ValueError("the vocabulary is not a list of words")
    if len(words) > _MAX_WORDS:
        raise ValueError(f"the vocabulary has {len(words):,} words; {_MAX_WORDS:,} are the limit")
    name, digest = values["name"], values["weights_sha256"]
    if not isinstance(name, str) or len(name) > _MAX_NAME_CHARACTERS:
        raise ValueError("name is not a short text")
    if not isinstance(digest, str) or len(digest) != 64:
        raise ValueError("weights_sha256 is not 64 digits")
    config = ModelConfig.from_json(values["model"])
    _check_sizes(config)
    space = values.get("space_id")
    if space is not None and not isinstance(space, str):
        raise ValueError("space_id is not text")
    labels = _parse_labels(values["labels"], config.label_count) if config.label_count else None
    training, names = dict(values.get("training", {})), values.get("names", {})
    if not isinstance(names, dict) or any(not isinstance(v, str) or v.lower() != k for k, v in names.items()):
        raise ValueError("the names are not words with a spelling each")
    return ModelInfo(
        directory=directory,
        name=name,
        weights_sha256=digest,
        config=config,
        words=tuple(words),
        training=training,
        space_id=space,
        labels=labels,
        names=names,
        recognised=_parse_recognised(values["recognised"], config.name_count, words, labels)
        if config.name_count
        else None,
    )


def _check_sizes(config: ModelConfig) -> None:
    """Raise ValueError where sizes are impossible or do not fit together."""
    _check_ranges(config)
    confidences = (config.confidence, config.neutral_confidence, config.parent_confidence)
    if any(len(fitted) not in (0, 6) for fitted in confidences):
        raise ValueError("a confidence has six numbers")
    if config.hidden_size % config.attention_heads:
        raise ValueError("attention_heads does not divide hidden_size")
    if config.prototype_count and config.prototype_labels > config.label_count:
        raise ValueError("prototype_labels is more than label_count")


def _check_ranges(config: ModelConfig) -> None:
    for name, (least, most) in _RANGES.items():
        if not least <= getattr(config, name) <= most:
            raise ValueError(f"{name} is {getattr(config, name)!r}, which is not from {least:,} to {most:,}")
    if len(config.image_mean) != 3 or len(config.image_std) != 3 or min(config.image_std) <= 0:
        raise ValueError("image_mean and image_std need three numbers, those of image_std above 0")


def _parse_labels(values: Any, count: int) -> LabelSet:
    names, shown_from, absent_below = (values[key] for key in ("names", "shown_from", "absent_below"))
    if not all(isinstance(name, str) and len(name) <= _MAX_WORD_CHARACTERS for name in names) or len(names) != count:
        raise ValueError(f"{count} labels were expected")
    limits = [tuple(map(float, values)) for values in (shown_from, absent_below)]
    if not all(len(values) == count and all(map(math.isfinite, values)) for values in limits):
        raise ValueError(f"{count} finite numbers for the labels were expected")
    return LabelSet(tuple(names), *limits)


def _parse_recognised(values: Any, count: int, vocabulary: Sequence[str], labels: LabelSet | None) -> NameSet:
    words = tuple(values["words"])
    if len(words) != count or not frozenset(vocabulary).issuperset(words):
        raise ValueError(f"{count} words of the vocabulary were expected as names")
    needs = tuple(map(tuple, values.get("needs", ())))
    known = frozenset(labels.names if labels else ())
    if any(len(needed) > _MAX_NEEDS or not known.issuperset(needed) for needed in needs):
        raise ValueError(f"at most {_MAX_NEEDS} of the model's labels were expected as what a name needs")
    return NameSet(words, tuple(map(float, values["said_from"])), needs)


def change_settings(directory: Path, changes: Mapping[str, float]) -> ModelInfo:
    """Change settings of a model that its weights do not depend on, such as a calibration; return what it says now.

    Raises:
        CheckpointError: the configuration cannot be read or replaced.
    """
    read_model_info(directory)
    path = directory / CONFIG
    values = json.loads(path.read_text(encoding="utf-8"))
    values["model"] = ModelConfig.from_json({**values["model"], **changes}).to_json()
    try:
        replace_file(path, json.dumps(values, ensure_ascii=False, indent=1).encode())
    except OSError as error:
        raise CheckpointError(path, f"cannot be replaced: {error.strerror}", "copy the model's folder first") from error
    return read_model_info(directory)


def hash_file(path: Path) -> str:
    """Return the SHA-256 (hex) of a file of a model.

    Raises:
        CheckpointError: it cannot be read.
    """
    digest = hashlib.sha256()
    block = memoryview(bytearray(_BLOCK_BYTES))
    try:
        with open(path, "rb", buffering=0) as file:
            while count := file.readinto(block):
                digest.update(block[:count])
    except OSError as error:
        raise CheckpointError(path, f"cannot be read: {error.strerror}", _HINT) from error
    return digest.hexdigest()


def check_weights(info: ModelInfo) -> Path:
    """Return a model's weights file.

    Raises:
        CheckpointError: it cannot be read, or is not the file that the configuration describes.
    """
    path = info.directory / WEIGHTS
    if hash_file(path) != info.weights_sha256:
        raise CheckpointError(path, f"is not the file that {CONFIG} describes (SHA-256 differs)", _HINT)
    return path


def replace_directory(new: Path, directory: Path) -> None:
    """Put a finished folder in the place of another; a kill at any moment leaves the old or the new one.

    Folders cannot be swapped in one step everywhere, so the old one steps aside first and
    `recover_replaced` brings it back if the new one never came.
    """
    old = directory.with_name(directory.name + ".old")
    recover_replaced(directory)
    if directory.exists():
        os.replace(directory, old)
    os.replace(new, directory)
    _remove(old)


def recover_replaced(directory: Path) -> None:
    """Finish or take back a replacement that was interrupted."""
    old = directory.with_name(directory.name + ".old")
    if not old.exists():
        return
    if directory.exists():
        _remove(old)
    else:
        os.replace(old, directory)


def _remove(directory: Path) -> None:
    if directory.exists():
        for file in directory.iterdir():
            file.unlink()
        directory.rmdir()
