"""What one sees when looking without words: newest first, by month, by folder, and what to review next."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from photocap.index.connection import file_path
from photocap.index.database import Database, folder_range, path_bytes
from photocap.records import Label


@dataclass(frozen=True)
class MonthCount:
    """The present photos of one month, "2019-06", with the newest of them; `month` is empty where there is no date."""

    month: str
    photos: int
    newest_id: int


@dataclass(frozen=True)
class FolderEntry:
    """What lies directly in a folder: a photo, or (`name` is set) a folder with one of the photos below it."""

    photo_id: int
    name: str = ""


@dataclass(frozen=True)
class ReviewItem:
    """A photo whose caption no person has judged, and its place in the order of review."""

    photo_id: int
    confidence: float
    picture_id: int

    @property
    def position(self) -> tuple[float, int]:
        """Return what `next_to_review` goes by."""
        return self.confidence, self.picture_id


class Browse:
    """Reading a library in order; each question stays below 200 ms at a million photos."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def newest(self, limit: int, after_id: int | None = None) -> list[int]:
        """Return present photos by date, the newest first and those without a date last.

        Args:
            limit: how many.
            after_id: go on behind this photo.
        """
        with self._database.reading() as connection:
            taken = _taken(connection, after_id) if after_id is not None else _LATEST
            last_id = after_id if after_id is not None else 0
            found = []
            if taken is not None:
                found = connection.execute(_DATED_BEFORE, (taken, taken, last_id, limit)).fetchall()
            if len(found) < limit:
                below = last_id if taken is None else _HIGHEST_ID
                found += connection.execute(_UNDATED, (below, limit - len(found))).fetchall()
        return [photo_id for (photo_id,) in found]

    def newer(self, photo_id: int) -> int | None:
        """Return the photo before this one in the order of `newest`."""
        with self._database.reading() as connection:
            taken = _taken(connection, photo_id)
            if taken is None:
                row = connection.execute(
                    "SELECT id FROM photo WHERE taken IS NULL AND state = 'present' AND id > ? ORDER BY id LIMIT 1",
                    (photo_id,),
                ).fetchone()
                row = (
                    row
                    or connection.execute(
                        "SELECT id FROM photo WHERE taken IS NOT NULL AND state = 'present' ORDER BY taken, id LIMIT 1"
                    ).fetchone()
                )
            else:
                row = connection.execute(
                    "SELECT id FROM photo WHERE taken >= ? AND (taken, id) > (?, ?) AND state = 'present'"
                    " ORDER BY taken, id LIMIT 1",
                    (taken, taken, photo_id),
                ).fetchone()
        return row[0] if row else None

    def months(self) -> list[MonthCount]:
        """Return the months that have photos, newest first, then the photos without a date."""
        with self._database.reading() as connection:
            rows = connection.execute(
                f"SELECT value, photos, {_NEWEST_OF_MONTH} FROM facet_count"
                " WHERE facet = 'month' AND value <> '' AND photos > 0 ORDER BY value DESC"
            ).fetchall()
            undated = connection.execute(
                "SELECT photos FROM facet_count WHERE facet = 'month' AND value = '' AND photos > 0"
            ).fetchone()
        months = [MonthCount(*row) for row in rows]
        return [*months, MonthCount("", undated[0], self.newest_undated())] if undated else months

    def newest_undated(self) -> int:
        """Return the photo without a date that came last; 0 where there is none."""
        with self._database.reading() as connection:
            row = connection.execute(_UNDATED, (_HIGHEST_ID, 1)).fetchone()
        return row[0] if row else 0

    def labels_of(self, photo_id: int) -> list[Label]:
        """Return what the model recognised in a photo, the likeliest first."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT label, probability FROM photo JOIN picture_label USING (picture_id) WHERE photo.id = ?"
                " ORDER BY probability DESC, label",
                (photo_id,),
            ).fetchall()
        return [Label(*row) for row in rows]

    def root(self) -> Path | None:
        """Return the folder that holds every photo of the index; None for an empty index."""
        with self._database.reading() as connection:
            # Two questions in one, since SQLite answers only a single min or max from an index alone.
            first, last = connection.execute(
                "SELECT (SELECT min(path) FROM photo), (SELECT max(path) FROM photo)"
            ).fetchone()
        if first is None:
            return None
        folders = [str(file_path(path).parent) for path in (first, last)]
        return Path(os.path.commonpath(folders))

    def folder_entries(self, folder: Path, limit: int, after: Path | None = None) -> list[FolderEntry]:
        """Return the photos and folders that lie directly in a folder, in order of name.

        Args:
            folder: the folder.
            limit: how many entries.
            after: go on behind the entry that is this photo, or the folder that holds it.
        """
        with self._database.reading() as connection:
            return list(islice(_entries(connection, folder, after), limit))

    def next_to_review(self, after: tuple[float, int] | None = None, *, backwards: bool = False) -> ReviewItem | None:
        """Return the next photo whose caption no person has judged, the least certain first.

        Args:
            after: the confidence and the picture's number behind which to look; None begins at the beginning.
            backwards: look before `after` instead.
        """
        order, sign = ("DESC", "<") if backwards else ("ASC", ">")
        start = after or (-1.0, 0)
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT photo.id, confidence, picture.id FROM picture CROSS JOIN photo ON photo.picture_id = picture.id"
                f" WHERE confidence {sign}= ? AND (confidence, picture.id) {sign} (?, ?) AND model_caption IS NOT NULL"
                f" AND state = 'present' ORDER BY confidence {order}, picture.id {order}, photo.id LIMIT 1",
                (start[0], *start),
            ).fetchone()
        return ReviewItem(*row) if row else None

    def review_item(self, photo_id: int) -> ReviewItem | None:
        """Return a photo's place in the order of review; None where a person has judged its caption."""
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT photo.id, confidence, picture.id FROM photo JOIN picture ON picture.id = photo.picture_id"
                " WHERE photo.id = ? AND confidence IS NOT NULL",
                (photo_id,),
            ).fetchone()
        return ReviewItem(*row) if row else None

    def count_to_review(self) -> int:
        """Count the pictures whose caption no person has judged."""
        with self._database.reading() as connection:
            count: int = connection.execute("SELECT count(*) FROM picture WHERE confidence IS NOT NULL").fetchone()[0]
        return count


_LATEST = "9999"
_HIGHEST_ID = (1 << 63) - 1
_DATED_BEFORE = (
    "SELECT id FROM photo WHERE taken <= ? AND (taken, id) < (?, ?) AND state = 'present'"
    " ORDER BY taken DESC, id DESC LIMIT ?"
)
_UNDATED = "SELECT id FROM photo WHERE taken IS NULL AND state = 'present' AND id < ? ORDER BY id DESC LIMIT ?"
# A colon sorts behind every digit and the hyphen, so this is the month with all its days.
_NEWEST_OF_MONTH = (
    "(SELECT id FROM photo WHERE taken >= value AND taken < value || ':' AND state = 'present'"
    " ORDER BY taken DESC, id DESC LIMIT 1)"
)


def _taken(connection: sqlite3.Connection, photo_id: int) -> str | None:
    row = connection.execute("SELECT taken FROM photo WHERE id = ?", (photo_id,)).fetchone()
    return row[0] if row else None


def _entries(connection: sqlite3.Connection, folder: Path, after: Path | None) -> Iterator[FolderEntry]:
    """Yield what lies in a folder, leaping over what lies below its folders."""
    first, last = folder_range(folder)
    start, operator = first, ">="
    if after is not None:
        start, operator = _behind(first, path_bytes(after))
    while True:
        row = connection.execute(
            f"SELECT id, path FROM photo WHERE path {operator} CAST(? AS TEXT) AND path < CAST(? AS TEXT)"
            " AND state = 'present' ORDER BY path LIMIT 1",
            (start, last),
        ).fetchone()
        if row is None:
            return
        path = path_bytes(file_path(row[1]))
        name, separator, _ = path[len(first) :].partition(_SEPARATOR)
        yield FolderEntry(row[0], os.fsdecode(name) if separator else "")
        start, operator = _behind(first, path)


def _behind(first: bytes, path: bytes) -> tuple[bytes, str]:
    """Return where the entry after `path` begins, and how to compare with that."""
    name, separator, _ = path[len(first) :].partition(_SEPARATOR)
    if not separator:
        return path, ">"
    return first + name + bytes([separator[0] + 1]), ">="


_SEPARATOR = os.fsencode(os.sep)
