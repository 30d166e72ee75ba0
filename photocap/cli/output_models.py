"""What is known of a model, for a screen and as values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from photocap.captioning.model_files import CONFIG, WEIGHTS
from photocap.captioning.registry import ModelFacts


def facts_of(info: ModelFacts) -> dict[str, object]:
    """Return all that is known of a model."""
    return {
        "model_id": info.model_id,
        "kind": info.kind,
        "folder": info.directory,
        "weights_sha256": info.weights_sha256,
        "size_bytes": _size_bytes(info),
        "date": _date(info),
        "cider_d": _score(info),
        **info.details,
    }


def columns_of(info: ModelFacts) -> tuple[str, ...]:
    """Return the columns of a list of models, after the name."""
    score = _score(info)
    return (
        info.model_id,
        f"{_size_bytes(info) / 1e6:>5,.0f} MB",
        _date(info),
        info.summary,
        f"CIDEr-D {score:.1f} on {_count(info, 'photos', 'dev'):,} photos" if score is not None else "",
    )


def summary_of(info: ModelFacts) -> dict[str, object]:
    """Return what fits a screen."""
    found: dict[str, object] = {
        "model": info.model_id,
        "kind": info.kind,
        "folder": info.directory,
        "size": f"{_size_bytes(info) / 1e6:,.0f} MB, of {_date(info)}",
    }
    if "training" in info.details:
        found |= _network(info) | _training(info)
    return found


def flat(values: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    """Return nested facts as one level: {"model": {"beam_size": 3}} becomes {"model beam_size": 3}."""
    found: dict[str, object] = {}
    for name, value in values.items():
        found |= flat(value, f"{prefix}{name} ") if isinstance(value, dict) else {prefix + name: value}
    return found


def _network(info: ModelFacts) -> dict[str, object]:
    model = info.details["model"]
    layers = f"{model['layers']} layers of " if model["layers"] > 1 else ""
    parts = {"label head": model["label_count"], "joint space": model["joint_size"]}
    learned = (info.details["training"].get("parameters") or {}).get("learning")
    return {
        "network": f"{model['encoder']}, {layers}{model['rnn']} of {model['hidden_size']}, "
        f"attention: {model['attention']}, beam {model['beam_size']}",
        "also": ", ".join(f"{name} of {size:,}" for name, size in parts.items() if size) or "-",
        "parameters": f"{_parameters(info):,}" + (f", {learned:,} of them learned" if learned else ""),
    }


def _parameters(info: ModelFacts) -> int:
    from photocap.captioning.inference.weights import count_parameters

    weights = info.directory / WEIGHTS
    return count_parameters(weights) if weights.exists() else 0


def _training(info: ModelFacts) -> dict[str, object]:
    training, score = info.details["training"], _score(info)
    frequent = training.get("frequent_words")
    return {
        "vocabulary": info.summary + (f", most often {', '.join(frequent)}" if frequent else ""),
        "names": ", ".join(info.details.get("names", ())) or "-",
        "learned from": f"{_count(info, 'captions', 'train'):,} captions of {_count(info, 'photos', 'train'):,} photos",
        "score": f"CIDEr-D {score:.1f} on {_count(info, 'photos', 'dev'):,} photos kept back" if score else "-",
        "command": training.get("command", "-"),
        "trainings": f"{len(list(_trainings(info)))}, one after the other; --all shows each",
    }


def _trainings(info: ModelFacts) -> Iterator[Mapping[str, Any]]:
    """Yield the trainings that a model has behind it, the youngest first."""
    training = info.details.get("training")
    while isinstance(training, Mapping) and training:
        yield training
        training = training.get("started_from")


def _score(info: ModelFacts) -> float | None:
    """Return the CIDEr-D of the best epoch of the youngest training that has scores."""
    for training in _trainings(info):
        if history := training.get("history"):
            return max(float(row["cider_d"]) for row in history)
    return None


def _count(info: ModelFacts, what: str, side: str) -> int:
    return int((info.details["training"].get(what) or {}).get(side, 0))


def _size_bytes(info: ModelFacts) -> int:
    files = [info.directory / name for name in info.files]
    return sum(file.stat().st_size for file in files if file.exists())


def _date(info: ModelFacts) -> str:
    return datetime.fromtimestamp((info.directory / CONFIG).stat().st_mtime).date().isoformat()
