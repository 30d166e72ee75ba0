"""The runs of commands that write."""

from __future__ import annotations

from dataclasses import fields

from photocap.index.database import Database, now
from photocap.index.rows import RunRow


class Runs:
    """Opening, closing and listing runs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def start(self, command: str, *, model: tuple[str, str] | None = None) -> int:
        """Open a run and return its number; `model`: its name and the hash of its weights, where they are known."""
        with self._database.transaction() as connection:
            cursor = connection.execute(
                "INSERT INTO run (command, started, model_id, weights_sha256) VALUES (?, ?, ?, ?)",
                (command, now(), *(model or (None, None))),
            )
        assert cursor.lastrowid is not None  # an INSERT has one
        return cursor.lastrowid

    def finish(self, run_id: int, outcome: str = "", *, model: tuple[str, str] | None = None) -> None:
        """Close a run; `outcome` is its summary line, `model` as for `start`. A run without an end was killed."""
        with self._database.transaction() as connection:
            connection.execute("UPDATE run SET finished = ?, outcome = ? WHERE id = ?", (now(), outcome, run_id))
            if model:
                connection.execute("UPDATE run SET model_id = ?, weights_sha256 = ? WHERE id = ?", (*model, run_id))

    def latest(self, limit: int = 20) -> list[RunRow]:
        """Return the latest runs, newest first."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT id, command, started, finished, model_id, weights_sha256, outcome"
                " FROM run ORDER BY id DESC LIMIT ?",
                (limit,),
            ).fetchall()
        names = [field.name for field in fields(RunRow)]
        return [RunRow(**dict(zip(names, row, strict=True))) for row in rows]
