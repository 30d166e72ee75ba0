"""The encoders of torchvision that a model may have: one table, read without torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

EncoderName = Literal[
    "resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "wide_resnet50_2", "wide_resnet101_2",
    "resnext50_32x4d", "resnext101_32x8d", "vgg16", "densenet121", "densenet201",
    "mobilenet_v2", "mobilenet_v3_large", "efficientnet_b0", "efficientnet_v2_s", "convnext_tiny",
]  # fmt: skip
"""Those whose last feature map has one place for 32x32 pixels: a grid of 7x7 at 224 px."""


@dataclass(frozen=True)
class EncoderEntry:
    """What has to be known of an encoder.

    Attributes:
        channels: of its last feature map.
        parts: how it is built: a ResNet's `layer1` to `layer4`, or one list of `features`.
        in_onnx: whether there is a graph for ONNX Runtime; else PyTorch runs it.
    """

    channels: int
    parts: Literal["resnet", "features"] = "features"
    in_onnx: bool = False


ENCODERS: Mapping[str, EncoderEntry] = {
    "resnet18": EncoderEntry(512, "resnet", in_onnx=True),
    "resnet34": EncoderEntry(512, "resnet", in_onnx=True),
    **{
        name: EncoderEntry(2048, "resnet", in_onnx=True)
        for name in ("resnet50", "resnet101", "resnet152", "wide_resnet50_2", "wide_resnet101_2")
    },
    "resnext50_32x4d": EncoderEntry(2048, "resnet"),
    "resnext101_32x8d": EncoderEntry(2048, "resnet"),
    "vgg16": EncoderEntry(512),
    "densenet121": EncoderEntry(1024),
    "densenet201": EncoderEntry(1920),
    "mobilenet_v2": EncoderEntry(1280),
    "mobilenet_v3_large": EncoderEntry(960),
    "efficientnet_b0": EncoderEntry(1280),
    "efficientnet_v2_s": EncoderEntry(1280),
    "convnext_tiny": EncoderEntry(768),
}

assert set(ENCODERS) == set(get_args(EncoderName))
