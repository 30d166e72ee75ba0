"""The whole network. Letters as in `model`."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from photocap.captioning.config import ModelConfig
from photocap.captioning.network.beam_search import BeamSearchOutput, beam_search
from photocap.captioning.network.decoder import Decoder
from photocap.captioning.network.encoder import Encoder, Features
from photocap.captioning.network.joint import JointEmbedding


@dataclass(frozen=True)
class CaptionOutput(BeamSearchOutput):
    """What a model has to say of a batch of photos: its sentences, and where they and the photos lie.

    Attributes:
        places: (B, S) the photos' places in the joint space, unit length; None where the model has no such space.
        likeness: (B,) cosine of sentence and photo in the joint space; 0 where the model has none.
    """

    places: Tensor | None
    likeness: Tensor


class CaptionModel(nn.Module):
    """Pictures in, sentences out."""

    def __init__(
        self,
        config: ModelConfig,
        vocabulary_size: int,
        word_dropout: float = 0.0,
        feature_dropout: float = 0.0,
        slot_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.decoder = Decoder(config, vocabulary_size, word_dropout, feature_dropout, slot_dropout)
        self.joint = JointEmbedding(config, vocabulary_size, feature_dropout) if config.joint_size else None
        self.names: nn.Linear | None = None
        if config.name_count:
            self.names = nn.Linear(config.encoder_channels, config.name_count).requires_grad_(False)

    def forward(self, pixels: Tensor, tokens: Tensor, lengths: Tensor, counts: Tensor) -> Tensor:
        """Return logits (N, T, V) for normalised pixels (B, 3, S, S); the rest as in `Decoder.forward`."""
        logits: Tensor = self.decoder(self.encoder(pixels), tokens, lengths, counts)
        return logits

    @torch.no_grad()
    def see(self, pixels: Tensor) -> Features:
        """Encode normalised pixels (B, 3, S, S), labels included where the model has a label head."""
        features: Features = self.encoder(pixels)
        if self.decoder.labels is None:
            return features
        return replace(features, labels=self.decoder.label_probabilities(features))

    @torch.no_grad()
    def generate(self, pixels: Tensor, beam_size: int | None = None, token_map: Tensor | None = None) -> CaptionOutput:
        """Caption normalised pixels (B, 3, S, S); the rest as in `beam_search`, the beam by default its own."""
        return self.caption(self.see(pixels), beam_size, token_map)

    @torch.no_grad()
    def caption(
        self,
        features: Features,
        beam_size: int | None = None,
        token_map: Tensor | None = None,
        *,
        word_bias: Tensor | None = None,
        demanded: Tensor | None = None,
    ) -> CaptionOutput:
        """Caption photos by their features, as `generate` does."""
        found = beam_search(
            self.decoder,
            features,
            beam_size or self.config.beam_size,
            token_map,
            word_bias=word_bias,
            demanded=demanded,
        )
        parts = found.tokens, found.mean_log_prob, found.log_probs
        places = self.place(features)
        if self.joint is None or places is None:
            return CaptionOutput(*parts, None, torch.zeros_like(found.mean_log_prob))
        return CaptionOutput(*parts, places, self.joint.likeness(places, found.tokens))

    def learn_names(self, weight: Tensor, bias: Tensor) -> None:
        """Put a name head of weights (N, C) and biases (N,) in the place of the model's; none where N is 0."""
        self.config = replace(self.config, name_count=len(bias))
        self.names = nn.Linear(self.config.encoder_channels, len(bias)).requires_grad_(False) if len(bias) else None
        if self.names is not None:
            self.names.load_state_dict({"weight": weight, "bias": bias})
            self.names.to(self.decoder.bias.device)

    @torch.no_grad()
    def recognise(self, features: Features) -> Tensor | None:
        """Return the probability (B, N) that the bearer of each name is there; None where the model has no names."""
        if self.names is None:
            return None
        logits: Tensor = self.names(F.normalize(self.decoder.standardise(features.pooled), dim=1))
        return logits.float().sigmoid()

    @torch.no_grad()
    def place(self, features: Features) -> Tensor | None:
        """Return the photos' places (B, S) in the joint space; None where the model has none."""
        return None if self.joint is None else self.joint.embed_images(self.decoder.standardise(features.pooled))
