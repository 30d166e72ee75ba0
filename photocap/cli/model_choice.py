"""From what was typed to what is meant: a photo of the index, the model for a search."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from photocap.cli import console
from photocap.errors import CheckpointError, IndexNotFound, ReadError
from photocap.index import PhotoIndex, PhotoRow
from photocap.photos import picture_hash

if TYPE_CHECKING:
    from photocap.search import TextEncoderProtocol


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


def text_encoder_for(index: PhotoIndex, model: Path | None) -> TextEncoderProtocol | None:
    """Load what tells how photos that fit some words look; None where words alone decide, which is said."""
    space_id = index.embeddings.space_id()
    if space_id is None:
        return None
    from photocap.captioning.registry import load_text_encoder, read_facts

    try:
        if read_facts(model).space_id != space_id:
            console.note("the photos were looked at by another model: going by words alone (--model names that one)")
            return None
        return load_text_encoder(model)
    except CheckpointError as error:
        console.note(f"{error}; going by words alone")
        return None
