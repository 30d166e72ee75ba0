"""The encoder as an ONNX graph: a ResNet with its BatchNorms folded, in float32 or in 8 bits.

Letters as in `captioning.network`. In 8 bits each convolution is written between QuantizeLinear and DequantizeLinear
(QDQ), which ONNX Runtime fuses into integer convolutions: activations are uint8 with one scale, weights int8 with a
scale per output channel.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photocap.captioning.config import ModelConfig
from photocap.captioning.inference.eight_bits import LEAST_SCALE, round_weight
from photocap.captioning.inference.graph import Graph

Weights = Mapping[str, NDArray[Any]]
Ranges = Mapping[str, tuple[float, float]]

_BATCH_NORM_EPSILON = 1e-5
_TRUNK = "encoder.trunk."
_STEM_PADDING = 3
_MOST_INT32 = 2**31 - 128  # as far as float32 goes without leaving int32


@dataclass(frozen=True)
class FoldedConvolution:
    """A convolution with the BatchNorm behind it folded in: weight (out, in, h, w), bias (out,)."""

    weight: NDArray[np.float32]
    bias: NDArray[np.float32]


def fold_batch_norm(weights: Weights, convolution: str, norm: str) -> FoldedConvolution:
    """Return a convolution that computes what convolution and BatchNorm (in eval mode) compute one after the other."""
    scale = weights[f"{norm}.weight"] / np.sqrt(weights[f"{norm}.running_var"] + _BATCH_NORM_EPSILON)
    weight = weights[f"{convolution}.weight"] * scale[:, None, None, None]
    bias = weights[f"{norm}.bias"] - weights[f"{norm}.running_mean"] * scale
    return FoldedConvolution(weight.astype(np.float32, copy=False), bias.astype(np.float32, copy=False))


@dataclass(kw_only=True)
class EncoderGraph:
    """Writes the encoder into a graph.

    Attributes:
        graph: the graph to write into.
        weights: the model's tensors by their names in the state dict, float32.
        config: the model's sizes and preprocessing.
        ranges: the least and the greatest value of each activation that is rounded to 8 bits; what takes it in
            computes in 8 bits.
        activations: the names of the values whose ranges matter, by the names that `ranges` uses; filled on the way.
    """

    graph: Graph
    weights: Weights
    config: ModelConfig
    ranges: Ranges | None = None
    activations: dict[str, str] = field(default_factory=dict)
    _scales: dict[str, float] = field(default_factory=dict)

    @property
    def _ranges(self) -> Ranges:
        return self.ranges or {}

    def build(self, squares: str) -> tuple[str, str]:
        """Add the encoder behind uint8 pixels (B, S, S, 3); return the grid (B, P, C) and the mean over it (B, C)."""
        g = self.graph
        stem = fold_batch_norm(self.weights, f"{_TRUNK}conv1", f"{_TRUNK}bn1")
        if "stem" not in self._ranges:
            x = self._convolution(self._normalised(squares), stem, stride=2, padding=_STEM_PADDING)
        else:
            std = np.array(self.config.image_std, np.float32)[:, None, None]
            pixels = FoldedConvolution(stem.weight / (255 * std), stem.bias)
            mean = 255 * np.array(self.config.image_mean, np.float32)
            x = self._convolution(self._padded(squares), pixels, stride=2, padding=0, input_mean=mean)
        x = self._activation("stem", g.node("Relu", x))
        x = g.node("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
        x = self._activation("stem", x)  # with the scale from before, so that the pooling stays in 8 bits
        for i, block in enumerate(self._blocks()):
            x = self._block(self._activation(f"{block}.in", x) if i else x, block)
        c = self.config.encoder_channels
        grid = g.node("Transpose", g.node("Reshape", x, g.constant([0, c, -1], "int64")), perm=[0, 2, 1])
        return grid, g.node("ReduceMean", grid, axes=[1], keepdims=0)

    def _normalised(self, squares: str) -> str:
        """Normalise RGB pixels and put channels first."""
        g = self.graph
        mean, std = np.array(self.config.image_mean), np.array(self.config.image_std)
        x = g.node("Transpose", g.node("Cast", squares, to=1), perm=[0, 3, 1, 2])
        x = g.node("Mul", x, g.constant((1 / (255 * std))[:, None, None]))
        return g.node("Sub", x, g.constant((mean / std)[:, None, None]))

    def _padded(self, squares: str) -> str:
        """Put channels first and a margin of the mean colour around: pixels are 8 bits already, nothing is rounded."""
        g = self.graph
        margin = g.constant([0, 0, _STEM_PADDING, _STEM_PADDING] * 2, "int64")
        channels = g.nodes("Split", [g.node("Transpose", squares, perm=[0, 3, 1, 2])], 3, axis=1)
        colours = [g.constant(round(255 * mean), "uint8") for mean in self.config.image_mean]
        padded = [g.node("Pad", channel, margin, colour) for channel, colour in zip(channels, colours, strict=True)]
        return self._dequantised(g.node("Concat", *padded, axis=1), 1.0, 0)

    def _blocks(self) -> list[str]:
        """Return the residual blocks' names in order, such as "layer2.0"."""
        found = {m[1] for name in self.weights if (m := re.match(rf"{re.escape(_TRUNK)}(layer\d\.\d+)\.", name))}
        return sorted(found, key=lambda name: [int(number) for number in re.findall(r"\d+", name)])

    def _block(self, x: str, block: str) -> str:
        """Add a residual block: two 3x3 convolutions, or 1x1, 3x3 and 1x1; the stride is the 3x3's (torchvision)."""
        g = self.graph
        convolutions = 3 if f"{_TRUNK}{block}.conv3.weight" in self.weights else 2
        stride = 2 if block.endswith(".0") and not block.startswith("layer1") else 1
        strided = 2 if convolutions == 3 else 1
        is_float = x not in self._scales
        y = x
        for i in range(1, convolutions + 1):
            folded = self._folded(f"{block}.conv{i}", f"{block}.bn{i}")
            y = self._convolution(y, folded, stride=stride if i == strided else 1)
            if i < convolutions:
                y = self._activation(f"{block}.conv{i}", g.node("Relu", y), was_float=is_float and i == 1)
        y = self._activation(f"{block}.conv{convolutions}", y)
        if f"{_TRUNK}{block}.downsample.0.weight" in self.weights:
            folded = self._folded(f"{block}.downsample.0", f"{block}.downsample.1")
            x = self._convolution(x, folded, stride=stride)
            x = self._activation(f"{block}.downsample", x, was_float=is_float)
        return g.node("Relu", g.node("Add", y, x))

    def _folded(self, convolution: str, norm: str) -> FoldedConvolution:
        return fold_batch_norm(self.weights, _TRUNK + convolution, _TRUNK + norm)

    def _convolution(
        self,
        x: str,
        folded: FoldedConvolution,
        *,
        stride: int,
        padding: int | None = None,
        input_mean: NDArray[np.float32] | None = None,
    ) -> str:
        """Add a convolution; `input_mean` is subtracted from each channel of its input."""
        g = self.graph
        side = folded.weight.shape[2]
        weight, bias = (
            (g.constant(folded.weight), g.constant(folded.bias))
            if x not in self._scales
            else self._in_8_bits(folded, self._scales[x], input_mean)
        )
        pads = [side // 2 if padding is None else padding] * 4
        return g.node("Conv", x, weight, bias, kernel_shape=[side, side], strides=[stride, stride], pads=pads)

    def _in_8_bits(
        self, folded: FoldedConvolution, input_scale: float, input_mean: NDArray[np.float32] | None
    ) -> tuple[str, str]:
        """Add a weight in 8 bits, symmetric, with one scale per output channel, and the bias as its sums have it.

        The input's mean is subtracted in the bias, by the rounded weights, so that their errors do not meet it.
        """
        g = self.graph
        weight, scale = round_weight(folded.weight)
        zeros = np.zeros(len(scale))
        in_sums = scale * np.float32(input_scale)
        bias = folded.bias
        if input_mean is not None:
            bias = bias - scale * (weight.sum(axis=(2, 3)) * input_mean).sum(axis=1)
        bias = np.clip(np.rint(bias / in_sums), -_MOST_INT32, _MOST_INT32)
        parts = ((weight, scale, "int8"), (bias, in_sums, "int32"))
        added = (
            g.node("DequantizeLinear", g.constant(x, kind), g.constant(by), g.constant(zeros, kind), axis=0)
            for x, by, kind in parts
        )
        return next(added), next(added)

    def _activation(self, name: str, value: str, *, was_float: bool = False) -> str:
        """Note an activation; in 8 bits, round it to them.

        Integer convolutions have channels last, and ONNX Runtime moves them there and back; where a convolution in
        float32 comes before (`was_float`), it does so at each of the next ones, unless it is done here once.
        """
        self.activations[name] = value
        if name not in self._ranges:
            return value
        low, high = min(self._ranges[name][0], 0.0), max(self._ranges[name][1], 0.0)
        scale = max(high - low, LEAST_SCALE) / 255
        zero = round(-low / scale)
        g = self.graph
        parameters = g.constant(scale), g.constant(zero, "uint8")
        if not was_float:
            return self._dequantised(g.node("QuantizeLinear", value, *parameters), scale, zero)
        last = g.node("Transpose", value, perm=[0, 2, 3, 1])
        rows = g.node("QuantizeLinear", g.node("Flatten", last, axis=3), *parameters)
        rounded = g.node("Reshape", rows, g.node("Shape", last))
        return self._dequantised(g.node("Transpose", rounded, perm=[0, 3, 1, 2]), scale, zero)

    def _dequantised(self, value: str, scale: float, zero: int) -> str:
        parameters = self.graph.constant(scale), self.graph.constant(zero, "uint8")
        name = self.graph.node("DequantizeLinear", value, *parameters)
        self._scales[name] = scale
        return name
