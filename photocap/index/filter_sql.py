"""From a query tree to an SQL condition on a row of `photo`."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from photocap.query import (
    Added,
    And,
    Compare,
    Contains,
    Field,
    FileType,
    Near,
    NearPlace,
    Node,
    Not,
    Or,
    Phrase,
    Substring,
    Taken,
    TimeOfDay,
    Trait,
    fold,
    is_text,
    quoted,
    raw_suffixes,
    to_fts,
)

_EARTH_RADIUS_KM = 6371.0
_TRIGRAM = 3
_MOST_TRIGRAMS = 12  # these narrow the search down; LIKE decides
_KM_PER_DEGREE = 2 * math.pi * _EARTH_RADIUS_KM / 360

_NUMBERS = {
    Field.RATING: "photo.rating",
    Field.WIDTH: "photo.width_px",
    Field.HEIGHT: "photo.height_px",
    Field.SIZE: "photo.size_bytes",
    Field.ISO: "photo.iso",
    Field.F_NUMBER: "photo.f_number",
    Field.FOCAL_LENGTH: "photo.focal_length_mm",
    # Confidence belongs to the picture.
    Field.CONFIDENCE: "(SELECT confidence FROM picture WHERE picture.id = photo.picture_id)",
}


def _has_word(kind: str) -> str:
    return f"EXISTS (SELECT 1 FROM photo_word WHERE photo_word.photo_id = photo.id AND kind = '{kind}')"


def _of_type(suffixes: tuple[str, ...]) -> str:
    return "(" + " OR ".join(f"photo.path LIKE '%.{suffix}'" for suffix in suffixes) + ")"


_TRAITS = {
    (Field.HAS, "gps"): "photo.latitude IS NOT NULL",
    (Field.HAS, "date"): "photo.taken IS NOT NULL",
    (Field.HAS, "camera"): "photo.camera_id IS NOT NULL",
    (Field.HAS, "lens"): "photo.lens_id IS NOT NULL",
    (Field.HAS, "rating"): "photo.rating IS NOT NULL",
    **{(Field.HAS, kind): _has_word(kind) for kind in ("keyword", "title", "person", "place")},
    (Field.HAS, "label"): "photo.picture_id IN (SELECT picture_id FROM picture_label)",
    (Field.HAS, "caption"): "EXISTS (SELECT 1 FROM picture WHERE picture.id = photo.picture_id AND caption_id NOTNULL)",
    (Field.IS, "edited"): "photo.picture_id IN (SELECT id FROM picture WHERE person_caption IS NOT NULL)",
    (Field.IS, "duplicate"): "EXISTS (SELECT 1 FROM photo AS other WHERE other.picture_id = photo.picture_id"
    " AND other.id <> photo.id AND other.state = 'present')",
    (Field.IS, "missing"): "photo.state = 'missing'",
    (Field.IS, "failed"): "photo.state = 'failed'",
}


@dataclass(frozen=True)
class Condition:
    """A piece of SQL that is true of a photo, with its values."""

    sql: str
    values: tuple[object, ...] = ()


@dataclass(frozen=True)
class Plan:
    """A query ready to run.

    Attributes:
        fts: what the text index is asked for; None where it cannot drive the search.
        condition: what else must hold.
        is_filtered: whether that is more than the state of the photo.
    """

    fts: str | None
    condition: Condition
    is_filtered: bool = False


def plan(tree: Node) -> Plan:
    """Split a tree into what the text index decides and what the rows decide."""
    parts = tree.parts if isinstance(tree, And) else (tree,)
    text = [part for part in parts if is_text(part)]
    rest = [part for part in parts if not is_text(part)]
    if text:
        # Exclusions of words join the words: FTS5 subtracts faster than SQL.
        text += [part for part in rest if isinstance(part, Not) and is_text(part.part)]
        rest = [part for part in rest if part not in text]
    conditions = [condition_of(part) for part in rest]
    if not _asks_for_state(tree):
        conditions.append(Condition("photo.state = 'present'"))
    return Plan(to_fts(And(tuple(text))) if text else None, _joined(conditions, " AND "), is_filtered=bool(rest))


def condition_of(node: Node) -> Condition:
    """Return the condition that a tree puts on a photo."""
    if is_text(node):
        return Condition("photo.id IN (SELECT rowid FROM photo_fts WHERE photo_fts MATCH ?)", (to_fts(node),))
    if isinstance(node, And):
        return _joined([condition_of(part) for part in node.parts], " AND ")
    if isinstance(node, Or):
        return _joined([condition_of(part) for part in node.parts], " OR ")
    if isinstance(node, Not):
        inner = condition_of(node.part)
        # What is not known is not so: a photo without a date was not "taken before 2019".
        return Condition(f"NOT coalesce({inner.sql}, 0)", inner.values)
    return _leaf(node)


def _leaf(node: Node) -> Condition:
    if isinstance(node, Substring):
        return _substring(node)
    if isinstance(node, Contains):
        return _contains(node)
    if isinstance(node, Compare):
        return Condition(f"{_NUMBERS[node.field]} {node.operator} ?", (node.limit,))
    if isinstance(node, (Taken, Added, TimeOfDay)):
        return _when(node)
    if isinstance(node, FileType):
        return Condition(_of_type(node.suffixes))
    if isinstance(node, (Near, NearPlace)):
        return _near(node) if isinstance(node, Near) else _near_place(node)
    if node == Trait(Field.IS, "raw"):
        return Condition(_of_type(raw_suffixes()))
    if isinstance(node, Trait):
        return Condition(_TRAITS[node.field, node.name])
    raise TypeError(f"{node} has no condition")


def _when(node: Taken | Added | TimeOfDay) -> Condition:
    if isinstance(node, Taken):
        return _between("photo.taken", node.start, node.end)
    if isinstance(node, Added):
        started = _between("started", node.start, node.end)
        return Condition(f"photo.first_run_id IN (SELECT id FROM run WHERE {started.sql})", started.values)
    joint = "AND" if node.start < node.end else "OR"  # over midnight
    clock = "substr(photo.taken, 12, 5)"
    return Condition(f"({clock} >= ? {joint} {clock} < ?)", (node.start, node.end))


def _between(column: str, start: str | None, end: str | None) -> Condition:
    bounds = [(f"{column} >= ?", start), (f"{column} < ?", end)]
    return _joined([Condition(sql, (day,)) for sql, day in bounds if day], " AND ")


def _substring(node: Substring) -> Condition:
    if len(node.text) >= _TRIGRAM:
        found = "SELECT rowid FROM unspaced_trigram WHERE unspaced_trigram MATCH ?"
        return Condition(f"photo.id IN ({found})", (quoted(node.text),))
    # Too short for trigrams: read all such words, which are few.
    found = "SELECT photo_id FROM search_text WHERE unspaced IS NOT NULL AND unspaced LIKE ? ESCAPE '\\'"
    return Condition(f"photo.id IN ({found})", (f"%{_escaped(node.text)}%",))


def _contains(node: Contains) -> Condition:
    if node.field is Field.PATH:
        return _path(node.text)
    table = node.field.value
    pattern = f"%{_escaped(node.text)}%"
    return Condition(f"photo.{table}_id IN (SELECT id FROM {table} WHERE name LIKE ? ESCAPE '\\')", (pattern,))


def _path(text: str) -> Condition:
    """Look for a part of the folded path; with * or ? the pattern is the end of the path, from a folder's name on."""
    text = fold(text)
    pattern = f"%{_escaped(text)}%"
    if "*" in text or "?" in text:
        anchored = text if text.startswith(("/", "*")) else f"*/{text}"
        pattern = _escaped(anchored).replace("*", "%").replace("?", "_")
    found = "SELECT photo_id FROM search_text WHERE path LIKE ? ESCAPE '\\'"
    values: tuple[str, ...] = (pattern,)
    if trigrams := _trigrams(text):
        found += " AND photo_id IN (SELECT rowid FROM path_trigram WHERE path_trigram MATCH ?)"
        values += (trigrams,)
    return Condition(f"photo.id IN ({found})", values)


def _trigrams(pattern: str) -> str:
    """Return the FTS5 expression for all of a pattern's runs of three characters; empty where it has none."""
    pieces = [piece for piece in re.split(r"[*?]+", pattern) if len(piece) >= _TRIGRAM]
    found = dict.fromkeys(piece[at : at + _TRIGRAM] for piece in pieces for at in range(len(piece) - _TRIGRAM + 1))
    return " AND ".join(quoted(trigram) for trigram in list(found)[:_MOST_TRIGRAMS])


def _near_place(node: NearPlace) -> Condition:
    """Measure from the middle of the photos that name the place; those without coordinates count where they name it."""
    named = "SELECT rowid FROM photo_fts WHERE photo_fts MATCH ?"
    fts = to_fts(Phrase(node.name, column="place"))
    middle = f"SELECT avg({{}}) FROM photo AS named WHERE latitude IS NOT NULL AND id IN ({named})"
    distance = (
        "distance_km(photo.latitude, photo.longitude,"
        f" ({middle.format('latitude')}), ({middle.format('longitude')})) <= ?"
    )
    return Condition(f"(photo.id IN ({named}) OR {distance})", (fts, fts, fts, node.radius_km))


def _near(node: Near) -> Condition:
    """Cut out a box by the index on places first, then measure."""
    reach = node.radius_km / _KM_PER_DEGREE * 1.001
    conditions = [Condition("photo.latitude BETWEEN ? AND ?", (node.latitude - reach, node.latitude + reach))]
    shrink = math.cos(math.radians(min(abs(node.latitude) + reach, 90)))
    across = reach / shrink if shrink > 1e-6 else 360.0
    if abs(node.longitude) + across < 180:
        between = (node.longitude - across, node.longitude + across)
        conditions.append(Condition("photo.longitude BETWEEN ? AND ?", between))
    where = (node.latitude, node.longitude, node.radius_km)
    conditions.append(Condition("distance_km(photo.latitude, photo.longitude, ?, ?) <= ?", where))
    return _joined(conditions, " AND ")


def distance_km(
    latitude: float | None, longitude: float | None, other_latitude: float, other_longitude: float
) -> float | None:
    """Return the great-circle distance by the haversine formula; None where a place is not known."""
    if latitude is None or longitude is None:
        return None
    a, b = math.radians(latitude), math.radians(other_latitude)
    half = math.radians(other_longitude - longitude) / 2
    chord = math.sin((b - a) / 2) ** 2 + math.cos(a) * math.cos(b) * math.sin(half) ** 2
    return 2 * _EARTH_RADIUS_KM * math.asin(min(1.0, math.sqrt(chord)))


def _asks_for_state(node: Node) -> bool:
    """Return whether a tree names missing or failed photos, which a search otherwise leaves out."""
    if isinstance(node, (And, Or)):
        return any(_asks_for_state(part) for part in node.parts)
    return isinstance(node, Trait) and node.name in ("missing", "failed")


def _joined(conditions: list[Condition], joint: str) -> Condition:
    if not conditions:
        return Condition("1")
    sql = joint.join(condition.sql for condition in conditions)
    return Condition(f"({sql})", tuple(value for condition in conditions for value in condition.values))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
