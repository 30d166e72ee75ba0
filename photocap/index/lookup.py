"""What the index knows of files and pictures: asked by indexing for every photo, so kept quick."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from photocap.index.connection import file_path
from photocap.index.database import Database, folder_range, path_bytes
from photocap.index.rows import CaptionRecord, CaptionVersion, FileState, KnownPicture, PhotoRow, PhotoState, RunRow
from photocap.records import CaptionSource

_STAMP = """
    SELECT photo.id, size_bytes, mtime_ns, inode, state, picture_hash, caption_id IS NOT NULL, written
    FROM photo LEFT JOIN picture ON picture.id = picture_id
    WHERE path = CAST(? AS TEXT)
"""

_PHOTO = """
    SELECT photo.id, photo.path, photo.state, photo.error, picture.picture_hash,
        coalesce(picture.person_caption, picture.model_caption),
        caption.source, caption.model_id, picture.confidence, photo.size_bytes, photo.mtime_ns,
        photo.written, photo.width_px, photo.height_px, photo.taken, camera.name, lens.name,
        photo.latitude, photo.longitude, photo.rating
    FROM photo
    LEFT JOIN picture ON picture.id = photo.picture_id
    LEFT JOIN caption ON caption.id = picture.caption_id
    LEFT JOIN camera ON camera.id = photo.camera_id
    LEFT JOIN lens ON lens.id = photo.lens_id
"""


class Lookup(Database):
    """Questions about single photos and pictures."""

    def stamp(self, path: Path) -> FileState | None:
        """Return what is known of the file at `path`; None where the index has never seen it."""
        with self._reading() as connection:
            row = connection.execute(_STAMP, (path_bytes(path),)).fetchone()
        return _stamp(row) if row else None

    def file_states(self, paths: Iterable[Path]) -> dict[Path, FileState]:
        """Return what is known of many files and remember that this walk has seen them.

        Give it a few hundred paths at a time; `mark_missing` then knows which files were not met.
        """
        known: dict[Path, FileState] = {}
        seen: list[tuple[int]] = []
        with self._reading() as connection:
            for path in paths:
                row = connection.execute(_STAMP, (path_bytes(path),)).fetchone()
                if row:
                    known[path] = _stamp(row)
                    seen.append((row[0],))
            connection.executemany("INSERT OR IGNORE INTO temp.seen VALUES (?)", seen)
        return known

    def find_by_hash(self, picture_hash: str) -> KnownPicture | None:
        """Return the picture with this hash, its valid caption and the files that show it."""
        with self._reading() as connection:
            row = connection.execute(
                """
                SELECT picture.id, caption.text, caption.source, caption.model_id,
                    caption.weights_sha256, caption.confidence,
                    EXISTS (SELECT 1 FROM embedding WHERE picture_id = picture.id)
                FROM picture LEFT JOIN caption ON caption.id = picture.caption_id
                WHERE picture_hash = ?
                """,
                (picture_hash,),
            ).fetchone()
            if row is None:
                return None
            paths = connection.execute("SELECT path FROM photo WHERE picture_id = ? ORDER BY path", row[:1])
            return KnownPicture(
                picture_hash=picture_hash,
                caption=_caption(row[1:6]),
                rejected=row[1] is None and _last_verdict(connection, row[0]) == "rejected",
                has_embedding=bool(row[6]),
                paths=tuple(file_path(text) for (text,) in paths),
            )

    def photo(self, path: Path) -> PhotoRow | None:
        """Return everything known of the photo at `path`."""
        with self._reading() as connection:
            row = connection.execute(f"{_PHOTO} WHERE path = CAST(? AS TEXT)", (path_bytes(path),)).fetchone()
        return _photo(row) if row else None

    def photos(self, folder: Path | None = None) -> Iterator[PhotoRow]:
        """Yield every photo (below `folder`), by path, reading as it goes."""
        bounds = folder_range(folder) if folder else (b"", b"\xff")
        with self._reading() as connection:
            cursor = connection.execute(
                f"{_PHOTO} WHERE path >= CAST(? AS TEXT) AND path < CAST(? AS TEXT) ORDER BY path", bounds
            )
            for row in cursor:
                yield _photo(row)

    def photos_by_id(self, ids: Sequence[int]) -> list[PhotoRow]:
        """Return photos in the order of their ids as given."""
        with self._reading() as connection:
            rows = [connection.execute(f"{_PHOTO} WHERE photo.id = ?", (id_,)).fetchone() for id_ in ids]
        return [_photo(row) for row in rows if row]

    def to_review(self, folder: Path | None = None) -> list[int]:
        """Return a photo of each picture (below `folder`) whose caption no person has judged, least certain first."""
        bounds = folder_range(folder) if folder else (b"", b"\xff")
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT min(photo.id) FROM photo JOIN picture ON picture.id = photo.picture_id"
                " WHERE model_caption IS NOT NULL AND state = 'present'"
                " AND path >= CAST(? AS TEXT) AND path < CAST(? AS TEXT)"
                " GROUP BY picture.id ORDER BY confidence, picture.id",
                bounds,
            ).fetchall()
        return [photo_id for (photo_id,) in rows]

    def captioned_pictures(self, *, by_person_only: bool) -> Iterator[PhotoRow]:
        """Yield a present photo of each picture that has a caption, by path."""
        captioned = "person_caption IS NOT NULL" if by_person_only else "caption_id IS NOT NULL"
        first_of_each = (
            "SELECT min(photo.path) FROM photo JOIN picture ON picture.id = photo.picture_id"
            f" WHERE state = 'present' AND {captioned} GROUP BY picture.id"
        )
        with self._reading() as connection:
            for row in connection.execute(f"{_PHOTO} WHERE path IN ({first_of_each}) ORDER BY path"):
                yield _photo(row)

    def caption_history(self, picture_hash: str) -> list[CaptionVersion]:
        """Return every caption a picture ever had, oldest first."""
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT text, source, model_id, weights_sha256, confidence, run_id, created, verdict, is_current"
                " FROM captions WHERE picture_hash = ? ORDER BY id",
                (picture_hash,),
            ).fetchall()
        return [_history_row(row) for row in rows]

    def runs(self, limit: int = 20) -> list[RunRow]:
        """Return the latest runs, newest first."""
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT id, command, started, finished, model_id, weights_sha256, outcome"
                " FROM run ORDER BY id DESC LIMIT ?",
                (limit,),
            ).fetchall()
        return [RunRow(*row) for row in rows]


def _stamp(row: tuple[object, ...]) -> FileState:
    _, size_bytes, mtime_ns, inode, state, picture_hash, has_caption, written = row
    return FileState(size_bytes, mtime_ns, inode, PhotoState(state), picture_hash, bool(has_caption), written)  # type: ignore[arg-type]  # the schema's types


def _photo(row: tuple[object, ...]) -> PhotoRow:
    id_, path, state, error, picture_hash, caption, source, *rest = row
    return PhotoRow(
        id_,  # type: ignore[arg-type]  # the schema's types
        file_path(path),  # type: ignore[arg-type]
        PhotoState(state),
        error,  # type: ignore[arg-type]
        picture_hash,  # type: ignore[arg-type]
        caption,  # type: ignore[arg-type]
        CaptionSource(source) if source else None,
        *rest,  # type: ignore[arg-type]
    )


def _history_row(row: tuple[object, ...]) -> CaptionVersion:
    text, source, model_id, weights_sha256, confidence, run_id, created, verdict, current = row
    pedigree = (model_id, weights_sha256, confidence, run_id, created, verdict)
    return CaptionVersion(text, CaptionSource(source), *pedigree, bool(current))  # type: ignore[arg-type]  # the schema's types


def _caption(row: Sequence[object]) -> CaptionRecord | None:
    text, source, model_id, weights_sha256, confidence = row
    if text is None:
        return None
    return CaptionRecord(text, CaptionSource(source), model_id, weights_sha256, confidence)  # type: ignore[arg-type]  # the schema's types


def _last_verdict(connection: sqlite3.Connection, picture_id: int) -> str | None:
    row = connection.execute(
        "SELECT verdict FROM caption WHERE picture_id = ? ORDER BY id DESC LIMIT 1", (picture_id,)
    ).fetchone()
    return row[0] if row else None
