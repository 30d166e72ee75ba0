"""Set up a training run: which rows, which photos, which weights to start from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from photocap.captioning.config import ModelConfig, TrainConfig
from photocap.captioning.device import Engine, choose_device
from photocap.captioning.model_files import recover_replaced
from photocap.datasets import CaptionRow, Problem, split_by_image
from photocap.datasets.label_tables import read_known_labels
from photocap.datasets.sources import read_caption_source, read_library
from photocap.errors import TrainingError
from photocap.training.checkpoints import Checkpoints
from photocap.training.dataset import CaptionedPhoto, group_by_photo
from photocap.training.distributed import ALONE, Processes
from photocap.training.facts import training_facts
from photocap.training.features import Side
from photocap.training.init import Start, start_model
from photocap.training.joint import JOINT_STATE
from photocap.training.label_objective import (
    LabelObjective,
    LabelRequest,
    learnable_labels,
    prepare_label_objective,
)
from photocap.training.loop import Training
from photocap.training.name_head import prepare_names
from photocap.training.names import find_names
from photocap.training.photo_sources import ACTIVATIONS, FEATURES, PICTURES, PhotoSources, Stage
from photocap.training.pictures import Pictures
from photocap.training.row_store import CACHE_BYTES
from photocap.training.state import CAPTION_STATE, read_state

_STAGES = {"none": 0, "last": 1, "all": 5}
_SIDES = ("train", "dev")


@dataclass(frozen=True, kw_only=True)
class TrainRequest:
    """What the user asked for.

    Attributes:
        captions: caption files, folders of photos with captions inside, or data sets.
        library: an index; the captions in it that people wrote or accepted are learned from too.
        images: folders in which images are looked for, in turn; the folder of the caption file comes last.
        output: where everything goes.
        init: "base", "imagenet", a model folder, or a ResNet's weights file in torchvision's layout.
        model: sizes of a new model; of one that is trained further only the joint space counts.
        config: how to train.
        device: as for `choose_device`.
        resume: go on from `output/last`.
        beam_size: the beam that the model is selected with and keeps; None is its own.
        dev_share: share of the photos that is kept back where the captions name no split; as for `split_by_image`.
        cache: a folder for decoded photos and features, shared by all trainings; None keeps them in `output`.
        cache_bytes: how much that folder may hold.
        labels: what a label head learns from; None leaves the model's as it is, and a new model without one.
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
    dev_share: float | None = None
    cache: Path | None = None
    cache_bytes: int = CACHE_BYTES
    labels: LabelRequest | None = None

    @property
    def trains_space(self) -> bool:
        """Return whether the joint space is to be trained, and nothing else."""
        return self.model.joint_size > 0


@dataclass(frozen=True)
class Prepared:
    """A training ready to run.

    Attributes:
        training: the training.
        problems: rows and photos that had to be left out.
        dev_pictures: the photos that are kept back.
        resumes: whether it goes on from where an earlier run stopped.
    """

    training: Training
    problems: list[Problem]
    dev_pictures: Pictures
    resumes: bool


def _ignore(*_arguments: object) -> None:
    pass


def prepare_training(request: TrainRequest, *, processes: Processes = ALONE, stage: Stage = _ignore) -> Prepared:
    """Read captions, decode photos, load or build the model, compute features.

    Args:
        request: what the user asked for.
        processes: those that train together; what takes long is done by the first of them.
        stage: called with (what is being done, how much is done, how much there is).

    Raises:
        TrainingError: nothing usable is left.
        CaptionFileError: a caption file is no caption file.
        CheckpointError: the weights to start from cannot be used.
    """
    engine = choose_device(processes.device(request.device))
    with processes.first_ahead():
        request = replace(request, resume=_goes_on(request))
        photos, problems = _find_photos(request)
        request.output.mkdir(parents=True, exist_ok=True)
        start = _start(request, photos["train"], engine)
        learning = _make_label_objective(request, photos, start)
    sources = PhotoSources(
        photos=photos,
        start=start,
        config=request.config,
        engine=engine,
        processes=processes,
        folders=[*([request.cache] if request.cache else []), request.output],
        stage=stage,
        limit_bytes=request.cache_bytes,
    )
    sides, problems = _readable_sides(sources, request, problems)
    checkpoints = _make_checkpoints(request, photos, start, engine, processes)
    training = Training(
        model=start.model,
        config=request.config,
        train=sides["train"],
        dev=sides["dev"],
        engine=engine,
        checkpoints=checkpoints,
        heads=start.heads,
        processes=processes,
        trains_further=not start.is_new,
        knows_space=start.knows_space,
        label_objective=learning,
        name_objective=prepare_names(photos["train"], checkpoints.names, start.vocabulary),
    )
    if request.resume and not request.trains_space:
        training.resume()
    return Prepared(training, problems, sources.pictures["dev"], request.resume)


def _make_checkpoints(
    request: TrainRequest,
    photos: Mapping[str, Sequence[CaptionedPhoto]],
    start: Start,
    engine: Engine,
    processes: Processes,
) -> Checkpoints:
    facts = training_facts(start, request.config, photos, engine, processes=processes.size)
    before = dict(start.training) or None
    if request.resume:  # what it starts from is itself
        before = start.training.get("started_from")
        facts["new_words"] = start.training.get("new_words", facts["new_words"])
    texts = (text for photo in photos["train"] for text in photo.texts)
    return Checkpoints(
        output=request.output,
        name=request.output.resolve().name,
        facts={**facts, "init": request.init, "started_from": before},
        vocabulary=start.vocabulary,
        names={**find_names(texts, start.known), **start.names},
    )


def _readable_sides(
    sources: PhotoSources, request: TrainRequest, problems: list[Problem]
) -> tuple[dict[str, Side], list[Problem]]:
    """Decode both sides; return them, and the problems with those of photos that cannot be read.

    Raises:
        TrainingError: nothing is left of one.
    """
    sides = sources.sides()
    for side, pictures in sources.pictures.items():
        problems = [*problems, *(Problem(0, str(error)) for error in pictures.errors.values())]
        if not len(sides[side].captions):
            raise TrainingError(_nothing_left(side, request, problems))
    return sides, problems


def _start(request: TrainRequest, photos: Sequence[CaptionedPhoto], engine: Engine) -> Start:
    """Load or build the model where it is to be trained; of it learns what was asked for."""
    captions = [words for photo in photos for words in photo.captions]
    labels = learnable_labels(photos, read_known_labels(request.labels.table)) if request.labels else ()
    start = start_model(
        _init(request), request.model, request.config, captions, beam_size=request.beam_size, labels=labels
    )
    start.model.to(engine.device).to(memory_format=torch.channels_last)
    start.model.encoder.unfreeze(_STAGES[request.config.fine_tune])
    if request.trains_space and start.model.joint is not None:
        start.model.requires_grad_(False)
        start.model.joint.requires_grad_(True)
    return start


def _make_label_objective(
    request: TrainRequest, photos: Mapping[str, Sequence[CaptionedPhoto]], start: Start
) -> LabelObjective | None:
    if request.labels is None:
        return None
    if start.heads.labels is None:
        raise TrainingError(
            f"{request.init}: has no label head that could learn labels (a new model gets one: --init imagenet or FILE)"
        )
    learning = prepare_label_objective(request.labels, photos, start.heads.labels, start.vocabulary)
    if start.is_new:
        learning.start(start.model)
    return learning


def _goes_on(request: TrainRequest) -> bool:
    """Return whether to go on from `last`; a run that was stopped before there was one starts anew."""
    if not request.resume:
        return False
    recover_replaced(request.output / "last")
    return (request.output / "last").exists() or not request.output.exists()


def clear_cache(output: Path) -> None:
    """Remove the decoded photos and features of a training that is over."""
    for pattern in (f"{PICTURES}-*", f"{FEATURES}-*", f"{ACTIVATIONS}-*"):
        for file in output.glob(pattern):
            file.unlink()


def _init(request: TrainRequest) -> str:
    if not request.resume:
        return request.init
    last = request.output / "last"
    read_state(last, JOINT_STATE if request.trains_space else CAPTION_STATE, dict)  # says so if there is nothing
    return str(last)


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
    return split_by_image(rows, dev_share=request.dev_share), list(dict.fromkeys(folders)), problems


def _nothing_left(side: str, request: TrainRequest, problems: Sequence[Problem]) -> str:
    files = ", ".join(map(str, [*request.captions, *([request.library] if request.library else [])]))
    first = f"; the first problem: line {problems[0].line}: {problems[0].text}" if problems else ""
    return f"{files}: no usable photo is left in the split {side!r}{first}"
