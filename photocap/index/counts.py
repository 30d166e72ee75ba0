"""How much of everything the index contains."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from photocap.index.database import Database


@dataclass(frozen=True, kw_only=True)
class IndexCounts:
    """How much of everything the index holds.

    Attributes:
        present, missing, failed: photos by state.
        pictures: different pictures among them.
        by_person: pictures with a person's caption.
        by_model: pictures with a generated caption, by model.
        without_caption: pictures that have none (rejected ones included).
        embeddings: pictures with a place in the joint text-image space.
        undo_records: writes that can be taken back.
    """

    present: int
    missing: int
    failed: int
    pictures: int
    by_person: int
    by_model: dict[str, int]
    without_caption: int
    embeddings: int
    undo_records: int


def count_everything(database: Database) -> IndexCounts:
    """Count everything; reads the whole index once."""
    with database.reading() as connection:
        states = dict(connection.execute("SELECT state, count(*) FROM photo GROUP BY state").fetchall())
        sources = connection.execute(
            "SELECT caption.source, coalesce(caption.model_id, 'unknown'), count(*)"
            " FROM picture LEFT JOIN caption ON caption.id = picture.caption_id GROUP BY 1, 2"
        ).fetchall()
        return IndexCounts(
            present=states.get("present", 0),
            missing=states.get("missing", 0),
            failed=states.get("failed", 0),
            pictures=sum(count for _, _, count in sources),
            by_person=sum(count for source, _, count in sources if source == "person"),
            by_model={model: count for source, model, count in sources if source == "model"},
            without_caption=sum(count for source, _, count in sources if source is None),
            embeddings=_count(connection, "embedding"),
            undo_records=_count(connection, "undo WHERE state = 'written'"),
        )


def _count(connection: sqlite3.Connection, what: str) -> int:
    count: int = connection.execute(f"SELECT count(*) FROM {what}").fetchone()[0]
    return count
