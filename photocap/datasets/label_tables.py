"""Tables of what pictures show: which of COCO's 80 categories, complete for each picture that they have."""

from __future__ import annotations

import csv
from pathlib import Path

from photocap.errors import CaptionFileError

_COCO = (
    "person bicycle car motorcycle airplane bus train truck boat bench bird cat dog horse sheep cow elephant bear "
    "zebra giraffe backpack umbrella handbag tie suitcase frisbee snowboard kite skateboard surfboard bottle cup "
    "fork knife spoon bowl banana apple sandwich orange broccoli carrot pizza donut cake chair couch bed toilet "
    "laptop mouse remote keyboard microwave oven toaster sink refrigerator book clock vase scissors toothbrush"
)
_COCO_PHRASES = (
    "traffic light,fire hydrant,stop sign,parking meter,baseball bat,baseball glove,tennis racket,wine glass,hot dog,"
    "potted plant,dining table,cell phone,teddy bear"
)
_RENAMED = {"skis": "ski", "sports ball": "ball", "tv": "television", "hair drier": "hair dryer"}

COCO_LABELS = frozenset([*_COCO.split(), *_COCO_PHRASES.split(","), *_RENAMED.values()])
"""COCO's 80 categories under the names that the label table has for them."""


def read_known_labels(path: Path) -> dict[str, frozenset[str]]:
    """Read which COCO categories pictures show, from a table with the columns image and coco_labels.

    A row without categories says nothing of its picture and is left out.

    Raises:
        CaptionFileError: it cannot be read or lacks a column.
    """
    try:
        with open(path, encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, ValueError, csv.Error) as error:
        raise CaptionFileError(path, f"cannot be read: {error}") from error
    if not rows or not {"image", "coco_labels"} <= rows[0].keys():
        raise CaptionFileError(path, "has no columns image and coco_labels")
    return {
        row["image"]: frozenset(_RENAMED.get(name, name) for name in row["coco_labels"].split(";"))
        for row in rows
        if row["coco_labels"]
    }
