"""Other models on the photos of a training, and the trained one on photos of other people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from photocap.captioning.checkpoint import Checkpoint, load_checkpoint
from photocap.captioning.device import Engine
from photocap.captioning.processors import cpu_threads
from photocap.datasets import split_by_image
from photocap.datasets.sources import read_caption_source
from photocap.errors import TrainingError
from photocap.training.dataset import CaptionDataset, CaptionedPhoto, group_by_photo
from photocap.training.features import LiveFeatures, Progress, Side
from photocap.training.pictures import Pictures
from photocap.training.row_store import CACHE_BYTES, open_store
from photocap.training.state import DevCaptions
from photocap.training.validate import validate

_MOST_PHOTOS = 500  # of other people: enough to see a fall


def captions_by(
    folder: Path, dev: CaptionDataset, pictures: Pictures, engine: Engine, progress: Progress
) -> DevCaptions:
    """Let another model caption the dev photos of a training.

    Args:
        folder: the model.
        dev: the photos' captions.
        pictures: the photos.
        engine: where it runs.
        progress: called with how many photos are decoded, then captioned; what it raises ends the work.

    Raises:
        CheckpointError: it cannot be used.
    """
    unusable = set(range(len(dev.photos))).difference(dev.numbers.tolist())
    return _captions(load_checkpoint(folder), dev.photos, unusable, pictures, engine, progress)


def fall_elsewhere(
    before: Path, after: Path, captions: Path, output: Path, engine: Engine, progress: Progress
) -> float:
    """Return by how much CIDEr-D falls on the dev photos of a caption file; negative where it rises.

    Args:
        before: the folder of the model that was trained further.
        after: the folder of the trained one.
        captions: the caption file; its images lie beside it or in its folder `images`.
        output: where pictures may be kept.
        engine: where the models run.
        progress: called with how many photos are decoded, then captioned; what it raises ends the work.

    Raises:
        TrainingError: no dev photo can be read.
    """
    source = read_caption_source(captions, None, output / "pictures-of-data-sets")
    photos, _ = group_by_photo(split_by_image(source.table.rows)["dev"], [source.images, source.images / "images"])
    photos = photos[:: max(len(photos) // _MOST_PHOTOS, 1)]
    first, last = load_checkpoint(before), load_checkpoint(after)
    side_px = first.info.config.image_size_px
    store = open_store([output], "pictures-check", 3 * side_px**2, len(photos), CACHE_BYTES)
    pictures = Pictures(photos, store, side_px, workers=cpu_threads())
    pictures.load(range(len(photos)), progress)
    store.close()
    if len(pictures.errors) == len(photos):
        raise TrainingError(f"{captions}: none of its dev photos can be read to check against")
    scores = [
        float(np.mean(_captions(checkpoint, photos, pictures.errors, pictures, engine, progress).cider_d_each))
        for checkpoint in (first, last)
    ]
    return scores[0] - scores[1]


def _captions(
    checkpoint: Checkpoint,
    photos: Sequence[CaptionedPhoto],
    unusable: Iterable[int],
    pictures: Pictures,
    engine: Engine,
    progress: Progress,
) -> DevCaptions:
    model, info = checkpoint.model.to(engine.device), checkpoint.info
    data = CaptionDataset(photos, checkpoint.vocabulary, info.config.max_words, unusable)
    side = Side(data, LiveFeatures(model.encoder, pictures, info.config, engine))
    return validate(model, side, engine, info.labels, info.recognised, progress).captions
