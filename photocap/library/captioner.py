"""A captioner for programs: photos or pictures in, captions out, whatever kind of model says them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from photocap.captioning import registry
from photocap.library.indexing.prefetch import in_chunks
from photocap.photos import fit_image, load_image
from photocap.records import Caption, CaptionerProtocol

if TYPE_CHECKING:
    from PIL import Image

    Picture = str | os.PathLike[str] | Image.Image


class Captioner:
    """Captions photos with one model; `load_captioner` makes one.

    Args:
        model: what says the captions.

    Attributes:
        model_id: the model's name and the first digits of its weights' hash.
        weights_sha256: SHA-256 (hex) of its weights.
        space_id: names the joint text-image space of its embeddings; None where it has none.
        image_size_px: the shorter side of the pictures that it wants.
    """

    def __init__(self, model: CaptionerProtocol) -> None:
        self.model_id = model.model_id
        self.weights_sha256 = model.weights_sha256
        self.space_id = model.space_id
        self.image_size_px = model.image_size_px
        self._model = model

    def __repr__(self) -> str:
        return f"<Captioner {self.model_id}>"

    @property
    def batch_size(self) -> int:
        """Return how many pictures go through the model together."""
        return self._model.batch_size

    def caption(self, pictures: Iterable[Picture]) -> list[Caption]:
        """Return one caption for each picture, in order.

        Args:
            pictures: paths of photos in any format that photocap reads, or PIL images.

        Raises:
            ReadError: a photo cannot be read.
        """
        if isinstance(pictures, (str, os.PathLike)) or not isinstance(pictures, Iterable):
            raise TypeError("give a list: caption([picture])")
        captions: list[Caption] = []
        for chunk in in_chunks(pictures, self.batch_size):
            captions += self.caption_batch([self._decode(picture) for picture in chunk])
        return captions

    def caption_batch(self, images: Sequence[Image.Image]) -> list[Caption]:
        """Return one caption for each upright RGB image, in order; what indexing calls."""
        return self._model.caption_batch(images)

    def _decode(self, picture: Picture) -> Image.Image:
        if isinstance(picture, (str, os.PathLike)):
            return load_image(Path(picture), self.image_size_px)
        return fit_image(picture, self.image_size_px)


def load_captioner(model: str | os.PathLike[str] | None = None, **options: Any) -> Captioner:
    """Load a model and make it ready.

    Args:
        model: a model folder; None is the base model.
        options: `device`, `engine`, `batch_size`, `beam_size`, `neutral_people`, `hedge_below`, as for
            `photocap.captioning.registry.load_captioner`.

    Raises:
        CheckpointError: the model cannot be used.
        PhotocapError: an option cannot be honoured, or something is not installed.
    """
    return Captioner(registry.load_captioner(None if model is None else Path(model), **options))
