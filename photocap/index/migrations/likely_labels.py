"""Version 8 of the schema: labels that a picture likely shows, but not surely."""

VERSION_8 = """
CREATE TABLE label_name (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
-- Some six of them a picture: numbers only, in the order in which a search reads them.
CREATE TABLE likely_label (
    label_id INTEGER NOT NULL REFERENCES label_name(id),
    percent INTEGER NOT NULL,
    picture_id INTEGER NOT NULL,
    PRIMARY KEY (label_id, percent, picture_id)
) WITHOUT ROWID;
CREATE INDEX likely_label_by_picture ON likely_label(picture_id);
"""
