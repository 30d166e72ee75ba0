"""The part of ONNX's file format that a graph needs, written directly, so that only ONNX Runtime is needed.

Field numbers are those of onnx.proto (ONNX IR version 8); the wire format is Protocol Buffers' own: a key of field
number and wire type, then a varint, four bytes, or a length and that many bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

_EXTERNAL = 1
_VARINT, _BYTES, _FLOAT = 0, 2, 5
_ELEMENT_TYPES = {"float32": 1, "uint8": 2, "int8": 3, "int32": 6, "int64": 7, "float16": 10}
_FLOAT_ATTRIBUTE, _INT_ATTRIBUTE, _FLOATS_ATTRIBUTE, _INTS_ATTRIBUTE = 1, 2, 6, 7

Dimension: TypeAlias = "int | str"
"""A number, or a name for one that differs from run to run."""


def model_bytes(
    nodes: Iterable[bytes],
    initializers: Iterable[bytes],
    inputs: Iterable[bytes],
    outputs: Iterable[bytes],
    opsets: dict[str, int],
) -> bytes:
    """Return a ModelProto around a GraphProto of encoded parts."""
    groups = ((1, nodes), (5, initializers), (11, inputs), (12, outputs))
    graph = _text(2, "photocap") + b"".join(_message(field, part) for field, group in groups for part in group)
    versions = (_text(1, domain) + _number(2, version) for domain, version in opsets.items())
    return _number(1, 8) + _message(7, graph) + b"".join(_message(8, version) for version in versions)


def node_bytes(
    operator: str, inputs: Sequence[str], outputs: Sequence[str], attributes: dict[str, Any], domain: str = ""
) -> bytes:
    """Return a NodeProto; attributes are whole numbers, floats or lists of either."""
    parts = [_text(1, name) for name in inputs] + [_text(2, name) for name in outputs]
    parts += [_text(3, outputs[0]), _text(4, operator), _text(7, domain)]
    parts += [_message(5, _attribute(name, value)) for name, value in attributes.items()]
    return b"".join(parts)


def tensor_bytes(name: str, array: NDArray[Any]) -> bytes:
    """Return a TensorProto with its values."""
    values = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
    return _tensor_start(name, array) + _message(9, values)


def external_tensor_bytes(name: str, array: NDArray[Any]) -> bytes:
    """Return a TensorProto without its values, which the session is given apart."""
    location = _text(1, "location") + _text(2, "memory")
    return _tensor_start(name, array) + _message(13, location) + _number(14, _EXTERNAL)


def value_bytes(name: str, element_type: str, shape: Sequence[Dimension]) -> bytes:
    """Return a ValueInfoProto of a tensor."""
    dims = [_text(2, size) if isinstance(size, str) else _number(1, size) for size in shape]
    kind = _number(1, _ELEMENT_TYPES[element_type]) + _message(2, b"".join(_message(1, dim) for dim in dims))
    return _text(1, name) + _message(2, _message(1, kind))


def _tensor_start(name: str, array: NDArray[Any]) -> bytes:
    dims = b"".join(_number(1, size) for size in array.shape)
    return dims + _number(2, _ELEMENT_TYPES[array.dtype.name]) + _text(8, name)


def _attribute(name: str, value: Any) -> bytes:
    start = _text(1, name)
    if isinstance(value, float):
        return start + _key(2, _FLOAT) + struct.pack("<f", value) + _number(20, _FLOAT_ATTRIBUTE)
    if isinstance(value, int):
        return start + _number(3, value) + _number(20, _INT_ATTRIBUTE)
    if all(isinstance(item, int) for item in value):
        return start + b"".join(_number(8, item) for item in value) + _number(20, _INTS_ATTRIBUTE)
    packed = b"".join(_key(7, _FLOAT) + struct.pack("<f", item) for item in value)
    return start + packed + _number(20, _FLOATS_ATTRIBUTE)


def _key(field: int, wire_type: int) -> bytes:
    return _varint(field << 3 | wire_type)


def _number(field: int, value: int) -> bytes:
    return _key(field, _VARINT) + _varint(value)


def _text(field: int, value: str) -> bytes:
    return _message(field, value.encode())


def _message(field: int, value: bytes) -> bytes:
    return _key(field, _BYTES) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1  # negative numbers take ten bytes
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
