"""What the 8-bit encoder needs beside the weights: the range of each activation, measured on photos."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from photocap.captioning.inference.encoder_graph import Ranges
from photocap.captioning.model_files import RANGES, ModelInfo

FAITHFUL = 0.95
"""The share of captions that must stay as good as those of float32 for 8 bits to be taken unasked."""


def read_ranges(info: ModelInfo) -> Ranges | None:
    """Return the ranges measured for these weights; None where there are none."""
    try:
        return {str(name): (float(low), float(high)) for name, (low, high) in _read(info)["ranges"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def read_faithful_captions(info: ModelInfo) -> float:
    """Return the share of captions that 8 bits left as good as they were, see `calibration`; 0 if not known."""
    try:
        return float(_read(info)["faithful_captions"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0.0


def write_ranges(info: ModelInfo, ranges: Ranges, *, faithful_captions: float = 0.0) -> Path:
    """Write the ranges beside the weights, and the share of captions that stay as good; return where."""
    path = info.directory / RANGES
    rounded = {name: [float(f"{low:.5g}"), float(f"{high:.5g}")] for name, (low, high) in ranges.items()}
    values = {
        "weights_sha256": info.weights_sha256,
        "faithful_captions": round(faithful_captions, 4),
        "ranges": rounded,
    }
    path.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
    return path


def _read(info: ModelInfo) -> Mapping[str, Any]:
    values: Mapping[str, Any] = json.loads((info.directory / RANGES).read_text(encoding="utf-8"))
    if values["weights_sha256"] != info.weights_sha256:
        raise ValueError("they belong to other weights")
    return values
