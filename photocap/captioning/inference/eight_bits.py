"""Linear layers and their weights in 8 bits.

Nothing here looks at several rows at once, so what is computed of a photo does not depend on its batch.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from photocap.captioning.inference.graph import Graph

LEAST_SCALE = 1e-12
_LARGEST_INT8 = 127  # of weights, to either side of zero
_ZERO_POINT = 128  # of rows, which are uint8
_FLOAT, _UINT8 = 1, 2  # ONNX's numbers of these types


def round_weight(weight: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return a weight (out, ...) as whole numbers from -127 to 127, and the scale of each output (out,)."""
    largest = np.abs(weight).max(axis=tuple(range(1, weight.ndim)))
    scale = np.maximum(largest, LEAST_SCALE) / _LARGEST_INT8
    return np.rint(weight / scale.reshape(-1, *[1] * (weight.ndim - 1))), scale


def linear_in_8_bits(
    graph: Graph, x: str, weight: NDArray[Any], bias: NDArray[Any], *, largest: float | None = None
) -> str:
    """Apply a linear layer, weight (out, in) and bias (out,), to rows (N, in) rounded to 8 bits.

    Args:
        graph: the graph to write into.
        x: the rows.
        weight: is rounded too.
        bias: stays as it is.
        largest: the greatest magnitude that a row can have; None: each row is measured.
    """
    g = graph
    rounded, weight_scale = round_weight(weight)
    zero_point = g.constant(_ZERO_POINT, "uint8")
    if largest is not None:
        scale = g.constant(largest / _LARGEST_INT8)
        rows = g.node("QuantizeLinear", x, scale, zero_point)
    else:
        most = g.node("ReduceMax", g.node("Abs", x), axes=[1], keepdims=1)
        scale = g.node("Div", g.node("Max", most, g.constant(LEAST_SCALE)), g.constant(_LARGEST_INT8))
        rows = g.node("Add", g.node("Round", g.node("Div", x, scale)), g.constant(_ZERO_POINT))
        rows = g.node("Cast", rows, to=_UINT8)
    sums = g.node("Cast", g.node("MatMulInteger", rows, g.constant(rounded.T, "int8"), zero_point), to=_FLOAT)
    # By one scale after the other: ONNX Runtime fuses their product into an operator that has one scale for all rows.
    values = g.node("Mul", g.node("Mul", sums, scale), g.constant(weight_scale))
    return g.node("Add", values, g.constant(bias))
