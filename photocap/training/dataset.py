"""Captioned photos as training data: one caption is one sample, a photo's captions travel together.

Dimension letters as in `model`: B photos, N captions, T tokens.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from photocap.captioning.network import STRIDE
from photocap.captioning.vocabulary import END, PAD, START, Vocabulary
from photocap.datasets import CaptionRow, Problem
from photocap.errors import PhotocapError
from photocap.tokenizer import tokenize

_CROPPED_SIDE = 6 / 7  # rounded to whole places of the grid: 192 of 224 px, 224 of 256
_MIRRORED = {"left": "right", "right": "left"}


@dataclass(frozen=True)
class CaptionedPhoto:
    """A photo and what people wrote about it: `captions` are tokenised, `texts` as they were written."""

    path: Path
    captions: tuple[tuple[str, ...], ...]
    texts: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CaptionBatch:
    """The captions of B photos.

    Attributes:
        photos: (B,) the photos' numbers in their data set.
        tokens: (N, T) ids with `<start>` first: what the decoder is fed.
        targets: (N, T) the id after each token, `<end>` last, padded: what it should answer.
        lengths: (N,) real tokens in each row.
        counts: (B,) captions of each photo.
        mirrored: (B,) whether "left" and "right" were swapped.
    """

    photos: Tensor
    tokens: Tensor
    targets: Tensor
    lengths: Tensor
    counts: Tensor
    mirrored: Tensor


def group_by_photo(rows: Iterable[CaptionRow], folders: Sequence[Path]) -> tuple[list[CaptionedPhoto], list[Problem]]:
    """Gather the captions of each photo; a photo is looked for in each folder in turn.

    Returns:
        The photos in the order of their first row, and a problem for each row without a photo or without words.
    """
    captions: dict[Path, list[tuple[tuple[str, ...], str]]] = {}
    problems = []
    found: dict[str, Path | None] = {}
    for row in rows:
        if row.image not in found:
            found[row.image] = next((f / row.image for f in folders if (f / row.image).is_file()), None)
        path, words = found[row.image], tuple(tokenize(row.caption))
        if path is None:
            problems.append(Problem(row.line, f"{row.image} is not in {', '.join(map(str, folders))}"))
        elif not words:
            problems.append(Problem(row.line, f"the caption of {row.image} has no words"))
        else:
            captions.setdefault(path, []).append((words, row.caption))
    return [CaptionedPhoto(path, *zip(*said, strict=True)) for path, said in captions.items()], problems


class CaptionDataset:
    """Photos with their captions as ids, served in batches.

    Args:
        photos: the photos.
        vocabulary: the words the model knows.
        max_words: longer captions are cut, and then have no `<end>`.
        unusable: numbers of photos that are left out of every batch.
    """

    def __init__(
        self,
        photos: Sequence[CaptionedPhoto],
        vocabulary: Vocabulary,
        max_words: int,
        unusable: Iterable[int] = (),
    ) -> None:
        self.photos = list(photos)
        self.vocabulary = vocabulary
        self.max_words = max_words
        left_out = set(unusable)
        self.numbers = torch.tensor([i for i in range(len(self.photos)) if i not in left_out], dtype=torch.long)

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def references(self) -> list[tuple[tuple[str, ...], ...]]:
        """Return the tokens of each photo's captions, in the order in which unshuffled batches bring them."""
        return [self.photos[i].captions for i in self.numbers.tolist()]

    def batches(self, size: int, *, shuffle_seed: int | None = None, mirror: bool = False) -> Iterator[CaptionBatch]:
        """Yield batches of `size` photos; the same seed gives the same order and the same mirrored photos."""
        order, flips = self.numbers, torch.zeros(len(self), dtype=torch.bool)
        if shuffle_seed is not None:
            generator = torch.Generator().manual_seed(shuffle_seed)
            order = order[torch.randperm(len(self), generator=generator)]
            if mirror:
                flips = torch.rand(len(self), generator=generator) < 0.5
        for start in range(0, len(self), size):
            chosen = order[start : start + size]
            yield self.collate(chosen, flips[start : start + size])

    def collate(self, chosen: Tensor, mirrored: Tensor) -> CaptionBatch:
        """Return the captions of the chosen photos (B,) as a batch, those of mirrored ones (B,) turned round."""
        captions, counts = [], []
        for number, flip in zip(chosen.tolist(), mirrored.tolist(), strict=True):
            texts = self.photos[number].captions
            captions += [mirror_words(words) if flip else words for words in texts]
            counts.append(len(texts))
        tokens, targets, lengths = collate_captions(captions, self.vocabulary, self.max_words)
        return CaptionBatch(
            photos=chosen,
            tokens=tokens,
            targets=targets,
            lengths=lengths,
            counts=torch.tensor(counts),
            mirrored=mirrored,
        )


def mirror_words(words: Iterable[str]) -> tuple[str, ...]:
    """Swap "left" and "right": what is true of a photo is then true of its mirror image."""
    return tuple(_MIRRORED.get(word, word) for word in words)


def collate_captions(
    captions: Sequence[Sequence[str]], vocabulary: Vocabulary, max_words: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Return tokens (N, T), targets (N, T), both padded, and lengths (N,)."""
    sequences = []
    for words in captions:
        ids = [START, *vocabulary.encode(words[:max_words])]
        sequences.append([*ids, END] if len(words) <= max_words else ids)
    longest = max(len(ids) for ids in sequences)
    padded = torch.tensor([ids + [PAD] * (longest - len(ids)) for ids in sequences])
    lengths = torch.tensor([len(ids) - 1 for ids in sequences])
    return padded[:, :-1], padded[:, 1:], lengths


def augment(pixels: Tensor, mirrored: Tensor, generator: torch.Generator) -> Tensor:
    """Crop, mirror and re-light pixels (B, 3, S, S): each side keeps 75 to 100 % of the picture.

    The crops come back smaller by as much as they lack on average, so that things keep the size that they
    will have in whole pictures (Touvron et al. 2019), and a step costs a third less.

    Args:
        pixels: normalised pixels.
        mirrored: (B,) which photos to mirror.
        generator: where the chance comes from.
    """
    size, side = pixels.shape[0], round(pixels.shape[2] * _CROPPED_SIDE / STRIDE) * STRIDE
    scale = torch.empty(size, 2).uniform_(0.75, 1.0, generator=generator)
    shift = torch.empty(size, 2).uniform_(-1.0, 1.0, generator=generator) * (1.0 - scale)
    theta = torch.zeros(size, 2, 3)
    theta[:, 0, 0] = torch.where(mirrored, -scale[:, 0], scale[:, 0])
    theta[:, 1, 1] = scale[:, 1]
    theta[:, :, 2] = shift
    contrast = torch.empty(size, 1, 1, 1).uniform_(0.85, 1.15, generator=generator).to(pixels.device)
    light = torch.empty(size, 1, 1, 1).uniform_(-0.3, 0.3, generator=generator).to(pixels.device)
    grid = F.affine_grid(theta, [size, 3, side, side], align_corners=False).to(pixels.device)
    return F.grid_sample(pixels, grid, padding_mode="reflection", align_corners=False) * contrast + light


def reserve(file: Path, size_bytes: int) -> None:
    """Create a file of a size whose blocks are really there: a full disk is an error now, not a crash later.

    Raises:
        PhotocapError: there is not that much room.
    """
    try:
        with open(file, "wb") as handle:
            if hasattr(os, "posix_fallocate") and size_bytes:
                os.posix_fallocate(handle.fileno(), 0, size_bytes)
            else:
                handle.truncate(size_bytes)
    except OSError as error:
        file.unlink(missing_ok=True)
        raise PhotocapError(
            f"{file}: no room for {size_bytes / 1e6:,.0f} MB of training data: {error.strerror} "
            "(give --output elsewhere)"
        ) from error
