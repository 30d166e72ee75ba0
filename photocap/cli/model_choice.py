"""From what was typed to what is meant: a photo of the index, the model for a search."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from photocap.cli import console
from photocap.errors import CheckpointError, IndexNotFound, QueryError, ReadError
from photocap.index import PhotoIndex, PhotoRow

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from photocap.search import TextEncoderProtocol


def photo_in_index(index: PhotoIndex, path: Path, *, by_picture: bool = True) -> PhotoRow:
    """Return a photo by its path, else (`by_picture`) another file with its picture: a copy, or from where it moved.

    Raises:
        ReadError: there is no such file.
        IndexNotFound: the index knows neither the path nor the picture.
    """
    from photocap.photos import picture_hash

    absolute = Path(os.path.abspath(path))  # as indexing does: ".." resolved, links not
    found = index.photos.get(absolute)
    if found is None:
        if not absolute.is_file():
            raise ReadError(path, "there is no such photo, and the index knows none of this name")
        kind = index.photos.hash_kind()
        known = index.photos.find_picture(picture_hash(absolute, kind=kind)) if by_picture else None
        found = index.photos.get(known.paths[0]) if known and known.paths else None
    if found is None:
        raise IndexNotFound(path, "the index does not know this photo", f"run: photocap index {path.parent}")
    return found


def look_at(index: PhotoIndex, path: Path, model: Path | None) -> tuple[NDArray[np.float32], int | None]:
    """Return what a photo looks like and the number of its picture: as the index knows it, else seen now.

    Raises:
        ReadError: the photo cannot be read.
        CheckpointError: the model cannot be used, or sees otherwise than the one that looked at the library.
        QueryError: the index knows no looks at all.
    """
    from photocap.search.similar import look_of

    space_id = index.embeddings.space_id()
    if space_id is None:
        raise QueryError("the index does not know what its photos look like (photocap index, with a model that embeds)")
    try:
        row = photo_in_index(index, path)
    except IndexNotFound:
        row = None
    known = look_of(index, row) if row else None
    if row is not None and known is not None:
        return known, index.photos.picture_id(row.id)
    return _seen_now(path, model, space_id), index.photos.picture_id(row.id) if row else None


def _seen_now(path: Path, model: Path | None, space_id: str) -> NDArray[np.float32]:
    import numpy as np

    from photocap.captioning.registry import load_captioner
    from photocap.photos import load_image

    captioner = load_captioner(model)
    if captioner.space_id != space_id:
        name = captioner.model_id
        raise CheckpointError(name, "is not the model that looked at the library", "--model names that one")
    seen = captioner.caption_batch([load_image(path, captioner.image_size_px)])[0].embedding
    if seen is None:
        raise CheckpointError(captioner.model_id, "does not say what a photo looks like")
    return np.frombuffer(seen, dtype="<f2").astype(np.float32)


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
