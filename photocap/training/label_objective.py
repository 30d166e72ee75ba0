"""What a model with a label head learns beside captions: labels, and sentences without pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from photocap.captioning.device import Engine
from photocap.captioning.labels import LabelSet, label_table, labels_in, with_broader
from photocap.captioning.network import CaptionModel, Features
from photocap.captioning.vocabulary import Vocabulary
from photocap.datasets.label_tables import COCO_LABELS, read_known_labels
from photocap.errors import TrainingError
from photocap.training.dataset import CaptionBatch, CaptionedPhoto
from photocap.training.features import Side
from photocap.training.label_targets import ImageNetTeacher, LabelTargets
from photocap.training.label_thresholds import between, dev_truth, fit_thresholds
from photocap.training.sentences import Sentences, sentence_loss

_COMMON_FROM = 15  # photos that must show a label for it to be learned
_LABEL_WEIGHT = 0.5  # beside the cross-entropy of the captions
_SENTENCE_WEIGHT = 0.15
_SENTENCES_PER_STEP = 12
_LEAST_SHARE = 2e-4
_BATCH = 256


@dataclass(frozen=True)
class LabelRequest:
    """What labels are learned from beside the nouns of the captions.

    Attributes:
        table: which of COCO's categories photos show; see `read_known_labels`.
        sentences: a text file with one sentence a line; None where the decoder learns from photos alone.
        teacher: a ResNet's weights in torchvision's layout, its classifier included; None where there is none.
    """

    table: Path
    sentences: Path | None = None
    teacher: Path | None = None


def learnable_labels(photos: Sequence[CaptionedPhoto], tables: Mapping[str, frozenset[str]]) -> tuple[str, ...]:
    """Return the labels that enough of the photos show, and all of those that a table is complete for."""
    seen: Counter[str] = Counter()
    for photo in photos:
        seen.update(with_broader(name for words in photo.captions for name in labels_in(words)))
    complete = frozenset[str]().union(*tables.values())
    return tuple(name for name in label_table() if seen[name] >= _COMMON_FROM or name in complete)


@dataclass(kw_only=True)
class LabelObjective:
    """The losses of labels and of sentences, and the thresholds of labels at the end of an epoch.

    Attributes:
        targets: which labels the training photos show.
        sentences: to learn without pictures; None where there are none.
        teacher: a classifier for what nobody names; None where there is none.
        truth: (n, L) which labels the dev photos show.
        known: (n, L) where that is known.
        names: the labels.
        complete: those of them that the table is complete for.
    """

    names: Sequence[str]
    complete: frozenset[str]
    targets: LabelTargets
    truth: np.ndarray
    known: np.ndarray
    sentences: Sentences | None = None
    teacher: ImageNetTeacher | None = field(default=None, repr=False)

    def loss(self, model: CaptionModel, features: Features, batch: CaptionBatch, generator: torch.Generator) -> Tensor:
        """Return what is added to a step's loss."""
        decoder = model.decoder
        assert decoder.labels is not None
        logits = decoder.labels(decoder.standardise(features.pooled))
        taught = None if self.teacher is None else self.teacher(features).to(logits.device)
        loss = _LABEL_WEIGHT * self.targets.loss(logits, batch.photos, taught)
        if self.sentences is None:
            return loss
        return loss + _SENTENCE_WEIGHT * sentence_loss(decoder, self.sentences, _SENTENCES_PER_STEP, generator)

    def start(self, model: CaptionModel) -> None:
        """Let a new label head begin with how common each label is: a bias moves slowly."""
        assert model.decoder.labels is not None
        common = (self.targets.targets * self.targets.weights).sum(dim=0) / self.targets.weights.sum(dim=0)
        common = common.clamp(_LEAST_SHARE, 0.5)
        with torch.no_grad():
            model.decoder.labels.linear.bias.copy_(torch.log(common / (1 - common)))
            model.decoder.labels.linear.weight.mul_(0.1)

    @torch.no_grad()
    def thresholds(self, model: CaptionModel, dev: Side, engine: Engine, parent: LabelSet | None) -> LabelSet:
        """Measure on dev from which probability each label is shown, and below which it is ruled out.

        Args:
            model: the model.
            dev: the photos that are kept back.
            engine: where it runs.
            parent: the thresholds that the model had before, which count until many photos say otherwise; None where
                it had none.
        """
        model.eval()
        found = []
        for batch in dev.captions.batches(_BATCH):
            with engine.autocast():
                found.append(model.decoder.label_probabilities(dev.features(batch, None)).float().cpu().numpy())
        rows = dev.captions.numbers.numpy()
        measured = fit_thresholds(self.names, np.concatenate(found), self.truth[rows], self.known[rows], self.complete)
        return between(parent, measured, len(rows)) if parent else measured


def prepare_label_objective(
    request: LabelRequest,
    photos: Mapping[str, Sequence[CaptionedPhoto]],
    labels: LabelSet,
    vocabulary: Vocabulary,
) -> LabelObjective:
    """Read what labels are learned from.

    Args:
        request: the files.
        photos: of both sides, "train" and "dev".
        labels: what the model's label head knows.
        vocabulary: its words.

    Raises:
        CaptionFileError: the table or the sentences cannot be used.
        TrainingError: the teacher cannot be read.
        CheckpointError: the teacher is no classifier of ImageNet.
    """
    tables = read_known_labels(request.table)
    truth, known = dev_truth(photos["dev"], labels.names, tables, COCO_LABELS)
    complete = frozenset[str]().union(*tables.values())
    return LabelObjective(
        names=labels.names,
        complete=complete,
        targets=LabelTargets(photos["train"], labels, tables, complete),
        truth=truth,
        known=known,
        sentences=Sentences.read(request.sentences, labels, vocabulary) if request.sentences else None,
        teacher=_read_teacher(request.teacher, labels) if request.teacher else None,
    )


def _read_teacher(path: Path, labels: LabelSet) -> ImageNetTeacher:
    try:
        return ImageNetTeacher(load_file(path), labels, path)
    except (SafetensorError, OSError) as error:
        raise TrainingError(f"{path}: is no safetensors file: {str(error).splitlines()[0]}") from error
