"""Version 1 of the schema: photos, pictures, captions, undo records."""

VERSION_1 = """
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
