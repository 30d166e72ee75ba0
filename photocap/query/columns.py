"""What is searched for words, and how much a word counts there."""

from __future__ import annotations

COLUMNS = {
    "person_words": 10.0,
    "caption": 5.0,
    "labels": 4.5,
    "keywords": 4.0,
    "title": 3.5,
    "people": 3.0,
    "place": 2.5,
    "filename": 2.0,
    "folders": 1.5,
    "camera": 1.0,
    "dates": 0.5,
}
"""The columns of the full-text index, in its order, with their weights."""

CONTENT = ("person_words", "caption", "labels", "keywords", "title")
"""The columns that say what a picture shows: only there does another word for the same thing count."""

CAPTIONS = ("person_words", "caption")
"""The columns that `caption:` asks."""
