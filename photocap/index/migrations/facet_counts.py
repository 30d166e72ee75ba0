"""Version 7 of the schema: how many photos each value of a facet has, kept up to date by triggers.

Triggers that come after a change, and nothing that reads the table before it: where `OR IGNORE` leaves a row as it is,
no such trigger fires. The values of a photo are those of its folder (with the separator at its end; a prefix of the
path in any case), its month ("" without a date), its camera, the hundredths of its caption's confidence, whether a
person wrote that, and its labels.
"""

_ADD = "ON CONFLICT (facet, value) DO UPDATE SET photos = photos + excluded.photos;"
_CHANGED = "path, state, taken, camera_id, picture_id"
_PRESENT = "(SELECT count(*) FROM photo WHERE picture_id = {row}.{key} AND state = 'present')"
_HUNDREDTHS = "CAST({row}.confidence * 100 AS INTEGER)"


def _count_photo(row: str, sign: str) -> str:
    """Return the statements that count the values of a photo, `new` or `old`, where it is present."""
    photo_only = f"""
        SELECT 'folder', rtrim({row}.path, replace(replace({row}.path, '/', '.'), '\\', '.')), {sign}1
            WHERE {row}.state = 'present'
        UNION ALL SELECT 'month', substr(coalesce({row}.taken, ''), 1, 7), {sign}1 WHERE {row}.state = 'present'
        UNION ALL SELECT 'camera', {row}.camera_id, {sign}1
            WHERE {row}.state = 'present' AND {row}.camera_id IS NOT NULL"""
    of_picture = f"""
        SELECT 'confidence', {_HUNDREDTHS.format(row="picture")}, {sign}1 FROM picture
            WHERE id = {row}.picture_id AND confidence IS NOT NULL AND {row}.state = 'present'
        UNION ALL SELECT 'edited', 1, {sign}1 FROM picture
            WHERE id = {row}.picture_id AND person_caption IS NOT NULL AND {row}.state = 'present'
        UNION ALL SELECT 'label', label, {sign}1 FROM picture_label
            WHERE picture_id = {row}.picture_id AND {row}.state = 'present'"""
    return "".join(f"    INSERT INTO facet_count {values} {_ADD}\n" for values in (photo_only, of_picture))


def _count_picture(row: str, sign: str) -> str:
    """Return the statement that counts what a picture, `new` or `old`, adds to its present photos."""
    photos = f"{sign}{_PRESENT.format(row=row, key='id')}"
    return f"""    INSERT INTO facet_count
        SELECT 'confidence', {_HUNDREDTHS.format(row=row)}, {photos} WHERE {row}.confidence IS NOT NULL
        UNION ALL SELECT 'edited', 1, {photos} WHERE {row}.person_caption IS NOT NULL {_ADD}
"""


def _count_label(row: str, sign: str) -> str:
    photos = f"{sign}{_PRESENT.format(row=row, key='picture_id')}"
    return f"    INSERT INTO facet_count SELECT 'label', {row}.label, {photos} WHERE true {_ADD}\n"


VERSION_7 = f"""
-- A value may stand at 0 photos.
CREATE TABLE facet_count (
    facet TEXT NOT NULL CHECK (facet IN ('folder', 'month', 'camera', 'confidence', 'edited', 'label')),
    value NOT NULL,
    photos INTEGER NOT NULL,
    PRIMARY KEY (facet, value)
) WITHOUT ROWID;

INSERT INTO facet_count
    SELECT 'folder', rtrim(path, replace(replace(path, '/', '.'), '\\', '.')) AS value, count(*) FROM photo
        WHERE state = 'present' GROUP BY value
    UNION ALL SELECT 'month', substr(coalesce(taken, ''), 1, 7) AS value, count(*) FROM photo
        WHERE state = 'present' GROUP BY value
    UNION ALL SELECT 'camera', camera_id, count(*) FROM photo
        WHERE state = 'present' AND camera_id IS NOT NULL GROUP BY camera_id
    UNION ALL SELECT 'confidence', {_HUNDREDTHS.format(row="picture")} AS value, count(*) FROM photo
        JOIN picture ON picture.id = picture_id WHERE state = 'present' AND confidence IS NOT NULL GROUP BY value
    UNION ALL SELECT 'edited', 1, count(*) FROM picture CROSS JOIN photo ON picture_id = picture.id
        WHERE state = 'present' AND person_caption IS NOT NULL
    UNION ALL SELECT 'label', label, count(*) FROM photo JOIN picture_label USING (picture_id)
        WHERE state = 'present' GROUP BY label;

CREATE TRIGGER photo_counted AFTER INSERT ON photo BEGIN
{_count_photo("new", "+")}END;
CREATE TRIGGER photo_discounted AFTER DELETE ON photo BEGIN
{_count_photo("old", "-")}END;
CREATE TRIGGER photo_recounted AFTER UPDATE OF {_CHANGED} ON photo
WHEN {" OR ".join(f"old.{column} IS NOT new.{column}" for column in _CHANGED.split(", "))} BEGIN
{_count_photo("old", "-")}{_count_photo("new", "+")}END;
CREATE TRIGGER picture_recounted AFTER UPDATE OF person_caption, confidence ON picture
WHEN old.confidence IS NOT new.confidence OR (old.person_caption IS NULL) <> (new.person_caption IS NULL) BEGIN
{_count_picture("old", "-")}{_count_picture("new", "+")}END;
CREATE TRIGGER label_counted AFTER INSERT ON picture_label BEGIN
{_count_label("new", "+")}END;
CREATE TRIGGER label_discounted AFTER DELETE ON picture_label BEGIN
{_count_label("old", "-")}END;
"""
