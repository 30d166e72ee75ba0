"""Setting a training run up: which rows, which photos, which weights to start from."""

from __future__ import annotations

import platform
import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import torch
import torchvision

from photocap.caption_data import CaptionDataset, CaptionedPhoto, group_by_photo, load_squares
from photocap.caption_files import CaptionRow, Problem, split_by_image
from photocap.caption_sources import read_caption_source
from photocap.checkpoint import load_checkpoint, read_resnet
from photocap.config import ModelConfig, TrainConfig
from photocap.engine import Engine, choose_device, cpu_threads
from photocap.errors import CheckpointError, TrainingError
from photocap.model import CaptionModel
from photocap.model_files import base_model_dir
from photocap.training.features import CachedFeatures, FeatureSource, LiveFeatures, fit_reduction
from photocap.training.loop import Side, Training
from photocap.training.state import STATE, read_state, unpack_state
from photocap.vocabulary import Vocabulary

Stage = Callable[[str, int, int], None]
_STAGES = {"none": 0, "last": 1, "all": 5}


@dataclass(frozen=True)
class TrainRequest:
    """What the user asked for.

    Attributes:
        captions: caption files, folders of photos with captions inside, or data sets.
        images: folders in which images are looked for, in turn; the folder of the caption file comes last.
        output: where everything goes.
        init: "base", "imagenet", a model folder, or a ResNet-50 weights file in torchvision's layout.
        model: sizes for a new decoder; of a model that is trained further only the beam counts.
        config: how to train.
        device: as for `choose_device`.
        resume: go on from `output/last`.
    """

    captions: Sequence[Path]
    images: Sequence[Path]
    output: Path
    init: str = "base"
    model: ModelConfig = field(default_factory=ModelConfig)
    config: TrainConfig = field(default_factory=TrainConfig)
    device: str = "auto"
    resume: bool = False


@dataclass(frozen=True)
class Prepared:
    """A training ready to run, and the rows and photos that had to be left out."""

    training: Training
    problems: list[Problem]


def _ignore(*_told: object) -> None:
    pass


def prepare_training(request: TrainRequest, *, stage: Stage = _ignore) -> Prepared:
    """Read captions, decode photos, load or build the model, compute features.

    Args:
        request: what the user asked for.
        stage: told (what is being done, how much is done, how much there is).

    Raises:
        TrainingError: nothing usable is left.
        CaptionFileError: a caption file is no caption file.
        CheckpointError: the weights to start from cannot be used.
    """
    engine = choose_device(request.device)
    splits, folders, problems = _read_splits(request)
    request.output.mkdir(parents=True, exist_ok=True)
    photos = {}
    for side in ("train", "dev"):
        photos[side], lost = group_by_photo(splits[side], folders)
        problems += lost
        if not photos[side]:
            raise TrainingError(_nothing_left(side, request, problems))
    model, vocabulary, fresh = _start_model(request, photos["train"])
    squares, unusable = {}, {}
    for side in ("train", "dev"):
        squares[side], errors = load_squares(
            photos[side],
            request.output / f"pictures-{side}",
            model.config.image_size_px,
            workers=cpu_threads(),
            progress=lambda done, side=side: stage(f"decoding {side} photos", done, len(photos[side])),  # type: ignore[misc]
        )
        problems += [Problem(0, str(error)) for error in errors.values()]
        unusable[side] = list(errors)
        if len(errors) == len(photos[side]):
            raise TrainingError(_nothing_left(side, request, problems))
    model.to(engine.device).to(memory_format=torch.channels_last)
    model.encoder.unfreeze(_STAGES[request.config.fine_tune])
    if fresh:
        stage("fitting the features' reduction", 0, 0)
        mean, std = fit_reduction(model.encoder, squares["train"], model.config, engine)
        model.decoder.pooled_mean.copy_(mean)
        model.decoder.pooled_std.copy_(std)
    sides = {}
    for side in ("train", "dev"):
        features: FeatureSource
        if request.config.fine_tune == "none":
            features = CachedFeatures(
                model.encoder,
                squares[side],
                model.config,
                engine,
                request.output / f"features-{side}",
                lambda done, side=side: stage(f"encoding {side} photos", done, len(photos[side])),  # type: ignore[misc]
            )
        else:
            features = LiveFeatures(model.encoder, squares[side], model.config, engine)
        data = CaptionDataset(photos[side], vocabulary, model.config.max_words, unusable[side])
        sides[side] = Side(data, features)
    training = Training(
        model,
        vocabulary,
        request.config,
        sides["train"],
        sides["dev"],
        engine,
        request.output,
        request.output.resolve().name,
        _facts(request, engine, photos),
    )
    if request.resume:
        training.state = read_state(request.output / "last")
        unpack_state(request.output / "last" / STATE, training.average, training.optimizer)
    return Prepared(training, problems)


def _read_splits(request: TrainRequest) -> tuple[dict[str, list[CaptionRow]], list[Path], list[Problem]]:
    """Read all captions; return them by split, the folders of their images, and what was wrong.

    The split does not depend on the seed of the training: `photocap evaluate` and the next training must hold
    back the same photos.
    """
    rows: list[CaptionRow] = []
    folders = list(request.images)
    problems: list[Problem] = []
    for path in request.captions:
        source = read_caption_source(path, None, request.output / "pictures-of-data-sets")
        rows += source.table.rows
        folders.append(source.images)
        problems += [replace(p, text=f"{path.name}: {p.text}") for p in source.table.problems]
    return split_by_image(rows), list(dict.fromkeys(folders)), problems


def _nothing_left(side: str, request: TrainRequest, problems: Sequence[Problem]) -> str:
    files = ", ".join(str(path) for path in request.captions)
    first = f"; the first problem: line {problems[0].line}: {problems[0].text}" if problems else ""
    return f"{files}: no usable photo is left in the split {side!r}{first}"


def _start_model(request: TrainRequest, photos: Sequence[CaptionedPhoto]) -> tuple[CaptionModel, Vocabulary, bool]:
    """Return the model to train, its vocabulary, and whether its decoder is new."""
    config = request.config
    dropout = {"word_dropout": config.word_dropout, "feature_dropout": config.feature_dropout}
    folder = _init_folder(request)
    if folder is not None:
        checkpoint = load_checkpoint(folder)
        # A joint space belongs to the encoder it was trained on; where that one learns, it is left behind.
        joint_size = checkpoint.info.config.joint_size if config.fine_tune == "none" else 0
        joint_size = request.model.joint_size or joint_size
        sizes = replace(checkpoint.info.config, beam_size=request.model.beam_size, joint_size=joint_size)
        torch.manual_seed(config.seed)
        model = CaptionModel(sizes, len(checkpoint.vocabulary), **dropout)
        known = {n: v for n, v in checkpoint.model.state_dict().items() if joint_size or not n.startswith("joint.")}
        model.load_state_dict({**model.state_dict(), **known})
        return model, checkpoint.vocabulary, False
    torch.manual_seed(config.seed)
    texts = [" ".join(words) for photo in photos for words in photo.captions]
    vocabulary = Vocabulary.from_captions(texts, config.min_count)
    if not vocabulary.words:
        raise TrainingError(f"no word occurs {config.min_count} times: more captions are needed for a new vocabulary")
    model = CaptionModel(request.model, len(vocabulary), **dropout)
    state = _imagenet() if request.init == "imagenet" else read_resnet(Path(request.init))
    try:
        model.encoder.trunk.load_state_dict(state)
    except RuntimeError as error:
        raise CheckpointError(request.init, "does not hold torchvision's ResNet-50") from error
    return model, vocabulary, True


def _init_folder(request: TrainRequest) -> Path | None:
    """Return the model folder to start from, if it is one."""
    if request.resume:
        return request.output / "last"
    if request.init == "base":
        return base_model_dir()
    path = Path(request.init)
    return path if path.is_dir() else None


def _imagenet() -> dict[str, torch.Tensor]:
    weights = torchvision.models.ResNet50_Weights.IMAGENET1K_V1
    try:
        state = weights.get_state_dict(progress=False, check_hash=True)
    except OSError as error:
        raise CheckpointError(
            weights.url,
            f"torchvision has no copy of it and cannot fetch one: {error}",
            "give a file in torchvision's layout with --init FILE",
        ) from error
    return {name: value for name, value in state.items() if not name.startswith("fc.")}


def _facts(request: TrainRequest, engine: Engine, photos: dict[str, list[CaptionedPhoto]]) -> dict[str, object]:
    return {
        "command": shlex.join(["photocap", *sys.argv[1:]]),
        "init": request.init,
        "settings": asdict(request.config),
        "photos": {side: len(items) for side, items in photos.items()},
        "captions": {side: sum(len(p.captions) for p in items) for side, items in photos.items()},
        "device": f"{engine.device} ({platform.machine()}, {cpu_threads()} cores)",
        "precision": str(engine.dtype).removeprefix("torch."),
        "torch": torch.__version__,
    }
