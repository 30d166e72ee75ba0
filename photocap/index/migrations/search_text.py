"""Version 3 of the schema: everything known of a photo is searched, not its captions alone."""

VERSION_3 = """
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
