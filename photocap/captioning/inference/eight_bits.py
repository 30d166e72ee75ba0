"""Linear layers and their weights in 8 bits.

Nothing here looks at several rows at once, so what is computed of a photo does not depend on its batch.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from photocap.captioning.inference.graph import Graph

LEAST_SCALE = 1e-12
_STEPS = 127  # to either side of zero
_ZERO = 128
_FLOAT, _UINT8 = 1, 2  # ONNX's numbers of these types


def round_weight(weight: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return a weight (out, ...) in whole steps from -127 to 127, and the size of a step for each output (out,)."""
    step = np.maximum(np.abs(weight).max(axis=tuple(range(1, weight.ndim))), LEAST_SCALE) / _STEPS
    return np.rint(weight / step.reshape(-1, *[1] * (weight.ndim - 1))), step


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
    rounded, by_output = round_weight(weight)
    zero = g.constant(_ZERO, "uint8")
    if largest is not None:
        step = g.constant(largest / _STEPS)
        rows = g.node("QuantizeLinear", x, step, zero)
    else:
        most = g.node("ReduceMax", g.node("Abs", x), axes=[1], keepdims=1)
        step = g.node("Div", g.node("Max", most, g.constant(LEAST_SCALE)), g.constant(_STEPS))
        rows = g.node("Add", g.node("Round", g.node("Div", x, step)), g.constant(_ZERO))
        rows = g.node("Cast", rows, to=_UINT8)
    sums = g.node("MatMulInteger", rows, g.constant(rounded.T, "int8"), zero)
    # By one after the other: ONNX Runtime would take a product of both for that of one number and a vector.
    values = g.node("Mul", g.node("Mul", g.node("Cast", sums, to=_FLOAT), step), g.constant(by_output))
    return g.node("Add", values, g.constant(bias))
