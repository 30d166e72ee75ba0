"""What the index knows of photos and of the pictures they show."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path

from photocap.index.connection import file_path
from photocap.index.database import EVERYWHERE, Database, folder_range, path_bytes
from photocap.index.embeddings import forget_embedding
from photocap.index.likely_labels import forget_likely_labels
from photocap.index.rows import CaptionRecord, FileState, KnownPicture, PhotoRow, PhotoState, stored
from photocap.index.search_text import refresh
from photocap.index.words import store_words
from photocap.records import CaptionSource, HashKind, Label, PhotoWords, Verdict, Written

FILE_STATE = """
    SELECT photo.id, size_bytes, mtime_ns, inode, state, picture_hash, caption_id IS NOT NULL, written,
        facts_version, extras
    FROM photo LEFT JOIN picture ON picture.id = picture_id
    WHERE path = CAST(? AS TEXT)
"""

PHOTO_ROW = """
    SELECT photo.id, photo.path, photo.state, photo.error, picture.picture_hash,
        coalesce(picture.person_caption, picture.model_caption),
        caption.source, caption.model_id, picture.confidence, photo.size_bytes, photo.mtime_ns,
        photo.written, photo.width_px, photo.height_px, photo.taken, camera.name, lens.name,
        photo.latitude, photo.longitude, photo.rating, photo.iso, photo.f_number, photo.focal_length_mm,
        photo.taken_source
    FROM photo
    LEFT JOIN picture ON picture.id = photo.picture_id
    LEFT JOIN caption ON caption.id = picture.caption_id
    LEFT JOIN camera ON camera.id = photo.camera_id
    LEFT JOIN lens ON lens.id = photo.lens_id
"""
_NAMES_OF_FACTS = [field.name for field in fields(PhotoRow)][12:]  # after `written`


class Photos:
    """Looking photos up; indexing asks for every photo, so this is kept quick."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def file_state(self, path: Path) -> FileState | None:
        """Return what is known of the file at `path`; None where the index has never seen it."""
        with self._database.reading() as connection:
            row = connection.execute(FILE_STATE, (path_bytes(path),)).fetchone()
        return file_state(row) if row else None

    def hash_kind(self) -> HashKind:
        """Return how pictures are hashed here: as they were when the first one was recorded."""
        with self._database.reading() as connection:
            row = connection.execute("SELECT picture_hash FROM picture ORDER BY id LIMIT 1").fetchone()
        return HashKind.of(row[0]) if row else HashKind.BLAKE3

    def find_picture(self, picture_hash: str) -> KnownPicture | None:
        """Return the picture with this hash, its valid caption and the files that show it."""
        with self._database.reading() as connection:
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
                rejected=row[1] is None and _last_verdict(connection, row[0]) is Verdict.REJECTED,
                has_embedding=bool(row[6]),
                paths=tuple(file_path(text) for (text,) in paths),
            )

    def get(self, path: Path) -> PhotoRow | None:
        """Return everything known of the photo at `path`."""
        with self._database.reading() as connection:
            row = connection.execute(f"{PHOTO_ROW} WHERE path = CAST(? AS TEXT)", (path_bytes(path),)).fetchone()
        return photo_row(row) if row else None

    def all(self, folder: Path | None = None) -> Iterator[PhotoRow]:
        """Yield every photo (below `folder`), by path, reading as it goes."""
        bounds = folder_range(folder) if folder else EVERYWHERE
        with self._database.reading() as connection:
            cursor = connection.execute(
                f"{PHOTO_ROW} WHERE path >= CAST(? AS TEXT) AND path < CAST(? AS TEXT) ORDER BY path", bounds
            )
            for row in cursor:
                yield photo_row(row)

    def by_id(self, ids: Sequence[int]) -> list[PhotoRow]:
        """Return photos in the order of their ids as given."""
        with self._database.reading() as connection:
            rows = [connection.execute(f"{PHOTO_ROW} WHERE photo.id = ?", (id_,)).fetchone() for id_ in ids]
        return [photo_row(row) for row in rows if row]

    def picture_id(self, photo_id: int) -> int | None:
        """Return the id of the picture that a photo shows."""
        with self._database.reading() as connection:
            row = connection.execute("SELECT picture_id FROM photo WHERE id = ?", (photo_id,)).fetchone()
        return row[0] if row else None

    def labels(self, picture_id: int) -> list[tuple[str, float]]:
        """Return the labels of a picture with their probabilities, the likeliest first."""
        sql = "SELECT label, probability FROM picture_label WHERE picture_id = ? ORDER BY probability DESC, label"
        with self._database.reading() as connection:
            return connection.execute(sql, (picture_id,)).fetchall()

    def picture_labels(self, picture_hash: str) -> tuple[Label, ...]:
        """Return what a model recognised in a picture, the likeliest first; nothing where none has looked."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT label, probability FROM picture JOIN picture_label ON picture_id = picture.id"
                " WHERE picture_hash = ? ORDER BY probability DESC, label",
                (picture_hash,),
            ).fetchall()
        return tuple(Label(*row) for row in rows)

    def failed(self) -> Iterator[tuple[Path, str]]:
        """Yield the photos that could not be read and why."""
        with self._database.reading() as connection:
            rows = connection.execute("SELECT path, error FROM photo WHERE state = 'failed' ORDER BY path")
            for path, error in rows:
                yield file_path(path), error or "unknown"

    def missing(self, folder: Path | None = None) -> list[Path]:
        """Return the photos (below `folder`) that were gone when last looked for."""
        bounds = folder_range(folder) if folder else EVERYWHERE
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT path FROM photo WHERE state = 'missing'"
                " AND path >= CAST(? AS TEXT) AND path < CAST(? AS TEXT) ORDER BY path",
                bounds,
            ).fetchall()
        return [file_path(path) for (path,) in rows]

    def duplicates(self) -> Iterator[list[Path]]:
        """Yield groups of present photos that are the same picture."""
        with self._database.reading() as connection:
            groups = connection.execute(
                "SELECT picture_id FROM photo WHERE state = 'present' AND picture_id IS NOT NULL"
                " GROUP BY picture_id HAVING count(*) > 1 ORDER BY min(path)"
            ).fetchall()
            for group in groups:
                rows = connection.execute(
                    "SELECT path FROM photo WHERE picture_id = ? AND state = 'present' ORDER BY path", group
                )
                yield [file_path(path) for (path,) in rows]

    def update_file_state(self, path: Path, *, size_bytes: int, mtime_ns: int, inode: int, written: Written) -> None:
        """Note that photocap itself has changed a file, so that the next run need not look at it."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE photo SET size_bytes = ?, mtime_ns = ?, inode = ?, written = ?, extras = ''"
                " WHERE path = CAST(? AS TEXT)",
                (size_bytes, mtime_ns, inode, written.value, path_bytes(path)),
            )

    def update_words(self, path: Path, words: PhotoWords) -> None:
        """Note what a photo's metadata says after photocap itself has changed it."""
        with self._database.transaction() as connection:
            row = connection.execute(
                "SELECT id FROM photo WHERE path = CAST(? AS TEXT)", (path_bytes(path),)
            ).fetchone()
            if row:
                store_words(connection, row[0], words)
                refresh(connection, row)

    def persons_captions_to_forget(self, folder: Path | None = None) -> int:
        """Count the captions by people of pictures that no photo would show any more after `prune`."""
        bounds = folder_range(folder) if folder else EVERYWHERE
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT count(*) FROM picture WHERE person_caption IS NOT NULL"
                " AND EXISTS (SELECT 1 FROM photo WHERE picture_id = picture.id AND state = 'missing')"
                " AND NOT EXISTS (SELECT 1 FROM photo WHERE picture_id = picture.id AND NOT (state = 'missing'"
                " AND path >= CAST(? AS TEXT) AND path < CAST(? AS TEXT)))",
                bounds,
            ).fetchone()
        count: int = row[0]
        return count

    def prune(self, folder: Path | None = None) -> int:
        """Forget the photos that are missing (below `folder`), and pictures that no photo shows any more."""
        bounds = folder_range(folder) if folder else EVERYWHERE
        with self._database.transaction() as connection:
            forgotten = connection.execute(
                "DELETE FROM photo WHERE state = 'missing' AND path >= CAST(? AS TEXT) AND path < CAST(? AS TEXT)",
                bounds,
            ).rowcount
            orphans = connection.execute(
                "SELECT id FROM picture WHERE NOT EXISTS (SELECT 1 FROM photo WHERE picture_id = picture.id)"
            ).fetchall()
            for (picture_id,) in orphans:
                _forget_picture(connection, picture_id)
        return forgotten


def file_state(row: tuple[object, ...]) -> FileState:
    """Return a row of `FILE_STATE` as a record."""
    _, size_bytes, mtime_ns, inode, state, picture_hash, has_caption, written, facts_version, extras = row
    return FileState(
        size_bytes=size_bytes,  # type: ignore[arg-type]  # the schema's types
        mtime_ns=mtime_ns,  # type: ignore[arg-type]
        inode=inode,  # type: ignore[arg-type]
        state=stored(PhotoState, state),
        picture_hash=picture_hash,  # type: ignore[arg-type]
        has_caption=bool(has_caption),
        written=stored(Written, written),
        facts_version=facts_version,  # type: ignore[arg-type]
        extras=frozenset(str(extras).split()),
    )


def photo_row(row: tuple[object, ...]) -> PhotoRow:
    """Return a row of `PHOTO_ROW` as a record."""
    id_, path, state, error, picture_hash, caption, source, model_id, confidence, size, mtime, written, *facts = row
    return PhotoRow(
        id=id_,  # type: ignore[arg-type]  # the schema's types
        path=file_path(path),  # type: ignore[arg-type]
        state=stored(PhotoState, state),
        error=error,  # type: ignore[arg-type]
        picture_hash=picture_hash,  # type: ignore[arg-type]
        caption=caption,  # type: ignore[arg-type]
        source=stored(CaptionSource, source) if source else None,
        model_id=model_id,  # type: ignore[arg-type]
        confidence=confidence,  # type: ignore[arg-type]
        size_bytes=size,  # type: ignore[arg-type]
        mtime_ns=mtime,  # type: ignore[arg-type]
        written=stored(Written, written),
        **dict(zip(_NAMES_OF_FACTS, facts, strict=True)),  # type: ignore[arg-type]
    )


def _caption(row: Sequence[object]) -> CaptionRecord | None:
    text, source, model_id, weights_sha256, confidence = row
    if text is None:
        return None
    return CaptionRecord(
        text=text,  # type: ignore[arg-type]  # the schema's types
        source=stored(CaptionSource, source),
        model_id=model_id,  # type: ignore[arg-type]
        weights_sha256=weights_sha256,  # type: ignore[arg-type]
        confidence=confidence,  # type: ignore[arg-type]
    )


def _last_verdict(connection: sqlite3.Connection, picture_id: int) -> Verdict | None:
    row = connection.execute(
        "SELECT verdict FROM caption WHERE picture_id = ? ORDER BY id DESC LIMIT 1", (picture_id,)
    ).fetchone()
    return stored(Verdict, row[0]) if row and row[0] else None


def _forget_picture(connection: sqlite3.Connection, picture_id: int) -> None:
    forget_embedding(connection, picture_id)
    forget_likely_labels(connection, picture_id)
    connection.execute("DELETE FROM caption WHERE picture_id = ?", (picture_id,))
    connection.execute("DELETE FROM picture WHERE id = ?", (picture_id,))
