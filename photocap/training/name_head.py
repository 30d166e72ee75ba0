"""Fit a model's name head to the photos whose captions say a name.

A name is learned from some ten photos, too few for training by gradients. The head is fitted at once: regularised
least squares on the direction of the standardised global feature (Rifkin et al. 2003), which gives the scores of each
photo by a head that has not seen it, too. There is no bias: a score of 0 belongs to the average of the photos that the
model was trained on, so that these speak against each name though none of them is at hand. So do the label head's
directions: each stands for photos of something, and those of what no bearer of a name is shown with count as photos of
nobody.

Letters: n photos, N names, C channels, m labels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from photocap.captioning.confidence import Platt, fit_platt
from photocap.captioning.name_rules import LEAST_NEEDED
from photocap.captioning.names import NameSet
from photocap.captioning.network import CaptionModel
from photocap.captioning.vocabulary import Vocabulary
from photocap.training.checkpoints import Heads
from photocap.training.dataset import CaptionedPhoto
from photocap.training.features import Side

_BATCH = 32
_MOST_NAMES, _MOST_PHOTOS, _MOST_PHOTOS_OF_A_NAME = 500, 3000, 100
_PENALTY = 0.15
# The share of photos that may get a wrong name (those that nobody captioned get one up to twice as often), and the
# least score. Among photos of few other names, or of none, there is little that a bearer is easily taken for.
_WRONG, _LEAST_SCORE = 0.0175, 0.4
_WRONG_WITHOUT_NOBODY, _LEAST_SCORE_WITHOUT_NOBODY, _ENOUGH_OF_NOBODY = 0.03, 0.5, 30
_WORST_SCORE = -1.0
_NEVER = 2.0  # a probability that no photo reaches
_LABEL_WEIGHT, _SHOWN_FROM = 0.7, 0.2
_NEEDED_FROM, _MOST_NEEDED = 0.8, 8  # mean probability of a label that a name needs, and how many of them
_MOST_WORDS_THAT_ARE_NAMES, _FEW_NAMES, _OFTEN = 0.35, 10, 5

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class NameObjective:
    """What a name head learns.

    Attributes:
        words: the names as the tokeniser has them.
        photos: numbers of the photos to learn from, in their data set.
        bearers: (n, N) whether the captions of each of these photos say each name.
    """

    words: tuple[str, ...]
    photos: tuple[int, ...]
    bearers: NDArray[np.bool_]

    def fit(self, model: CaptionModel, heads: Heads, side: Side, check: Callable[[], object]) -> NameSet:
        """Fit the name head in place; names that it knew and that are not to be learned stay.

        Args:
            model: the model.
            heads: what its heads know.
            side: the photos.
            check: called now and then; what it raises ends the work.
        """
        usable, directions, labels = self._look(model, side, check)
        bearers = self.bearers[usable].astype(np.float64)
        needs = needed_labels(labels, bearers)
        ruled_out = (labels < LEAST_NEEDED).astype(np.float64) @ needs.T > 0  # (n, N)
        weights, platt, limit = fit_names(directions, bearers, _other_things(model, labels, bearers), ruled_out)
        names = heads.labels.names if heads.labels else ()
        found = NameSet(
            self.words,
            (limit,) * len(self.words),
            tuple(tuple(names[i] for i in np.flatnonzero(row)) for row in needs),
        )
        weight = torch.from_numpy(weights * platt.scales[0]).float()
        return _beside_known(model, heads.recognised, found, weight, torch.full((len(weight),), platt.offset))

    @torch.no_grad()
    def _look(
        self, model: CaptionModel, side: Side, check: Callable[[], object]
    ) -> tuple[NDArray[np.bool_], Floats, Floats]:
        """Return which photos can be read, and of these the features' directions (n, C) and the labels (n, m)."""
        readable = frozenset(side.captions.numbers.tolist())
        usable = np.array([number in readable for number in self.photos])
        numbers = torch.tensor(self.photos)[torch.from_numpy(usable)]
        rows: list[Tensor] = []
        labels: list[Tensor] = []
        for chosen in torch.split(numbers, _BATCH):
            check()
            batch = side.captions.collate(chosen, torch.zeros(len(chosen), dtype=torch.bool))
            features = side.features(batch, None)
            rows.append(F.normalize(model.decoder.standardise(features.pooled), dim=1).cpu())
            if model.decoder.labels is not None:
                labels.append(model.decoder.label_probabilities(features).float().cpu())
        seen = torch.cat(labels) if labels else torch.zeros(len(numbers), 0)
        return usable, torch.cat(rows).double().numpy(), seen.double().numpy()


def _beside_known(
    model: CaptionModel, known: NameSet | None, learned: NameSet, weight: Tensor, bias: Tensor
) -> NameSet:
    """Put weights (N, C) and biases (N,) of learned names into a model, behind those of others that it knows."""
    if known is None or model.names is None:
        model.learn_names(weight, bias)
        return learned
    kept = [i for i, word in enumerate(known.words) if word not in learned.words]
    weight = torch.cat([model.names.weight[kept].cpu(), weight])
    model.learn_names(weight, torch.cat([model.names.bias[kept].cpu(), bias]))
    needs = known.needs or ((),) * len(known.words)
    return NameSet(
        (*(known.words[i] for i in kept), *learned.words),
        (*(known.said_from[i] for i in kept), *learned.said_from),
        (*(needs[i] for i in kept), *learned.needs),
    )


def needed_labels(labels: Floats, bearers: Floats) -> NDArray[np.bool_]:
    """Return which labels each name's bearer is always shown with (N, m), for label probabilities (n, m)."""
    with_bearers = (bearers.T @ labels) / np.maximum(bearers.sum(axis=0), 1)[:, None]
    needed: NDArray[np.bool_] = with_bearers >= _NEEDED_FROM
    if needed.shape[1] > _MOST_NEEDED:
        needed &= with_bearers >= np.sort(with_bearers, axis=1)[:, -_MOST_NEEDED, None]
    return needed


def _other_things(model: CaptionModel, labels: Floats, bearers: Floats) -> Floats:
    """Return the directions (m, C) of labels that no name's bearer is shown with, for label probabilities (n, m)."""
    if model.decoder.labels is None:
        return np.zeros((0, model.config.encoder_channels))
    with_bearers = (bearers.T @ labels) / np.maximum(bearers.sum(axis=0), 1)[:, None]  # (N, m)
    weight = F.normalize(model.decoder.labels.linear.weight.detach().float().cpu(), dim=1).double().numpy()
    others: Floats = _LABEL_WEIGHT * weight[with_bearers.max(axis=0) < _SHOWN_FROM]
    return others


def fit_names(
    directions: Floats, bearers: Floats, others: Floats, ruled_out: NDArray[np.bool_]
) -> tuple[Floats, Platt, float]:
    """Return weights (N, C), how a score becomes a probability, and the probability from which a name is said.

    Args:
        directions: (n, C) unit vectors.
        bearers: (n, N) 1 where a photo shows the name's bearer, else 0.
        others: (m, C) directions of what is nobody's.
        ruled_out: (n, N) whether a photo lacks a label that the name needs: it is not said there whatever its score.
    """
    rows = np.concatenate([directions, others])
    inverse = np.linalg.inv(rows @ rows.T + _PENALTY * np.eye(len(rows)))
    dual = inverse[:, : len(bearers)] @ bearers
    held_out = dual[: len(bearers)] / np.diag(inverse)[: len(bearers), None]
    unseen = bearers - held_out  # the score of each photo by a head without it (Rifkin & Lippert 2007)
    platt = fit_platt(unseen[~ruled_out].reshape(-1, 1), (bearers[~ruled_out] > 0).tolist())
    limit = platt(_least_score(unseen, bearers, ruled_out)) if platt.scales[0] > 0 else _NEVER
    return dual.T @ rows, platt, limit


def _least_score(unseen: Floats, bearers: Floats, ruled_out: NDArray[np.bool_]) -> float:
    """Return the score from which on a name is wrong on few enough photos."""
    wrong = np.where(bearers > 0, -np.inf, np.where(ruled_out, _WORST_SCORE, unseen)).max(axis=1)
    wrong = wrong[np.isfinite(wrong)]
    knows_nobody = (bearers.sum(axis=1) == 0).sum() >= _ENOUGH_OF_NOBODY
    share, least = (_WRONG, _LEAST_SCORE) if knows_nobody else (_WRONG_WITHOUT_NOBODY, _LEAST_SCORE_WITHOUT_NOBODY)
    return max(float(np.quantile(wrong, 1 - share)), least) if len(wrong) else least


def prepare_names(
    photos: Sequence[CaptionedPhoto], names: Mapping[str, str], vocabulary: Vocabulary
) -> NameObjective | None:
    """Return what a name head is to learn; None where no captions name anybody, or where all nouns have capitals.

    Args:
        photos: the photos to learn from.
        names: words that are names, each with its spelling.
        vocabulary: the model's words.
    """
    said = [frozenset(word for caption in photo.captions for word in caption) for photo in photos]
    counts = Counter(word for words in said for word in words)
    words = sorted((n for n in names if counts[n] > 1 and n in vocabulary), key=lambda n: (-counts[n], n))[:_MOST_NAMES]
    if not words or _are_nouns(words, counts):
        return None
    chosen = _chosen_photos(said, words)
    bearers = np.array([[word in said[photo] for word in words] for photo in chosen])
    return NameObjective(tuple(words), tuple(chosen), bearers)


def _are_nouns(words: Collection[str], counts: Mapping[str, int]) -> bool:
    """Return whether so many words have capitals that they are nouns, as in German."""
    often = [word for word, count in counts.items() if count >= _OFTEN]
    return len(frozenset(often).intersection(words)) > max(_MOST_WORDS_THAT_ARE_NAMES * len(often), _FEW_NAMES)


def _chosen_photos(said: Sequence[Collection[str]], words: Sequence[str]) -> list[int]:
    """Return enough photos of each name, and as many of nobody as there is room for, all evenly spread."""
    with_name = {word: [i for i, each in enumerate(said) if word in each] for word in words}
    chosen = {i for photos in with_name.values() for i in _spread(photos, _MOST_PHOTOS_OF_A_NAME)}
    nobody = [i for i, each in enumerate(said) if not any(word in each for word in words)]
    return sorted(chosen.union(_spread(nobody, max(_MOST_PHOTOS - len(chosen), 0))))


def _spread(numbers: Sequence[int], most: int) -> list[int]:
    step = max(len(numbers) / most, 1.0) if most else 1.0
    return [numbers[int(i * step)] for i in range(min(len(numbers), most))]
