"""The schema: numbered migrations, applied on open.

Base tables have singular names and may change; the views `photos`, `captions` and `runs` are
what other programs may rely on. Paths are TEXT made of the file system's own bytes, so that names
which are not UTF-8 survive.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import TYPE_CHECKING

from photocap.index.search_text import refresh_all
from photocap.index.undo_photos import name_photos_of_undo

if TYPE_CHECKING:
    from sqlite_utils import Database

APPLICATION_ID = 0x50684361  # "PhCa"

_VERSION_1 = """
CREATE TABLE run (
    id INTEGER PRIMARY KEY,
    command TEXT NOT NULL,
    started TEXT NOT NULL,
    finished TEXT,
    model_id TEXT,
    weights_sha256 TEXT,
    outcome TEXT NOT NULL DEFAULT ''
);

-- One row for each picture, however many files show it. At most one of the two captions is set:
-- a person's words in one column, a model's in the other, so that the text search can weigh them.
CREATE TABLE picture (
    id INTEGER PRIMARY KEY,
    picture_hash TEXT NOT NULL UNIQUE,
    person_caption TEXT,
    model_caption TEXT,
    caption_id INTEGER REFERENCES caption(id),
    confidence REAL
);

-- Every caption a picture ever had; picture.caption_id names the valid one.
CREATE TABLE caption (
    id INTEGER PRIMARY KEY,
    picture_id INTEGER NOT NULL REFERENCES picture(id) ON DELETE CASCADE,
    text TEXT NOT NULL,
    source TEXT NOT NULL CHECK (source IN ('person', 'model')),
    model_id TEXT,
    weights_sha256 TEXT,
    confidence REAL,
    run_id INTEGER REFERENCES run(id),
    created TEXT NOT NULL,
    verdict TEXT CHECK (verdict IN ('accepted', 'edited', 'rejected'))
);
CREATE INDEX caption_by_picture ON caption(picture_id);

CREATE TABLE camera (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE lens (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);

-- One row for each file.
CREATE TABLE photo (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL UNIQUE,
    picture_id INTEGER REFERENCES picture(id),
    state TEXT NOT NULL DEFAULT 'present' CHECK (state IN ('present', 'failed', 'missing')),
    error TEXT,
    size_bytes INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    device INTEGER NOT NULL,
    written TEXT NOT NULL DEFAULT 'none' CHECK (written IN ('embedded', 'sidecar', 'none')),
    width_px INTEGER,
    height_px INTEGER,
    taken TEXT,
    camera_id INTEGER REFERENCES camera(id),
    lens_id INTEGER REFERENCES lens(id),
    latitude REAL,
    longitude REAL,
    rating INTEGER,
    first_run_id INTEGER REFERENCES run(id),
    run_id INTEGER REFERENCES run(id)
);
CREATE INDEX photo_by_picture ON photo(picture_id);
CREATE INDEX photo_by_taken ON photo(taken);
CREATE INDEX photo_by_camera ON photo(camera_id);
CREATE INDEX photo_by_lens ON photo(lens_id);
CREATE INDEX photo_by_place ON photo(latitude, longitude) WHERE latitude IS NOT NULL;
CREATE INDEX photo_by_rating ON photo(rating) WHERE rating IS NOT NULL;
CREATE INDEX photo_out_of_order ON photo(state) WHERE state <> 'present';
CREATE INDEX picture_of_person ON picture(id) WHERE person_caption IS NOT NULL;
CREATE INDEX picture_by_confidence ON picture(confidence);

-- The picture's place in the joint text-image space: float16, little-endian, unit length.
CREATE TABLE embedding (picture_id INTEGER PRIMARY KEY, vector BLOB NOT NULL);
-- Which space that is: vectors of two models say nothing of each other, so all are of one.
CREATE TABLE space (id INTEGER PRIMARY KEY CHECK (id = 1), space_id TEXT NOT NULL);
-- The signs of those vectors, 1,024 pictures to a row, picture p in row p / 1024 at place p % 1024
-- (all zero: none). A million pictures are read in 32 MB, which is what makes a scan affordable.
CREATE TABLE sign_block (id INTEGER PRIMARY KEY, signs BLOB NOT NULL);

-- What takes a write to a file back, byte for byte.
CREATE TABLE undo (
    id INTEGER PRIMARY KEY,
    run_id INTEGER NOT NULL REFERENCES run(id),
    path TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'written', 'restored')),
    created TEXT NOT NULL,
    sha256_before TEXT,
    sha256_after TEXT NOT NULL,
    patch BLOB NOT NULL
);
CREATE INDEX undo_by_path ON undo(path);
CREATE INDEX undo_open ON undo(state) WHERE state = 'open';

CREATE VIRTUAL TABLE picture_fts USING fts5(
    person_caption, model_caption, content="picture", content_rowid="id",
    tokenize="porter unicode61 remove_diacritics 2"
);
-- Every word of every caption, as written but in lower case: what is offered in place of a word that is not
-- found. A word outlives its last caption; whether it still finds something is asked of the text index.
CREATE TABLE word (word TEXT PRIMARY KEY) WITHOUT ROWID;
-- For scripts without spaces between words; only persons write those.
CREATE VIEW person_words AS
    SELECT id, person_caption FROM picture WHERE person_caption IS NOT NULL;
CREATE VIRTUAL TABLE picture_trigram USING fts5(
    person_caption, content="person_words", content_rowid="id", tokenize="trigram"
);

CREATE TRIGGER picture_inserted AFTER INSERT ON picture BEGIN
    INSERT INTO picture_fts(rowid, person_caption, model_caption)
        VALUES (new.id, new.person_caption, new.model_caption);
    INSERT INTO picture_trigram(rowid, person_caption)
        SELECT new.id, new.person_caption WHERE new.person_caption IS NOT NULL;
END;
CREATE TRIGGER picture_deleted AFTER DELETE ON picture BEGIN
    INSERT INTO picture_fts(picture_fts, rowid, person_caption, model_caption)
        VALUES ('delete', old.id, old.person_caption, old.model_caption);
    INSERT INTO picture_trigram(picture_trigram, rowid, person_caption)
        SELECT 'delete', old.id, old.person_caption WHERE old.person_caption IS NOT NULL;
END;
CREATE TRIGGER picture_recaptioned AFTER UPDATE OF person_caption, model_caption ON picture
WHEN old.person_caption IS NOT new.person_caption
    OR old.model_caption IS NOT new.model_caption BEGIN
    INSERT INTO picture_fts(picture_fts, rowid, person_caption, model_caption)
        VALUES ('delete', old.id, old.person_caption, old.model_caption);
    INSERT INTO picture_fts(rowid, person_caption, model_caption)
        VALUES (new.id, new.person_caption, new.model_caption);
    INSERT INTO picture_trigram(picture_trigram, rowid, person_caption)
        SELECT 'delete', old.id, old.person_caption WHERE old.person_caption IS NOT NULL;
    INSERT INTO picture_trigram(rowid, person_caption)
        SELECT new.id, new.person_caption WHERE new.person_caption IS NOT NULL;
END;

CREATE VIEW photos AS
    SELECT photo.path, photo.state, photo.error, picture.picture_hash,
        coalesce(picture.person_caption, picture.model_caption) AS caption,
        caption.source, caption.model_id, picture.confidence, photo.written,
        photo.size_bytes, photo.mtime_ns, photo.width_px, photo.height_px, photo.taken,
        camera.name AS camera, lens.name AS lens, photo.latitude, photo.longitude, photo.rating,
        photo.first_run_id, photo.run_id
    FROM photo
    LEFT JOIN picture ON picture.id = photo.picture_id
    LEFT JOIN caption ON caption.id = picture.caption_id
    LEFT JOIN camera ON camera.id = photo.camera_id
    LEFT JOIN lens ON lens.id = photo.lens_id;
CREATE VIEW captions AS
    SELECT caption.id, picture.picture_hash, caption.text, caption.source, caption.model_id,
        caption.weights_sha256, caption.confidence, caption.run_id, caption.created,
        caption.verdict, caption.id IS picture.caption_id AS is_current
    FROM caption JOIN picture ON picture.id = caption.picture_id;
CREATE VIEW runs AS
    SELECT id, command, started, finished, model_id, weights_sha256, outcome FROM run;
"""


def _version_1(database: Database) -> None:
    database.executescript(_VERSION_1)


def _version_2(database: Database) -> None:
    """Let undo records hash what a write keeps once, not each file twice; in older ones this stays empty."""
    database.table("undo").add_column("sha256_kept", str)


_VERSION_3 = """
ALTER TABLE photo ADD COLUMN iso INTEGER;
ALTER TABLE photo ADD COLUMN f_number REAL;
ALTER TABLE photo ADD COLUMN focal_length_mm REAL;
ALTER TABLE photo ADD COLUMN taken_source TEXT;
-- A printable path, where the real one is not UTF-8, which most SQLite readers stumble over.
ALTER TABLE photo ADD COLUMN shown_path TEXT;
-- Which facts were read: of a photo with fewer than today's, the next run reads the metadata once more.
ALTER TABLE photo ADD COLUMN facts_version INTEGER NOT NULL DEFAULT 0;
CREATE INDEX photo_by_first_run ON photo(first_run_id);

-- What a photo's metadata says in words besides its caption.
CREATE TABLE photo_word (
    photo_id INTEGER NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('keyword', 'title', 'person', 'place', 'description')),
    source TEXT NOT NULL DEFAULT '',
    text TEXT NOT NULL,
    PRIMARY KEY (photo_id, kind, source, text)
) WITHOUT ROWID;
CREATE INDEX photo_word_by_text ON photo_word(kind, text);

-- What the model recognised in a picture.
CREATE TABLE picture_label (
    picture_id INTEGER NOT NULL,
    label TEXT NOT NULL,
    probability REAL NOT NULL,
    PRIMARY KEY (picture_id, label)
) WITHOUT ROWID;
CREATE INDEX picture_label_by_label ON picture_label(label);

-- Every word by which a photo is found, gathered from the other tables by `search_text.refresh`.
CREATE TABLE search_text (
    photo_id INTEGER PRIMARY KEY,
    person_words TEXT, caption TEXT, labels TEXT, keywords TEXT, title TEXT, people TEXT, place TEXT,
    filename TEXT, folders TEXT, camera TEXT, dates TEXT,
    unspaced TEXT,  -- what persons wrote in scripts without spaces, and emoji; nearly always NULL
    path TEXT NOT NULL  -- without case and accents
);
CREATE INDEX search_text_unspaced ON search_text(photo_id) WHERE unspaced IS NOT NULL;
CREATE VIEW unspaced_text AS SELECT photo_id, unspaced FROM search_text WHERE unspaced IS NOT NULL;

DROP TRIGGER picture_inserted;
DROP TRIGGER picture_deleted;
DROP TRIGGER picture_recaptioned;
DROP TABLE picture_fts;
DROP TABLE picture_trigram;
DROP VIEW person_words;
DROP TABLE word;

CREATE VIRTUAL TABLE photo_fts USING fts5(
    person_words, caption, labels, keywords, title, people, place, filename, folders, camera, dates,
    content="search_text", content_rowid="photo_id", tokenize="porter unicode61 remove_diacritics 2"
);
CREATE VIRTUAL TABLE unspaced_trigram USING fts5(
    unspaced, content="unspaced_text", content_rowid="photo_id", tokenize="trigram"
);
CREATE VIRTUAL TABLE path_trigram USING fts5(
    path, content="search_text", content_rowid="photo_id", tokenize="trigram", detail="none"
);
-- Every word of search_text without digits, in lower case: what is offered in place of a word that is not found, and
-- in which parts of compound words are looked for. A word outlives its last photo.
CREATE TABLE word (id INTEGER PRIMARY KEY, word TEXT NOT NULL UNIQUE);
CREATE VIRTUAL TABLE word_trigram USING fts5(word, content="word", content_rowid="id", tokenize="trigram");
CREATE TRIGGER word_inserted AFTER INSERT ON word BEGIN
    INSERT INTO word_trigram(rowid, word) VALUES (new.id, new.word);
END;

CREATE TRIGGER search_text_inserted AFTER INSERT ON search_text BEGIN
    INSERT INTO photo_fts(rowid, person_words, caption, labels, keywords, title, people, place, filename, folders,
        camera, dates)
    VALUES (new.photo_id, new.person_words, new.caption, new.labels, new.keywords, new.title, new.people, new.place,
        new.filename, new.folders, new.camera, new.dates);
    INSERT INTO path_trigram(rowid, path) VALUES (new.photo_id, new.path);
    INSERT INTO unspaced_trigram(rowid, unspaced) SELECT new.photo_id, new.unspaced WHERE new.unspaced IS NOT NULL;
END;
CREATE TRIGGER search_text_deleted AFTER DELETE ON search_text BEGIN
    INSERT INTO photo_fts(photo_fts, rowid, person_words, caption, labels, keywords, title, people, place, filename,
        folders, camera, dates)
    VALUES ('delete', old.photo_id, old.person_words, old.caption, old.labels, old.keywords, old.title, old.people,
        old.place, old.filename, old.folders, old.camera, old.dates);
    INSERT INTO path_trigram(path_trigram, rowid, path) VALUES ('delete', old.photo_id, old.path);
    INSERT INTO unspaced_trigram(unspaced_trigram, rowid, unspaced)
        SELECT 'delete', old.photo_id, old.unspaced WHERE old.unspaced IS NOT NULL;
END;
CREATE TRIGGER photo_deleted AFTER DELETE ON photo BEGIN
    DELETE FROM search_text WHERE photo_id = old.id;
    DELETE FROM photo_word WHERE photo_id = old.id;
END;
CREATE TRIGGER picture_deleted AFTER DELETE ON picture BEGIN
    DELETE FROM picture_label WHERE picture_id = old.id;
END;

DROP VIEW photos;
CREATE VIEW photos AS
    SELECT photo.id, photo.picture_id, coalesce(photo.shown_path, photo.path) AS path, photo.state, photo.error,
        picture.picture_hash, coalesce(picture.person_caption, picture.model_caption) AS caption,
        caption.source, caption.model_id, picture.confidence, photo.written,
        photo.size_bytes, photo.mtime_ns, photo.width_px, photo.height_px, photo.taken, photo.taken_source,
        camera.name AS camera, lens.name AS lens, photo.iso, photo.f_number, photo.focal_length_mm,
        photo.latitude, photo.longitude, photo.rating, photo.first_run_id, photo.run_id
    FROM photo
    LEFT JOIN picture ON picture.id = photo.picture_id
    LEFT JOIN caption ON caption.id = picture.caption_id
    LEFT JOIN camera ON camera.id = photo.camera_id
    LEFT JOIN lens ON lens.id = photo.lens_id;
"""


def _version_3(database: Database) -> None:
    """Search everything known of a photo, not its captions alone; `migrate` fills the new tables."""
    database.executescript(_VERSION_3)


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


MIGRATIONS: tuple[Callable[[Database], None], ...] = (
    _version_1,
    _version_2,
    _version_3,
    _version_4,
    _version_5,
    _version_6,
)
"""Step number n brings a database from version n to n + 1; a released step never changes."""

CURRENT_VERSION = len(MIGRATIONS)
_SEARCH_TEXT_SINCE = 3


def version_of(connection: sqlite3.Connection) -> int:
    """Return how many of the steps a database has seen; 0 for an empty one."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


def foreign_objects(connection: sqlite3.Connection) -> list[str]:
    """Return the names of triggers and views that no step above has made."""
    scripts = (value for name, value in globals().items() if name.startswith("_VERSION_"))
    own = " ".join(" ".join(script.split()) for script in scripts)
    rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE type IN ('trigger', 'view')")
    return [name for name, sql in rows if " ".join((sql or "").split()) not in own]


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a database up to date: all the steps it lacks in one transaction, or none."""
    version = version_of(connection)
    if version == CURRENT_VERSION:
        return
    from sqlite_utils import Database  # here, since the import takes 0.14 s and only a new or older index needs it

    database = Database(connection, recursive_triggers=False, execute_plugins=False)
    with database.atomic():
        for step in MIGRATIONS[version:]:
            step(database)
        if version < _SEARCH_TEXT_SINCE:
            refresh_all(connection)  # with what the newest schema gathers
        database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        database.execute(f"PRAGMA user_version = {CURRENT_VERSION}")
