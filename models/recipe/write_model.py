"""Fit the thresholds of labels and the confidence of sentences on both dev sets, and write the model folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from dataset import Data, coco_first, open_data, start_model
from fit_prototypes import with_prototypes
from numpy.typing import NDArray

from photocap.captioning.checkpoint import Checkpoint, save_checkpoint
from photocap.captioning.confidence import RIGHT_CIDER_D, fit_platt
from photocap.captioning.config import ModelConfig
from photocap.captioning.engine_choice import load_engine
from photocap.captioning.evidence import evidence
from photocap.captioning.labels import LabelSet
from photocap.captioning.model_files import read_model_info
from photocap.captioning.network import CaptionModel
from photocap.captioning.rules import LabelRules
from photocap.captioning.vocabulary import Vocabulary
from photocap.datasets.label_tables import COCO_LABELS
from photocap.metrics import cider_d
from photocap.training.label_thresholds import dev_truth, fit_thresholds

_BATCH = 16
_PLAIN_BELOW = 0.4
_LENGTH_PENALTY = 1.8


def main() -> None:
    """Write WORK/photocap-base."""
    data = open_data()
    start, model = _read_model(data)
    labels = _fitted_labels(data, start, model)
    training = {
        "recipe": "models/recipe",
        "photos": {"train": len(data.train), "dev": len(data.dev)},
        "captions": {"train": sum(len(data.captions(photo)) for photo in data.train)},
        "sentences_without_pictures": data.sentences.name,
    }
    folder = data.work / "photocap-base"
    config = replace(model.config, length_penalty=_LENGTH_PENALTY)
    _save(folder, model, config, start, labels, training)
    squares = data.squares(data.dev, "dev", model.config.image_size_px)
    config = replace(
        config,
        confidence=_fit_confidence(data, folder, squares, neutral_people=False),
        neutral_confidence=_fit_confidence(data, folder, squares, neutral_people=True),
        plain_below=_PLAIN_BELOW,
    )
    _save(folder, model, config, start, labels, training)


def _read_model(data: Data) -> tuple[Checkpoint, CaptionModel]:
    start, _ = start_model()
    state = torch.load(data.work / "compared.pt", weights_only=True)
    labels, photos = state["decoder.labels.prototypes.weight"].shape
    model = CaptionModel(with_prototypes(start.info.config, photos, labels), len(start.vocabulary))
    model.load_state_dict(state)
    return start, model.eval()


def _save(
    folder: Path,
    model: CaptionModel,
    config: ModelConfig,
    start: Checkpoint,
    labels: LabelSet,
    training: Mapping[str, Any],
) -> None:
    state = model.state_dict()
    save_checkpoint(folder, state, config, start.vocabulary, name=folder.name, training=training, labels=labels)


@torch.no_grad()
def _fitted_labels(data: Data, start: Checkpoint, model: CaptionModel) -> LabelSet:
    assert start.info.labels is not None
    assert model.decoder.labels is not None
    pooled = torch.load(data.work / "pooled-256.pt", weights_only=True)["dev"]
    found = model.decoder.labels(model.decoder.standardise(pooled)).sigmoid().numpy()
    names = coco_first(start.info.labels.names)
    truth, known = dev_truth(data.captioned(data.dev, mined=0), names, data.known_labels, COCO_LABELS)
    return fit_thresholds(names, found, truth, known, COCO_LABELS)


def _fit_confidence(data: Data, folder: Path, squares: NDArray[np.uint8], *, neutral_people: bool) -> tuple[float, ...]:
    """Return the calibration of sentences as the default engine says them."""
    info = read_model_info(folder)
    assert info.labels is not None
    vocabulary = Vocabulary(info.words)
    engine = load_engine(info, "onnx-float32", device="cpu", neutral_people=neutral_people)
    rules = LabelRules(info.labels, vocabulary)
    sentences: list[list[str]] = []
    rows: list[NDArray[np.float64]] = []
    for first in range(0, len(squares), _BATCH):
        sight = engine.see(np.ascontiguousarray(squares[first : first + _BATCH]))
        assert sight.labels is not None
        found = engine.speak(sight, word_bias=rules.word_bias(sight.labels))
        said = [vocabulary.decode(ids) for ids in found.tokens.tolist()]
        sentences += said
        rows.append(evidence(found, sight.labels, info.labels, said))
    platt = fit_platt(np.concatenate(rows), _right(data, sentences).tolist())
    return (*platt.scales, platt.offset)


def _right(data: Data, sentences: list[list[str]]) -> NDArray[np.bool_]:
    """Return which sentences are right, each dev set scored by itself."""
    right = np.zeros(len(sentences), np.bool_)
    for source in ("everyday", "flickr8k"):
        rows = [row for row, photo in enumerate(data.dev) if photo.source == source]
        references = [data.dev[row].by_people for row in rows]
        right[rows] = np.array(cider_d([sentences[row] for row in rows], references)[1]) >= RIGHT_CIDER_D
    return right


if __name__ == "__main__":
    main()
