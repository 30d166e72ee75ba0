"""What another engine, or another precision, does to the captions of one model."""

from __future__ import annotations

from dataclasses import dataclass

from photocap.evaluation import Evaluation


@dataclass(frozen=True, kw_only=True)
class EngineDifference:
    """Two evaluations of the same model on the same photos.

    Attributes:
        engine: the engine that is compared.
        reference: the engine it is compared with.
        cider_d: how much higher its CIDEr-D (x 100) is.
        same: share of captions that are word for word the same.
        same_or_equal: share that are the same or have the same CIDEr-D.
        images_per_second: of the two, decoding included.
    """

    engine: str
    reference: str
    cider_d: float
    same: float
    same_or_equal: float
    images_per_second: tuple[float, float]


def engine_difference(engine: str, found: Evaluation, reference: str, expected: Evaluation) -> EngineDifference:
    """Compare two evaluations, photo by photo; a photo that only one of them could use counts as different."""
    others = {photo.path: photo for photo in expected.photos}
    pairs = [(photo, others.get(photo.path)) for photo in found.photos]
    same = [other is not None and photo.caption.text == other.caption.text for photo, other in pairs]
    equal = [other is not None and abs(photo.cider_d - other.cider_d) < 1e-9 for photo, other in pairs]
    count = max(len(found.photos), len(expected.photos))
    return EngineDifference(
        engine=engine,
        reference=reference,
        cider_d=found.scores.cider_d - expected.scores.cider_d,
        same=sum(same) / count,
        same_or_equal=sum(map(max, same, equal)) / count,
        images_per_second=(found.images_per_second, expected.images_per_second),
    )


def difference_line(difference: EngineDifference) -> str:
    """Say a difference in one line."""
    rate, other_rate = difference.images_per_second
    return (
        f"{difference.engine} against {difference.reference}: CIDEr-D {difference.cider_d:+.2f}, "
        f"{difference.same:.1%} of captions word for word the same, "
        f"{difference.same_or_equal:.1%} the same or equally scored, {rate:.1f} and {other_rate:.1f} photos/s"
    )
