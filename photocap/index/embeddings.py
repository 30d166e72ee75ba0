"""Storing embeddings, and their signs packed 1,024 pictures to a row for the first pass of a scan."""

from __future__ import annotations

import sqlite3

BLOCK_PICTURES = 1_024

# The high byte of a little-endian float16 carries the sign: "1" for a value that is not negative.
_SIGN = bytes(ord("0") if byte & 0x80 else ord("1") for byte in range(256))


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
