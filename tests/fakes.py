"""A captioner without weights, whose sentence is a function of the picture that a reader can check; facts of photos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from PIL import Image, ImageStat

from photocap.records import Caption, PhotoFacts, WordProbability

COLOURS = {
    "red": (255, 0, 0),
    "green": (0, 128, 0),
    "lime": (0, 255, 0),
    "blue": (0, 0, 255),
    "yellow": (255, 255, 0),
    "purple": (128, 0, 128),
    "orange": (255, 165, 0),
    "white": (255, 255, 255),
    "grey": (128, 128, 128),
    "black": (0, 0, 0),
}


def colour_name(rgb: Sequence[float]) -> str:
    """Return the nearest of the named colours."""
    return min(COLOURS, key=lambda name: sum((a - b) ** 2 for a, b in zip(COLOURS[name], rgb, strict=True)))


def fake_caption(image: Image.Image) -> str:
    """Return "a red photo 64 by 48"."""
    return f"a {colour_name(ImageStat.Stat(image).mean)} photo {image.width} by {image.height}"


def make_facts(**given: Any) -> PhotoFacts:
    """Return what a photo of some size says about itself."""
    return PhotoFacts(**{"width_px": 640, "height_px": 480, **given})


class FakeCaptioner:
    """Says what colour a picture has and how large it is; counts what it is asked.

    Args:
        batch_size: as for a real one.
        embed: bring an embedding with each caption.
    """

    model_id = "fake@000000000000"
    weights_sha256 = "0" * 64
    space_id: str | None = None
    image_size_px = 4096  # so that pictures arrive in their own size

    def __init__(self, batch_size: int = 4, *, embed: bool = False) -> None:
        self.batch_size = batch_size
        self.batches: list[int] = []
        self._embed = embed

    @property
    def pictures(self) -> int:
        """Return how many pictures it has seen."""
        return sum(self.batches)

    def caption_batch(self, images: Sequence[Image.Image]) -> list[Caption]:
        """Return one caption per picture; the confidence grows with the width."""
        self.batches.append(len(images))
        embedding = bytes(512) if self._embed else None
        return [Caption(text=fake_caption(i), confidence=min(1.0, i.width / 100), embedding=embedding) for i in images]


class LookingCaptioner(FakeCaptioner):
    """A fake that also tells where it looked: for the n-th word at the n-th place of a 3 x 3 grid alone."""

    def caption_with_attention(self, image: Image.Image) -> Caption:
        """Return the caption of a picture, its words with where it looked."""
        (caption,) = self.caption_batch([image])
        words = [
            WordProbability(word, 0.9, tuple(float(place == number) for place in range(9)))
            for number, word in enumerate(caption.text.split())
        ]
        return replace(caption, words=tuple(words))
