"""Build an ONNX graph node by node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from photocap.captioning.inference import protobuf
from photocap.captioning.inference.protobuf import Dimension

_OPSETS = {"": 17}
_MOST_INLINE_BYTES = 1024


@dataclass(frozen=True)
class BuiltGraph:
    """A graph as a session takes it: copying all weights into the file format would take longer than to load them.

    Attributes:
        model: the file, without large constants.
        constants: these, by name.
    """

    model: bytes
    constants: Mapping[str, NDArray[Any]]


class Graph:
    """An ONNX graph that grows; values are known by their names."""

    def __init__(self) -> None:
        self._nodes: list[bytes] = []
        self._initializers: list[bytes] = []
        self._constants: dict[str, NDArray[Any]] = {}
        self._inputs: list[bytes] = []
        self._outputs: list[bytes] = []
        self._count = 0

    def input(self, name: str, element_type: str, shape: Sequence[Dimension]) -> str:
        """Declare an input; return its name."""
        self._inputs.append(protobuf.value_bytes(name, element_type, shape))
        return name

    def output(self, value: str, name: str, shape: Sequence[Dimension], element_type: str = "float32") -> None:
        """Give a value out under a name."""
        self._nodes.append(protobuf.node_bytes("Identity", [value], [name], {}))
        self._outputs.append(protobuf.value_bytes(name, element_type, shape))

    def constant(self, value: ArrayLike, dtype: str = "float32") -> str:
        """Add a constant tensor; return its name."""
        name, array = self._new_name("c"), np.asarray(value, dtype=dtype)
        if array.nbytes <= _MOST_INLINE_BYTES:
            self._initializers.append(protobuf.tensor_bytes(name, array))
        else:
            self._initializers.append(protobuf.external_tensor_bytes(name, array))
            self._constants[name] = np.ascontiguousarray(array)
        return name

    def node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add an operator with one output; return the output's name."""
        (name,) = self.nodes(operator, inputs, 1, **attributes)
        return name

    def nodes(self, operator: str, inputs: Sequence[str], outputs: int, **attributes: Any) -> list[str]:
        """Add an operator with several outputs; return their names."""
        names = [self._new_name(operator) for _ in range(outputs)]
        self._nodes.append(protobuf.node_bytes(operator, inputs, names, attributes))
        return names

    def linear(self, x: str, weight: NDArray[Any], bias: NDArray[Any] | None = None) -> str:
        """Apply a linear layer, weight (out, in) as torch stores it, to the last dimension."""
        product = self.node("MatMul", x, self.constant(weight.T))
        return product if bias is None else self.node("Add", product, self.constant(bias))

    def take(self) -> BuiltGraph:
        """Return what was built; the graph is empty afterwards."""
        model = protobuf.model_bytes(self._nodes, self._initializers, self._inputs, self._outputs, _OPSETS)
        built = BuiltGraph(model, self._constants)
        for parts in (self._nodes, self._initializers, self._inputs, self._outputs):
            parts.clear()
        self._constants = {}
        return built

    def _new_name(self, operator: str) -> str:
        self._count += 1
        return f"{operator}_{self._count}"
