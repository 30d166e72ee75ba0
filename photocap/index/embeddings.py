"""Store embeddings, and their signs packed 1,024 pictures to a row for the first pass of a scan."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence

from photocap.index.database import Database

BLOCK_PICTURES = 1_024

# The high byte of a little-endian float16 carries the sign: "1" for a value that is not negative.
_SIGN = bytes(ord("0") if byte & 0x80 else ord("1") for byte in range(256))


class Embeddings:
    """The pictures' embeddings, all of one joint text-image space."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def space_id(self) -> str | None:
        """Return the name of the joint text-image space of all embeddings; None where there are none."""
        with self._database.reading() as connection:
            row = connection.execute("SELECT space_id FROM space").fetchone()
        return row[0] if row else None

    def set_space(self, space_id: str) -> None:
        """Say which joint text-image space coming embeddings are of; those of another one are dropped."""
        with self._database.reading() as connection:
            if connection.execute("SELECT 1 FROM space WHERE space_id = ?", (space_id,)).fetchone():
                return
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM embedding")
            connection.execute("DELETE FROM sign_block")
            connection.execute("INSERT OR REPLACE INTO space VALUES (1, ?)", (space_id,))

    def get(self, picture_ids: Sequence[int]) -> dict[int, bytes]:
        """Return the embeddings of those pictures that have one."""
        sql = "SELECT picture_id, vector FROM embedding WHERE picture_id IN (SELECT value FROM json_each(?))"
        with self._database.reading() as connection:
            return dict(connection.execute(sql, (json.dumps(list(picture_ids)),)).fetchall())

    def all(self) -> Iterator[tuple[int, bytes]]:
        """Yield the number and the embedding of every picture that has one."""
        with self._database.reading() as connection:
            yield from connection.execute("SELECT picture_id, vector FROM embedding ORDER BY picture_id")

    def sign_blocks(self) -> list[tuple[int, bytes]]:
        """Return the number of the first picture of each block, and the block's packed signs."""
        with self._database.reading() as connection:
            return connection.execute("SELECT id, signs FROM sign_block ORDER BY id").fetchall()


def sign_bytes(vector: bytes) -> bytes:
    """Return one bit for each float16 of `vector`, 1 where it is not negative, first value in the highest bit."""
    bits = vector[1::2].translate(_SIGN)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def store_embedding(connection: sqlite3.Connection, picture_id: int, vector: bytes) -> None:
    """Store a picture's embedding and its signs; part of a transaction that is open."""
    connection.execute("INSERT OR REPLACE INTO embedding (picture_id, vector) VALUES (?, ?)", (picture_id, vector))
    _patch_block(connection, picture_id, sign_bytes(vector))


def forget_embedding(connection: sqlite3.Connection, picture_id: int) -> None:
    """Drop a picture's embedding and its signs; part of a transaction that is open."""
    row = connection.execute("DELETE FROM embedding WHERE picture_id = ? RETURNING length(vector)", (picture_id,))
    for (size_bytes,) in row.fetchall():
        _patch_block(connection, picture_id, bytes(size_bytes // 16))


def _patch_block(connection: sqlite3.Connection, picture_id: int, signs: bytes) -> None:
    block, place = divmod(picture_id, BLOCK_PICTURES)
    blank = len(signs) * BLOCK_PICTURES
    connection.execute("INSERT OR IGNORE INTO sign_block VALUES (?, zeroblob(?))", (block, blank))
    (block_signs,) = connection.execute("SELECT signs FROM sign_block WHERE id = ?", (block,)).fetchone()
    start = place * len(signs)
    patched = block_signs[:start] + signs + block_signs[start + len(signs) :]
    connection.execute("UPDATE sign_block SET signs = ? WHERE id = ?", (patched, block))
