"""One caption, and what produces captions: the seam between the network and the rest of the house."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from PIL import Image

_HEDGE = "Perhaps "


@dataclass(frozen=True)
class Caption:
    """A sentence about a picture.

    Attributes:
        text: the sentence.
        confidence: calibrated probability in [0, 1] that the sentence fits the picture.
        embedding: the picture's place in the joint text-image space, unit length,
            float16 little-endian bytes; None where the model has none.
    """

    text: str
    confidence: float
    embedding: bytes | None = None


def hedged(text: str) -> str:
    """Say a sentence with less certainty: "A dog runs." -> "Perhaps a dog runs."."""
    return f"{_HEDGE}{text[0].lower()}{text[1:]}" if text else ""


def is_hedged(text: str) -> bool:
    """Tell whether a sentence is said with less certainty."""
    return text.startswith(_HEDGE)


def unhedged(text: str) -> str:
    """Say a sentence plainly, for who knows that it is true: "Perhaps a dog runs." -> "A dog runs."."""
    plain = text.removeprefix(_HEDGE)
    return text if plain == text else f"{plain[:1].upper()}{plain[1:]}"


class CaptionerProtocol(Protocol):
    """What indexing needs to know of a captioner; the fake one in the tests satisfies it without torch."""

    model_id: str
    weights_sha256: str
    space_id: str | None
    image_size_px: int
    batch_size: int

    def caption_batch(self, images: Sequence[Image.Image]) -> list[Caption]:
        """Return one caption per upright RGB image, in order."""
        ...
