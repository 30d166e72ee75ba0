"""From the path of a photo, as typed, to what the index knows of it."""

from __future__ import annotations

import os
from pathlib import Path

from photocap.errors import IndexNotFound, ReadError
from photocap.index import PhotoIndex, PhotoRow
from photocap.photos import picture_hash


def photo_in_index(index: PhotoIndex, path: Path, *, by_picture: bool = True) -> PhotoRow:
    """Return a photo by its path, else (`by_picture`) another file with its picture: a copy, or from where it moved.

    Raises:
        ReadError: there is no such file.
        IndexNotFound: the index knows neither the path nor the picture.
    """
    absolute = Path(os.path.abspath(path))  # as indexing does: ".." resolved, links not
    found = index.photos.get(absolute)
    if found is None:
        if not absolute.is_file():
            raise ReadError(path, "there is no such photo, and the index knows none of this name")
        known = index.photos.find_picture(picture_hash(absolute)) if by_picture else None
        found = index.photos.get(known.paths[0]) if known and known.paths else None
    if found is None:
        raise IndexNotFound(path, "the index does not know this photo", f"run: photocap index {path.parent}")
    return found
