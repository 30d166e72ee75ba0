"""The numbered steps from each version of the schema to the next.

Base tables have singular names and may change; the views `photos`, `captions` and `runs` are what other programs may
rely on. Paths are TEXT made of the file system's own bytes, so that names which are not UTF-8 survive.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from photocap.index.migrations.facet_counts import VERSION_7
from photocap.index.migrations.first_tables import VERSION_1
from photocap.index.migrations.likely_labels import VERSION_8
from photocap.index.migrations.search_text import VERSION_3
from photocap.index.undo_photos import name_photos_of_undo

if TYPE_CHECKING:
    from sqlite_utils import Database


def _version_1(database: Database) -> None:
    database.executescript(VERSION_1)


def _version_2(database: Database) -> None:
    """Let undo records hash what a write keeps once, not each file twice; in older ones this stays empty."""
    database.table("undo").add_column("sha256_kept", str)


def _version_3(database: Database) -> None:
    """Search everything known of a photo, not its captions alone; `migrate` fills the new tables."""
    database.executescript(VERSION_3)


def _version_4(database: Database) -> None:
    """Let undo records name the photo that a write is about, so that a sidecar's photo need not be guessed."""
    database.table("undo").add_column("photo_path", str)
    database.execute("CREATE INDEX undo_by_photo ON undo(photo_path)")
    name_photos_of_undo(database.conn)


def _version_5(database: Database) -> None:
    """Let photos be counted by month and camera from the index alone, whatever their state."""
    for name, columns in {"photo_by_taken": "taken, state", "photo_by_camera": "camera_id, state"}.items():
        database.execute(f"DROP INDEX {name}")
        database.execute(f"CREATE INDEX {name} ON photo({columns})")


def _version_6(database: Database) -> None:
    """Note what was to be written besides the caption, so that a photo is opened for it once and not in every run."""
    database.execute("ALTER TABLE photo ADD COLUMN extras TEXT NOT NULL DEFAULT ''")


def _version_7(database: Database) -> None:
    """Count the photos of each value of a facet once, and from then on as they change."""
    database.executescript(VERSION_7)


def _version_8(database: Database) -> None:
    """Keep the labels that a picture likely shows, for searches; a picture has some once it is captioned again."""
    database.executescript(VERSION_8)


def _version_9(database: Database) -> None:
    """Let undo records know by BLAKE3 what a write keeps; older ones still do by SHA-256."""
    database.table("undo").add_column("blake3_kept", str)


def _version_10(_: Database) -> None:
    """Let pictures be known by BLAKE3 where they are the first ones of an index; an older photocap would know none."""


MIGRATIONS: tuple[Callable[[Database], None], ...] = (
    _version_1,
    _version_2,
    _version_3,
    _version_4,
    _version_5,
    _version_6,
    _version_7,
    _version_8,
    _version_9,
    _version_10,
)
"""Step number n brings a database from version n to n + 1; a released step never changes."""

SCRIPTS = (VERSION_1, VERSION_3, VERSION_7)
"""The SQL of the steps that make triggers or views."""
