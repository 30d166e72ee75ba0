"""What a photo's metadata says in words, as rows of `photo_word`."""

from __future__ import annotations

import sqlite3

from photocap.index.database import storable
from photocap.records import PhotoWords


def store_words(connection: sqlite3.Connection, photo_id: int, words: PhotoWords) -> None:
    """Put the words of a photo in place of those that were known; part of a transaction that is open."""
    said = {
        "keyword": words.keywords,
        "title": words.titles,
        "person": words.people,
        "place": words.places,
    }
    rows = [(photo_id, kind, "", storable(text)) for kind, texts in said.items() for text in texts]
    rows += [(photo_id, "description", d.place, storable(d.text)) for d in words.descriptions]
    connection.execute("DELETE FROM photo_word WHERE photo_id = ?", (photo_id,))
    connection.executemany("INSERT OR IGNORE INTO photo_word VALUES (?, ?, ?, ?)", rows)
