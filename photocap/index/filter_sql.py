"""From a query tree to an SQL condition on a row of `photo`."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass

from photocap.query import (
    And,
    Compare,
    Contains,
    Field,
    Near,
    Node,
    Not,
    Or,
    Substring,
    Taken,
    Trait,
    is_text,
    quoted,
    to_fts,
)

_EARTH_RADIUS_KM = 6371.0
_KM_PER_DEGREE = 2 * math.pi * _EARTH_RADIUS_KM / 360

_NUMBERS = {
    Field.RATING: "photo.rating",
    Field.WIDTH: "photo.width_px",
    Field.HEIGHT: "photo.height_px",
    # Confidence belongs to the picture.
    Field.CONFIDENCE: "(SELECT confidence FROM picture WHERE picture.id = photo.picture_id)",
}

_TRAITS = {
    (Field.HAS, "gps"): "photo.latitude IS NOT NULL",
    (Field.HAS, "date"): "photo.taken IS NOT NULL",
    (Field.HAS, "camera"): "photo.camera_id IS NOT NULL",
    (Field.HAS, "rating"): "photo.rating IS NOT NULL",
    (Field.HAS, "caption"): "EXISTS (SELECT 1 FROM picture WHERE picture.id = photo.picture_id AND caption_id NOTNULL)",
    (Field.IS, "edited"): "photo.picture_id IN (SELECT id FROM picture WHERE person_caption IS NOT NULL)",
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
        return Condition(
            "photo.picture_id IN (SELECT rowid FROM picture_fts WHERE picture_fts MATCH ?)", (to_fts(node),)
        )
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
    if isinstance(node, Taken):
        bounds = [("photo.taken >= ?", node.start), ("photo.taken < ?", node.end)]
        return _joined([Condition(sql, (day,)) for sql, day in bounds if day], " AND ")
    if isinstance(node, Near):
        return _near(node)
    if isinstance(node, Trait):
        return Condition(_TRAITS[node.field, node.name])
    raise TypeError(f"{node} has no condition")


def _substring(node: Substring) -> Condition:
    if len(node.text) >= 3:
        found = "SELECT rowid FROM picture_trigram WHERE picture_trigram MATCH ?"
        return Condition(f"photo.picture_id IN ({found})", (quoted(node.text),))
    # Too short for trigrams: read every person's caption, which are few.
    found = "SELECT id FROM picture WHERE person_caption IS NOT NULL AND person_caption LIKE ? ESCAPE '\\'"
    return Condition(f"photo.picture_id IN ({found})", (f"%{_escaped(node.text)}%",))


def _contains(node: Contains) -> Condition:
    pattern = f"%{_escaped(node.text)}%"
    if node.field is Field.PATH:
        return Condition("photo.path LIKE CAST(? AS TEXT) ESCAPE '\\'", (os.fsencode(pattern),))
    table = node.field.value
    return Condition(f"photo.{table}_id IN (SELECT id FROM {table} WHERE name LIKE ? ESCAPE '\\')", (pattern,))


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
    """Tell whether a tree names missing or failed photos, which a search otherwise leaves out."""
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
