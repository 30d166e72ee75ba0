"""Which photo an undo record of an older index is about; newer records carry it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator

_XMP = ".xmp"


def name_photos_of_undo(connection: sqlite3.Connection) -> None:
    """Fill `undo.photo_path` of records that were made before it existed, where the index knows the photo."""
    connection.execute("UPDATE undo SET photo_path = path WHERE path IN (SELECT path FROM photo)")
    rows = connection.execute("SELECT id, CAST(path AS BLOB) FROM undo WHERE photo_path IS NULL").fetchall()
    for id_, path in rows:
        photo = _photo_of_sidecar(connection, path)
        connection.execute("UPDATE undo SET photo_path = CAST(? AS TEXT) WHERE id = ?", (photo, id_))


def _photo_of_sidecar(connection: sqlite3.Connection, sidecar: bytes) -> bytes | None:
    stem, suffix = os.path.splitext(sidecar)
    if suffix.lower() != _XMP.encode():
        return None
    for candidate in _named_after(stem):
        if connection.execute("SELECT 1 FROM photo WHERE path = CAST(? AS TEXT)", (candidate,)).fetchone():
            return candidate
    # Adobe's IMG.xmp beside IMG.jpg. "/" is the byte after ".".
    beside = connection.execute(
        "SELECT CAST(path AS BLOB) FROM photo WHERE path > CAST(? AS TEXT) AND path < CAST(? AS TEXT)"
        " AND written = 'sidecar'",
        (stem + b".", stem + b"/"),
    ).fetchall()
    photos = [path for (path,) in beside if os.path.splitext(path)[0] == stem]
    return photos[0] if len(photos) == 1 else None


def _named_after(stem: bytes) -> Iterator[bytes]:
    """Yield photos of which this may be the sidecar: beside it, or by their full path below a folder of sidecars."""
    yield stem
    start = stem.find(b"/", 1)
    while start > 0:
        yield stem[start:]
        start = stem.find(b"/", start + 1)
