"""How many photos can be narrowed down to: by year, camera, label, folder, and by who wrote the caption."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from photocap.index.connection import file_path
from photocap.index.database import Database, folder_range


class PhotoValues(NamedTuple):
    """What one photo adds to the counts; `year` and `camera` are None where they are not known."""

    year: str | None
    camera: str | None
    folder: Path
    is_by_person: bool
    confidence: float | None


class Facets:
    """Counting present photos; of the whole library from counts that the index keeps, whatever its size."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def years(self) -> list[tuple[str, int]]:
        """Return the years that have photos, the latest first, and how many these are."""
        return self._values(
            "SELECT substr(value, 1, 4) AS year, sum(photos) AS sum FROM facet_count"
            " WHERE facet = 'month' AND value <> '' GROUP BY year HAVING sum > 0 ORDER BY year DESC"
        )

    def cameras(self, limit: int) -> list[tuple[str, int]]:
        """Return the cameras with the most photos, and how many these are."""
        return self._values(
            "SELECT name, photos FROM facet_count JOIN camera ON camera.id = value"
            " WHERE facet = 'camera' AND photos > 0 ORDER BY photos DESC, name LIMIT ?",
            limit,
        )

    def labels(self, limit: int) -> list[tuple[str, int]]:
        """Return the labels of the most photos, and how many these are."""
        return self._values(
            "SELECT value, photos FROM facet_count WHERE facet = 'label' AND photos > 0"
            " ORDER BY photos DESC, value LIMIT ?",
            limit,
        )

    def edited(self) -> int:
        """Count the photos with a person's caption."""
        return self._sum("facet = 'edited'")

    def confident(self, low: float, high: float) -> int:
        """Count the photos with a confidence in [low, high), both whole hundredths."""
        return self._sum("facet = 'confidence' AND value >= ? AND value < ?", round(low * 100), round(high * 100))

    def below(self, folder: Path) -> int:
        """Count the photos below a folder."""
        between = "facet = 'folder' AND value >= CAST(? AS TEXT) AND value < CAST(? AS TEXT)"
        return self._sum(between, *folder_range(folder))

    def values_among(self, photo_ids: Sequence[int]) -> list[PhotoValues]:
        """Return what each of some photos adds to the counts, its labels apart."""
        rows = self._values(
            "SELECT substr(taken, 1, 4), camera.name, photo.path, person_caption IS NOT NULL, confidence"
            " FROM json_each(?) AS asked JOIN photo ON photo.id = asked.value"
            " LEFT JOIN camera ON camera.id = camera_id LEFT JOIN picture ON picture.id = picture_id",
            json.dumps(list(photo_ids)),
        )
        return [
            PhotoValues(year, camera, file_path(path).parent, bool(by_person), confidence)
            for year, camera, path, by_person, confidence in rows
        ]

    def labels_among(self, photo_ids: Sequence[int], limit: int) -> list[tuple[str, int]]:
        """Return the commonest labels of some photos, and how many of these have them."""
        return self._values(
            "SELECT label, count(*) AS photos FROM json_each(?) AS asked JOIN photo ON photo.id = asked.value"
            " JOIN picture_label USING (picture_id) GROUP BY label ORDER BY photos DESC, label LIMIT ?",
            json.dumps(list(photo_ids)),
            limit,
        )

    def _values(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with self._database.reading() as connection:
            return connection.execute(sql, values).fetchall()

    def _sum(self, condition: str, *values: object) -> int:
        sql = f"SELECT coalesce(sum(photos), 0) FROM facet_count WHERE {condition}"
        total: int = self._values(sql, *values)[0][0]
        return total
