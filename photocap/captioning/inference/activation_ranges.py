"""The range of each activation of the encoder, measured on photos: what the 8-bit encoder needs beside the weights."""

from __future__ import annotations

import json
from pathlib import Path

from photocap.captioning.inference.encoder_graph import Ranges
from photocap.captioning.model_files import RANGES, ModelInfo


def read_ranges(info: ModelInfo) -> Ranges | None:
    """Return the ranges measured for these weights; None where there are none."""
    try:
        values = json.loads((info.directory / RANGES).read_text(encoding="utf-8"))
        if values["weights_sha256"] != info.weights_sha256:
            return None
        return {str(name): (float(low), float(high)) for name, (low, high) in values["ranges"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def write_ranges(info: ModelInfo, ranges: Ranges) -> Path:
    """Write the ranges beside the weights; return where."""
    path = info.directory / RANGES
    rounded = {name: [float(f"{low:.5g}"), float(f"{high:.5g}")] for name, (low, high) in ranges.items()}
    text = json.dumps({"weights_sha256": info.weights_sha256, "ranges": rounded}, indent=1)
    path.write_text(text + "\n", encoding="utf-8")
    return path
