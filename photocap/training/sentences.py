"""Sentences without pictures: the decoder learns to say what labels name, its grid masked.

So it meets things of which there is no captioned photo.
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from photocap.captioning.labels import LabelSet, broader_labels, labels_in
from photocap.captioning.network import Decoder, Features
from photocap.captioning.vocabulary import PAD, UNK, Vocabulary
from photocap.errors import CaptionFileError
from photocap.tokenizer import tokenize
from photocap.training.dataset import collate_captions

_KEPT = 0.85  # share of a sentence's labels that the decoder gets
_MOST_NOISE = 3  # labels that have nothing to do with the sentence
_MIN_WORDS, _MAX_WORDS = 4, 18


class Sentences:
    """Sentences as training data, each with the labels that it names.

    Args:
        lines: the sentences; those with unknown words, too short or too long ones are left out.
        labels: the labels of the model.
        vocabulary: its words.
    """

    def __init__(self, lines: list[str], labels: LabelSet, vocabulary: Vocabulary) -> None:
        self.labels, self.vocabulary = labels, vocabulary
        self._number = {name: i for i, name in enumerate(labels.names)}
        sentences = [tuple(tokenize(line)) for line in lines]
        self.sentences = [
            s for s in sentences if _MIN_WORDS <= len(s) <= _MAX_WORDS and UNK not in vocabulary.encode(s)
        ]

    @classmethod
    def read(cls, path: Path, labels: LabelSet, vocabulary: Vocabulary) -> Sentences:
        """Read a text file with one sentence a line.

        Raises:
            CaptionFileError: it cannot be read, or no sentence of it can be used.
        """
        try:
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError as error:
            raise CaptionFileError(path, f"cannot be read: {error.strerror}") from error
        found = cls(lines, labels, vocabulary)
        if not found.sentences:
            raise CaptionFileError(path, "holds no sentence of known words", "one sentence a line is expected")
        return found

    def draw(self, count: int, generator: torch.Generator) -> tuple[list[tuple[str, ...]], Tensor]:
        """Draw sentences, and for each label probabilities (count, L) as a label head might give them."""
        chosen = torch.randint(len(self.sentences), (count,), generator=generator).tolist()
        drawn = [self.sentences[i] for i in chosen]
        return drawn, torch.stack([self._probabilities(words, generator) for words in drawn])

    def _probabilities(self, words: tuple[str, ...], generator: torch.Generator) -> Tensor:
        """Give a sentence's labels and those above them high values, less some, and a few others low ones."""
        named = labels_in(words)
        every = named.union(*(broader_labels(name) for name in named))
        numbers = sorted(self._number[name] for name in every if name in self._number)
        found = torch.zeros(len(self._number))
        noise = torch.randint(len(self._number), (_MOST_NOISE,), generator=generator)
        found[noise] = 0.3 * torch.rand(_MOST_NOISE, generator=generator)
        told = torch.rand(len(numbers), generator=generator) < _KEPT
        values = 0.3 + 0.7 * torch.rand(len(numbers), generator=generator)
        found[numbers] = torch.where(told, values, found[numbers])
        return found


def masked_grid_features(decoder: Decoder, labels: Tensor, places: int) -> Features:
    """Return what the decoder sees where there is no picture: an empty grid, the average photo, and labels (N, L)."""
    grid = labels.new_zeros(len(labels), places, decoder.config.feature_size)
    return Features(grid, decoder.pooled_mean.expand(len(labels), -1), labels)


def sentence_loss(
    decoder: Decoder, source: Sentences, count: int, generator: torch.Generator, label_smoothing: float = 0.0
) -> Tensor:
    """Return the mean cross-entropy of drawn sentences, generated from their labels alone."""
    device = decoder.pooled_mean.device
    drawn, labels = source.draw(count, generator)
    tokens, targets, lengths = collate_captions(drawn, source.vocabulary, decoder.config.max_words)
    features = masked_grid_features(decoder, labels.to(device), places=decoder.config.grid_places)
    logits = decoder(features, tokens.to(device), lengths, torch.ones(count, dtype=torch.long, device=device))
    return F.cross_entropy(
        logits.float().flatten(0, 1),
        targets.to(device).flatten(),
        ignore_index=PAD,
        label_smoothing=label_smoothing,
    )
