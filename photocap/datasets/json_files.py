"""Caption files in JSON: Karpathy's splits and COCO's captions.

Rows have no lines there; the number of the entry, counted from 1, stands in their place.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from photocap.datasets.rows import BadRow, CaptionRow, Problem, make_row
from photocap.errors import CaptionFileError


def is_json(text: str) -> bool:
    """Return whether a text can only be JSON."""
    return text.lstrip()[:1] in ("{", "[")


def read_json(path: Path, text: str) -> tuple[list[CaptionRow], list[Problem]]:
    """Read either layout, recognised by its keys.

    Raises:
        CaptionFileError: the text is no JSON, or of neither layout.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CaptionFileError(path, f"is damaged JSON: {error}") from error
    if not isinstance(content, dict) or not isinstance(content.get("images"), list):
        raise CaptionFileError(path, "is JSON without a list of images", "Karpathy's or COCO's layout is understood")
    coco = isinstance(content.get("annotations"), list)
    entries = list(_coco_rows(content) if coco else _karpathy_rows(content))
    return [e for e in entries if isinstance(e, CaptionRow)], [e for e in entries if isinstance(e, Problem)]


def _karpathy_rows(content: dict[str, Any]) -> Iterator[CaptionRow | Problem]:
    for number, image in enumerate(content["images"], start=1):
        try:
            name = "/".join(filter(None, (image.get("filepath"), image["filename"])))
            for sentence in image["sentences"]:
                caption = sentence["raw"] if "raw" in sentence else " ".join(sentence["tokens"])
                yield _row(name, caption, image.get("split", ""), number)
        except (KeyError, TypeError, AttributeError) as error:
            yield Problem(number, f"entry {number} of images is not as Karpathy's: {_explain(error)}")


def _coco_rows(content: dict[str, Any]) -> Iterator[CaptionRow | Problem]:
    names: dict[int | str, object] = {}
    for number, entry in enumerate(content["images"], start=1):
        id_ = entry.get("id") if isinstance(entry, dict) else None
        if not isinstance(id_, (int, str)) or "file_name" not in entry:
            yield Problem(number, f"image {number} is not as COCO's: it needs a number as id, and a file_name")
        elif names.setdefault(id_, entry["file_name"]) != entry["file_name"]:
            yield Problem(number, f"image {number} has the id {id_} of another one and is left out")
    for number, annotation in enumerate(content["annotations"], start=1):
        try:
            image = annotation["image_id"]
            if not isinstance(image, (int, str)):
                yield Problem(number, f"annotation {number} is not as COCO's: its image_id is no number")
            elif image not in names:
                yield Problem(number, f"annotation {number} is of image {image}, which is not in the file")
            else:
                yield _row(names[image], annotation["caption"], "", number)
        except (KeyError, TypeError) as error:
            yield Problem(number, f"annotation {number} is not as COCO's: {_explain(error)}")


def _row(image: object, caption: object, split: object, number: int) -> CaptionRow | Problem:
    try:
        if not (isinstance(image, str) and isinstance(caption, str) and isinstance(split, str)):
            raise BadRow("image, caption or split is not text")
        return make_row(image, caption, split, number)
    except BadRow as error:
        return Problem(number, f"entry {number}: {error}")


def _explain(error: Exception) -> str:
    return f"it has no {error}" if isinstance(error, KeyError) else str(error)
