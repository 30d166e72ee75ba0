"""The encoder: one of torchvision's networks without its classifier. Letters as in `model`."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torchvision.models import get_model

from photocap.captioning.config import ModelConfig
from photocap.captioning.encoders import ENCODERS

STAGES = 5
STRIDE = 32  # pixels of the picture for one place of the grid, along each side


@dataclass(frozen=True)
class Features:
    """What the encoder sees in a batch of photos.

    Attributes:
        grid: (B, P, D) reduced features of the places of the grid, row by row.
        pooled: (B, C) global feature, the mean over the places.
        labels: (B, L) probabilities of labels that are known; None leaves them to the model's label head.
    """

    grid: Tensor
    pooled: Tensor
    labels: Tensor | None = None


class Encoder(nn.Module):
    """One of torchvision's networks without its classifier, and the linear reduction of its grid."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        trunk = get_model(config.encoder, weights=None)
        for name in ("fc", "classifier"):
            if hasattr(trunk, name):
                setattr(trunk, name, nn.Identity())
        self.trunk = trunk.eval()  # modules start in training mode; BatchNorm must never be in it
        self.reduce = nn.Linear(config.encoder_channels, config.feature_size)
        self.parts = ENCODERS[config.encoder].parts
        self.is_densenet = config.encoder.startswith("densenet")
        self.frozen = True

    def stages(self) -> list[nn.Module]:
        """Return the trunk's five parts in order, stem first."""
        t = self.trunk
        if self.parts == "resnet":
            stem = nn.Sequential(t.conv1, t.bn1, t.relu, t.maxpool)
            return [stem, t.layer1, t.layer2, t.layer3, t.layer4]
        blocks = [*t.features, *([nn.ReLU()] if self.is_densenet else [])]  # torchvision's is in `forward`
        return [
            nn.Sequential(*blocks[len(blocks) * i // STAGES : len(blocks) * (i + 1) // STAGES]) for i in range(STAGES)
        ]

    def unfreeze(self, stages: int) -> None:
        """Let the last `stages` of the five stages (and the reduction, if any) learn; 0 freezes all."""
        self.frozen = stages == 0
        parts = self.stages()
        for i, part in enumerate(parts):
            part.requires_grad_(i >= len(parts) - stages)
        self.reduce.requires_grad_(stages > 0)

    def train(self, mode: bool = True) -> Encoder:
        """Set the mode; BatchNorm keeps its ImageNet statistics and always runs in eval mode."""
        super().train(mode)
        self.trunk.eval()
        return self

    def grid_features(self, pixels: Tensor) -> Tensor:
        """Return the trunk's last feature map for normalised pixels (B, 3, S, S) as (B, P, C)."""
        return self._last_stage(self.before_last_stage(pixels))

    def before_last_stage(self, pixels: Tensor) -> Tensor:
        """Return the activations that the last stage starts from, of a ResNet (B, C/2, S/16, S/16)."""
        x = pixels
        for stage in self.stages()[:-1]:
            x = stage(x)
        return x

    def _last_stage(self, activations: Tensor) -> Tensor:
        x: Tensor = self.stages()[-1](activations)
        return x.flatten(2).transpose(1, 2)  # (B, C, h, w) -> (B, P, C)

    def finish(self, activations: Tensor) -> Features:
        """Encode from the activations before the last stage; gradients as in `forward`."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            grid = self._last_stage(activations)
            return Features(self.reduce(grid), grid.mean(dim=1))

    def forward(self, pixels: Tensor) -> Features:
        """Encode normalised pixels (B, 3, S, S); gradients only where something learns."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            return self.finish(self.before_last_stage(pixels))
