"""The whole network. Letters as in `model`."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from photocap.config import ModelConfig
from photocap.model.decoder import Decoder
from photocap.model.encoder import Encoder
from photocap.model.generation import Generated, beam_search
from photocap.model.joint import JointEmbedding


class CaptionModel(nn.Module):
    """Pictures in, sentences out."""

    def __init__(
        self,
        config: ModelConfig,
        vocabulary_size: int,
        word_dropout: float = 0.0,
        feature_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.decoder = Decoder(config, vocabulary_size, word_dropout, feature_dropout)
        self.joint = JointEmbedding(config, vocabulary_size, feature_dropout) if config.joint_size else None

    def forward(self, pixels: Tensor, tokens: Tensor, lengths: Tensor, counts: Tensor) -> Tensor:
        """Return logits (N, T, V) for normalised pixels (B, 3, 224, 224); the rest as in `Decoder.forward`."""
        logits: Tensor = self.decoder(self.encoder(pixels), tokens, lengths, counts)
        return logits

    @torch.no_grad()
    def generate(
        self, pixels: Tensor, beam_size: int | None = None, moved_to: Tensor | None = None
    ) -> tuple[Generated, Tensor | None]:
        """Caption normalised pixels (B, 3, 224, 224); also their places in the joint space (B, S), if there is one."""
        features = self.encoder(pixels)
        place = self.joint.embed_images(self.decoder.standardise(features.pooled)) if self.joint else None
        return beam_search(self.decoder, features, beam_size or self.config.beam_size, moved_to), place
