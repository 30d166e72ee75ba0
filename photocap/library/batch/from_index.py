"""An index in the layout of the shards, for other programs and other machines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa

from photocap.index import PhotoIndex, PhotoRow
from photocap.library.batch.output import Output
from photocap.library.batch.schema import SCHEMA

_SHARD_ROWS = 10_000


def export_index(index: PhotoIndex, output: str) -> int:
    """Write every photo of an index into shards, with its current caption, a person's or a model's.

    Args:
        index: open for reading.
        output: the URI of a new folder or prefix.

    Returns:
        The number of rows.

    Raises:
        PhotocapError: there is output already, or it cannot be written.
    """
    target = Output(output)
    target.begin({"model_id": "index", "weights_sha256": ""}, resume=False)
    count = 0
    for number, table in enumerate(_tables(index)):
        target.write_shard(f"part-001-{number:08}.parquet", table)
        count += table.num_rows
    target.finish()
    return count


def _tables(index: PhotoIndex) -> Iterator[pa.Table]:
    photos: Iterable[PhotoRow] = iter(index.photos.all())
    while chunk := list(islice(photos, _SHARD_ROWS)):
        yield pa.Table.from_pylist([_row(index, photo) for photo in chunk], SCHEMA)


def _row(index: PhotoIndex, photo: PhotoRow) -> dict[str, Any]:
    picture_id = index.photos.picture_id(photo.id)
    embedding = index.embeddings.get([picture_id]).get(picture_id) if picture_id is not None else None
    labels = index.photos.labels(picture_id) if picture_id is not None else []
    return {
        # A name that is not UTF-8 cannot stand in a Parquet file as it is.
        "uri": str(photo.path).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace"),
        "size_bytes": photo.size_bytes,
        "version": str(photo.mtime_ns),
        "picture_hash": photo.picture_hash,
        "width": photo.width_px,
        "height": photo.height_px,
        "taken": datetime.fromisoformat(photo.taken) if photo.taken else None,
        "camera": photo.camera,
        "latitude": photo.latitude,
        "longitude": photo.longitude,
        "caption": photo.caption,
        "confidence": photo.confidence,
        "labels": [{"label": label, "probability": probability} for label, probability in labels],
        "embedding": None if embedding is None else np.frombuffer(embedding, "<f2"),
        "space_id": index.embeddings.space_id() if embedding is not None else None,
        "model_id": photo.model_id,
        "error": photo.error,
    }
