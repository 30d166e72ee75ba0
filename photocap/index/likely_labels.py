"""Labels that pictures likely show, but not surely: a search shows such pictures below those that have the word."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence

from photocap.index.database import Database, storable
from photocap.index.filter_sql import Condition
from photocap.index.search_sql import Match
from photocap.records import Label

_OF_NAME = "label_id = (SELECT id FROM label_name WHERE name = ?)"


class LikelyLabels:
    """The likely labels of all pictures."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def photos_with(self, name: str, condition: Condition, *, at_least: float, limit: int) -> list[Match]:
        """Return the photos that meet a condition and likely show a label, the likeliest first.

        Args:
            name: the label.
            condition: what else must be true of a photo.
            at_least: the least probability.
            limit: how many photos at most.
        """
        sql = (
            "SELECT photo.id, photo.picture_id, percent / 100.0 FROM likely_label"
            f" CROSS JOIN photo ON photo.picture_id = likely_label.picture_id WHERE {_OF_NAME} AND percent >= ?"
            f" AND {condition.sql} ORDER BY percent DESC, likely_label.picture_id DESC LIMIT ?"
        )
        with self._database.reading() as connection:
            rows = connection.execute(sql, (name, 100 * at_least, *condition.values, limit)).fetchall()
        return [Match(*row) for row in rows]

    def probabilities(self, name: str, picture_ids: Sequence[int]) -> dict[int, float]:
        """Return those of some pictures that surely or likely show a label, with the probability that they do."""
        asked = "picture_id IN (SELECT value FROM json_each(?))"
        sql = (
            f"SELECT picture_id, percent / 100.0 FROM likely_label WHERE {_OF_NAME} AND {asked}"
            f" UNION ALL SELECT picture_id, probability FROM picture_label WHERE label = ? AND {asked}"
        )
        ids = json.dumps(list(picture_ids))
        with self._database.reading() as connection:
            return dict(connection.execute(sql, (name, ids, name, ids)).fetchall())


def store_likely_labels(connection: sqlite3.Connection, picture_id: int, labels: Iterable[Label]) -> None:
    """Let a picture have these likely labels and no others; part of a transaction that is open."""
    forget_likely_labels(connection, picture_id)
    for label in labels:
        name = storable(label.name)
        connection.execute("INSERT OR IGNORE INTO label_name (name) VALUES (?)", (name,))
        connection.execute(
            "INSERT OR IGNORE INTO likely_label SELECT id, ?, ? FROM label_name WHERE name = ?",
            (int(100 * label.probability), picture_id, name),
        )


def forget_likely_labels(connection: sqlite3.Connection, picture_id: int) -> None:
    """Drop a picture's likely labels; part of a transaction that is open."""
    connection.execute("DELETE FROM likely_label WHERE picture_id = ?", (picture_id,))
