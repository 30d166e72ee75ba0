"""Photos that show the same again: copies of a picture, and bursts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from photocap.index import PhotoIndex, PhotoRow

_BURST_S = 3.0  # between a photo of a burst and one that is shown
_ROWS_AT_ONCE = 200


def without_repeats(index: PhotoIndex, photo_ids: Sequence[int], wanted: int) -> list[int]:
    """Return the first so many photos, of each picture and of each burst of a camera the first one only."""
    kept: list[int] = []
    pictures: set[str] = set()
    moments: dict[str, list[datetime]] = {}
    for start in range(0, len(photo_ids), _ROWS_AT_ONCE):
        for row in index.photos.by_id(photo_ids[start : start + _ROWS_AT_ONCE]):
            if len(kept) == wanted:
                return kept
            if row.picture_hash in pictures or _is_of_burst(row, moments):
                continue
            kept.append(row.id)
            if row.picture_hash:
                pictures.add(row.picture_hash)
    return kept


def _is_of_burst(row: PhotoRow, moments: dict[str, list[datetime]]) -> bool:
    """Return whether the same camera took a photo that is shown at almost the same time; remember this one if not."""
    if not row.taken or not row.camera or len(row.taken) < len("2019-07-04T20:15:01"):
        return False
    try:
        taken = datetime.fromisoformat(row.taken)
    except ValueError:
        return False
    shown = moments.setdefault(row.camera, [])
    if any(abs((taken - other).total_seconds()) <= _BURST_S for other in shown):
        return True
    shown.append(taken)
    return False
