"""Setting a training run up: which rows, which photos, which weights to start from."""

from __future__ import annotations

import platform
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from photocap.captioning.config import ModelConfig, TrainConfig
from photocap.captioning.device import Engine, choose_device
from photocap.captioning.network import CaptionModel
from photocap.captioning.processors import cpu_threads
from photocap.datasets import CaptionRow, Problem, split_by_image
from photocap.datasets.sources import read_caption_source, read_library
from photocap.errors import TrainingError
from photocap.training.dataset import CaptionDataset, CaptionedPhoto, group_by_photo, load_squares
from photocap.training.distributed import ALONE, Processes
from photocap.training.features import CachedFeatures, FeatureSource, LiveFeatures, Side, fit_features
from photocap.training.init import start_model
from photocap.training.loop import Training
from photocap.training.state import STATE, read_state, unpack_state

Stage = Callable[[str, int, int], None]
_STAGES = {"none": 0, "last": 1, "all": 5}
_SIDES = ("train", "dev")
_PICTURES, _FEATURES = "pictures", "features"  # names of the cache's files


@dataclass(frozen=True)
class TrainRequest:
    """What the user asked for.

    Attributes:
        captions: caption files, folders of photos with captions inside, or data sets.
        library: an index; the captions in it that persons wrote or accepted are learned from too.
        images: folders in which images are looked for, in turn; the folder of the caption file comes last.
        output: where everything goes.
        init: "base", "imagenet", a model folder, or a ResNet's weights file in torchvision's layout.
        model: sizes of a new model; of one that is trained further only the joint space counts.
        config: how to train.
        device: as for `choose_device`.
        resume: go on from `output/last`.
        beam_size: the beam that the model is selected with and keeps; None is its own.
    """

    captions: Sequence[Path]
    images: Sequence[Path]
    output: Path
    init: str = "base"
    model: ModelConfig = field(default_factory=ModelConfig)
    config: TrainConfig = field(default_factory=TrainConfig)
    device: str = "auto"
    resume: bool = False
    library: Path | None = None
    beam_size: int | None = None


@dataclass(frozen=True)
class Prepared:
    """A training ready to run, and the rows and photos that had to be left out."""

    training: Training
    problems: list[Problem]


def _ignore(*_told: object) -> None:
    pass


def prepare_training(request: TrainRequest, *, processes: Processes = ALONE, stage: Stage = _ignore) -> Prepared:
    """Read captions, decode photos, load or build the model, compute features.

    Args:
        request: what the user asked for.
        processes: those that train together; what takes long is done by the first of them.
        stage: told (what is being done, how much is done, how much there is).

    Raises:
        TrainingError: nothing usable is left.
        CaptionFileError: a caption file is no caption file.
        CheckpointError: the weights to start from cannot be used.
    """
    engine = choose_device(processes.device(request.device))
    with processes.first_ahead():
        photos, problems = _find_photos(request)
        request.output.mkdir(parents=True, exist_ok=True)
        captions = [" ".join(c) for p in photos["train"] for c in p.captions]
        start = start_model(_init(request), request.model, request.config, captions, beam_size=request.beam_size)
    pictures = {side: _decode(side, photos[side], request, start.model.config, processes, stage) for side in _SIDES}
    for side, (_, errors) in pictures.items():
        problems += [Problem(0, error) for error in errors.values()]
        if len(errors) == len(photos[side]):
            raise TrainingError(_nothing_left(side, request, problems))
    start.model.to(engine.device).to(memory_format=torch.channels_last)
    start.model.encoder.unfreeze(_STAGES[request.config.fine_tune])
    data = {
        side: CaptionDataset(photos[side], start.vocabulary, start.model.config.max_words, errors)
        for side, (_, errors) in pictures.items()
    }
    if start.is_new:
        stage("fitting the features' reduction", 0, 0)
        squares, readable = pictures["train"][0], data["train"].numbers
        start.model.load_state_dict(processes.share(lambda: _fitted(start.model, squares, readable, engine)))
    sides = {}
    for side, (squares, _) in pictures.items():
        with processes.first_ahead():
            sides[side] = Side(data[side], _features(side, start.model, squares, engine, request, stage))
    training = Training(
        start.model,
        start.vocabulary,
        request.config,
        sides["train"],
        sides["dev"],
        engine,
        request.output,
        request.output.resolve().name,
        _facts(request, engine, processes, photos, start.training),
        processes,
        labels=start.labels,
        trains_further=not start.is_new,
    )
    if request.resume:
        training.state = read_state(request.output / "last")
        unpack_state(request.output / "last" / STATE, training.average, training.optimizer)
    return Prepared(training, problems)


def clear_cache(output: Path) -> None:
    """Remove the decoded photos and features of a training that is over."""
    for pattern in (f"{_PICTURES}-*", f"{_FEATURES}-*"):
        for file in output.glob(pattern):
            file.unlink()


def _init(request: TrainRequest) -> str:
    if not request.resume:
        return request.init
    read_state(request.output / "last")  # says so if there is nothing to go on from
    return str(request.output / "last")


def _decode(
    side: str,
    photos: Sequence[CaptionedPhoto],
    request: TrainRequest,
    config: ModelConfig,
    processes: Processes,
    stage: Stage,
) -> tuple[np.ndarray, dict[int, str]]:
    """Return the photos of a side as squares, and what is wrong with those that could not be read."""

    def decode() -> tuple[str, tuple[int, ...], dict[int, str]]:
        squares, errors = load_squares(
            photos,
            request.output / f"{_PICTURES}-{side}",
            config.image_size_px,
            workers=cpu_threads(),
            progress=lambda done: stage(f"decoding {side} photos", done, len(photos)),
        )
        return str(squares.filename), squares.shape, {number: str(error) for number, error in errors.items()}

    file, shape, errors = processes.share(decode)
    return np.memmap(file, np.uint8, "r", shape=shape), errors


def _fitted(model: CaptionModel, squares: np.ndarray, photos: Tensor, engine: Engine) -> dict[str, Tensor]:
    """Fit what a new model does to features; return its state on the CPU."""
    fit_features(model, squares, photos, engine)
    return {name: value.cpu() for name, value in model.state_dict().items()}


def _features(
    side: str, model: CaptionModel, squares: np.ndarray, engine: Engine, request: TrainRequest, stage: Stage
) -> FeatureSource:
    if request.config.fine_tune != "none":
        return LiveFeatures(model.encoder, squares, model.config, engine)
    return CachedFeatures(
        model.encoder,
        squares,
        model.config,
        engine,
        request.output / f"{_FEATURES}-{side}",
        lambda done: stage(f"encoding {side} photos", done, len(squares)),
    )


def _find_photos(request: TrainRequest) -> tuple[dict[str, list[CaptionedPhoto]], list[Problem]]:
    """Read all captions and look for their photos; return these by side, and what was wrong."""
    splits, folders, problems = _read_splits(request)
    photos = {}
    for side in _SIDES:
        photos[side], lost = group_by_photo(splits[side], folders)
        problems += lost
        if not photos[side]:
            raise TrainingError(_nothing_left(side, request, problems))
    return photos, problems


def _read_splits(request: TrainRequest) -> tuple[dict[str, list[CaptionRow]], list[Path], list[Problem]]:
    """Read all captions; return them by split, the folders of their images, and what was wrong.

    The split does not depend on the seed of the training: `photocap evaluate` and the next training must hold
    back the same photos.
    """
    extracted = request.output / "pictures-of-data-sets"
    sources = [read_caption_source(path, None, extracted) for path in request.captions]
    if request.library:
        sources.append(read_library(request.library))
    rows = [row for source in sources for row in source.table.rows]
    folders = [*request.images, *(source.images for source in sources)]
    problems = [replace(p, text=f"{s.path.name}: {p.text}") for s in sources for p in s.table.problems]
    return split_by_image(rows), list(dict.fromkeys(folders)), problems


def _nothing_left(side: str, request: TrainRequest, problems: Sequence[Problem]) -> str:
    files = ", ".join(map(str, [*request.captions, *([request.library] if request.library else [])]))
    first = f"; the first problem: line {problems[0].line}: {problems[0].text}" if problems else ""
    return f"{files}: no usable photo is left in the split {side!r}{first}"


def _facts(
    request: TrainRequest,
    engine: Engine,
    processes: Processes,
    photos: Mapping[str, Sequence[CaptionedPhoto]],
    before: Mapping[str, Any],
) -> dict[str, Any]:
    """Return facts for people: this training, and the ones that the model has behind it."""
    return {
        "command": shlex.join(["photocap", *sys.argv[1:]]),
        "init": request.init,
        "settings": asdict(request.config),
        "photos": {side: len(items) for side, items in photos.items()},
        "captions": {side: sum(len(p.captions) for p in items) for side, items in photos.items()},
        "processes": processes.size,
        "device": f"{engine.device} ({platform.machine()}, {cpu_threads()} cores)",
        "precision": str(engine.dtype).removeprefix("torch."),
        "torch": torch.__version__,
        "started_from": before.get("started_from") if request.resume else dict(before) or None,
    }
