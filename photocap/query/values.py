"""Read what stands behind a field's name: `2019..2020`, `>=3`, `f/2.8`, `48.2,16.4,10km`."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import TypeAlias

from photocap.query.dates import period
from photocap.query.tree import (
    Added,
    And,
    Compare,
    Contains,
    Field,
    FileType,
    Near,
    NearPlace,
    Node,
    Taken,
    TimeOfDay,
    Trait,
)

Reader: TypeAlias = Callable[[str], "Node | None"]

_NUMBER = r"(\d{1,12}(?:\.\d{1,9})?)"
_COMPARISON = re.compile(rf"(<=|>=|<|>|=)?{_NUMBER}([a-z%]{{0,2}})", re.ASCII)
_RANGE = re.compile(rf"{_NUMBER}?([a-z%]{{0,2}})\.\.{_NUMBER}?([a-z%]{{0,2}})", re.ASCII)
_PLACE = re.compile(
    r"(-?\d{1,3}(?:\.\d{1,12})?),(-?\d{1,3}(?:\.\d{1,12})?)(?:,(\d{1,5}(?:\.\d{1,6})?)(km|mi|m)?)?", re.ASCII
)
_NAMED_PLACE = re.compile(r"([^,]*[^\W\d_][^,]*?)\s*(?:,\s*(\d{1,5}(?:\.\d{1,6})?)\s*(km|mi|m)?)?")
_CLOCK = re.compile(r"(\d{1,2})(?::(\d\d))?", re.ASCII)
_KM = {"km": 1.0, "m": 0.001, "mi": 1.609344, None: 1.0}
_DEFAULT_RADIUS_KM = 10.0
_RAW = "raw"


def taken_during(value: str) -> Taken | None:
    """Read a period or a range of them."""
    found = _period_or_range(value)
    return Taken(*found) if found else None


def added_during(value: str) -> Added | None:
    """Read when photos were first indexed."""
    found = _period_or_range(value)
    return Added(*found) if found else None


def taken_before(value: str) -> Taken | None:
    """Read a period that is over: the day, month or year itself is left out."""
    found = period(value, date.today())
    return Taken(None, found[0]) if found else None


def taken_after(value: str) -> Taken | None:
    """Read where time begins: the day, month or year itself is included."""
    found = period(value, date.today())
    return Taken(found[0], None) if found else None


def _period_or_range(value: str) -> tuple[str | None, str | None] | None:
    first, dots, last = value.partition("..")
    if not dots:
        return period(value, date.today())
    start = period(first, date.today()) if first.strip() else None
    end = period(last, date.today()) if last.strip() else None
    if (first.strip() and not start) or (last.strip() and not end) or not (start or end):
        return None
    return start[0] if start else None, end[1] if end else None


def time_of_day(value: str) -> TimeOfDay | None:
    """Read "18:00..", "18..23:30" or an hour such as "18"."""
    first, dots, last = value.partition("..")
    start = _clock(first) if first.strip() else "00:00"
    if not dots:
        hour = int(start[:2]) if start else 0
        minutes = bool(start) and ":" in first
        return (
            TimeOfDay(start, f"{start[:3]}{int(start[3:]) + 1:02}" if minutes else f"{hour + 1:02}:00")
            if start
            else None
        )
    end = _clock(last) if last.strip() else "24:00"
    return TimeOfDay(start, end) if start and end and (first.strip() or last.strip()) else None


def _clock(text: str) -> str | None:
    match = _CLOCK.fullmatch(text.strip())
    if not match or int(match[1]) > 23 or int(match[2] or 0) > 59:
        return None
    return f"{int(match[1]):02}:{match[2] or '00'}"


def contains(field: Field) -> Reader:
    """Return a reader of any text."""
    return lambda value: Contains(field, value) if value else None


def number(field: Field, units: dict[str, float] | None = None) -> Reader:
    """Return a reader of ">3", "3..5" and, with units, ">5mb"; a unit multiplies."""
    known = {"": 1.0, **(units or {})}

    def reader(value: str) -> Node | None:
        text = value.lower().replace(" ", "")
        if match := _COMPARISON.fullmatch(text):
            return Compare(field, match[1] or "=", float(match[2]) * known[match[3]]) if match[3] in known else None
        match = _RANGE.fullmatch(text)
        if not match or not (match[1] or match[3]) or {match[2], match[4]} - set(known):
            return None
        low = Compare(field, ">=", float(match[1]) * known[match[2] or match[4]]) if match[1] else None
        high = Compare(field, "<=", float(match[3]) * known[match[4]]) if match[3] else None
        parts = tuple(part for part in (low, high) if part)
        return parts[0] if len(parts) == 1 else And(parts)

    return reader


def f_number(value: str) -> Node | None:
    """Read "2.8", "f/2.8" or "<f4"; f-numbers are stored as photographers say them, to one digit."""
    return number(Field.F_NUMBER)(re.sub(r"[fF]/?", "", value))


def near(value: str) -> Near | NearPlace | None:
    """Read coordinates or a place's name, with an optional radius."""
    match = _PLACE.fullmatch(value.replace(" ", ""))
    if not match:
        return _near_name(value)
    latitude, longitude = float(match[1]), float(match[2])
    radius_km = float(match[3]) * _KM[match[4]] if match[3] else _DEFAULT_RADIUS_KM
    if abs(latitude) > 90 or abs(longitude) > 180 or radius_km <= 0:
        return None
    return Near(latitude, longitude, radius_km)


def _near_name(value: str) -> NearPlace | None:
    match = _NAMED_PLACE.fullmatch(value)
    if not match:
        return None
    radius_km = float(match[2]) * _KM[match[3]] if match[2] else _DEFAULT_RADIUS_KM
    return NearPlace(match[1].strip(), radius_km) if radius_km > 0 else None


def file_type(value: str) -> FileType | None:
    """Read a format's name or its usual suffix, which mean all its suffixes; "raw"; or any other suffix."""
    name = value.lower().lstrip(".")
    if not re.fullmatch(r"[a-z0-9]{2,5}", name):
        return None
    if name == _RAW:
        return FileType(name, raw_suffixes())
    from photocap.formats.base import FileKind
    from photocap.formats.detect import FORMATS  # only now: most searches do without

    pictures = (known for known in FORMATS if known.kind is FileKind.PICTURE and known.suffixes)
    suffixes = next((known.suffixes for known in pictures if name in (known.name.lower(), known.suffixes[0])), (name,))
    return FileType(name, suffixes)


def raw_suffixes() -> tuple[str, ...]:
    """Return the suffixes of all raw formats."""
    from photocap.formats.base import FileKind
    from photocap.formats.detect import FORMATS

    return tuple(suffix for known in FORMATS if known.kind is FileKind.RAW for suffix in known.suffixes)


def trait(field: Field, names: tuple[str, ...]) -> Reader:
    """Return a reader of one of some names, in the singular or the plural."""

    def reader(value: str) -> Trait | None:
        name = value.lower()
        return next((Trait(field, known) for known in names if name in (known, f"{known}s")), None)

    return reader
