"""Reading what stands behind a field name: `before:2019`, `rating:>=3`, `near:48.2,16.4,10km`."""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable
from datetime import date, timedelta

from photocap.query.tree import Compare, Contains, Field, Filter, Near, Taken, Trait

_DATE = re.compile(r"(\d{4})(?:[-/.](\d{1,2}))?(?:[-/.](\d{1,2}))?", re.ASCII)
_COMPARISON = re.compile(r"(<=|>=|<|>|=)?(\d{1,9}(?:\.\d{1,9})?)", re.ASCII)
_PLACE = re.compile(
    r"(-?\d{1,3}(?:\.\d{1,12})?),(-?\d{1,3}(?:\.\d{1,12})?)(?:,(\d{1,5}(?:\.\d{1,6})?)(km|mi|m)?)?", re.ASCII
)
_KM = {"km": 1.0, "m": 0.001, "mi": 1.609344, None: 1.0}
_DEFAULT_RADIUS_KM = 10.0
_TRAITS = {
    Field.HAS: ("gps", "caption", "date", "camera", "rating"),
    Field.IS: ("edited", "missing", "failed"),
}


def read_field(name: str, value: str) -> Filter | str:
    """Return the filter that `name:value` stands for, or the words that say what was expected."""
    reader, expected = FIELDS[name]
    return reader(value.strip()) or expected


def period(text: str) -> tuple[str, str] | None:
    """Return the first day of a year, month or day and the first day after it, as ISO dates; None if it is none."""
    match = _DATE.fullmatch(text)
    if not match or match[1] == "0000" or int(match[1]) >= 9999:
        return None
    year, month, day = (int(part) if part else None for part in match.groups())
    assert year is not None  # the pattern demands it
    try:
        start = date(year, month or 1, day or 1)
    except ValueError:
        return None
    days_in_month = calendar.monthrange(year, start.month)[1]
    length = 1 if day else days_in_month if month else 365 + calendar.isleap(year)
    return start.isoformat(), (start + timedelta(days=length)).isoformat()


def _before(value: str) -> Taken | None:
    found = period(value)
    return Taken(None, found[0]) if found else None


def _after(value: str) -> Taken | None:
    found = period(value)
    return Taken(found[0], None) if found else None


def _during(value: str) -> Taken | None:
    found = period(value)
    return Taken(*found) if found else None


def _contains(field: Field) -> Callable[[str], Contains | None]:
    return lambda value: Contains(field, value) if value else None


def _compare(field: Field) -> Callable[[str], Compare | None]:
    def reader(value: str) -> Compare | None:
        match = _COMPARISON.fullmatch(value)
        return Compare(field, match[1] or "=", float(match[2])) if match else None

    return reader


def _near(value: str) -> Near | None:
    match = _PLACE.fullmatch(value.replace(" ", ""))
    if not match:
        return None
    latitude, longitude = float(match[1]), float(match[2])
    radius_km = float(match[3]) * _KM[match[4]] if match[3] else _DEFAULT_RADIUS_KM
    if abs(latitude) > 90 or abs(longitude) > 180 or radius_km <= 0:
        return None
    return Near(latitude, longitude, radius_km)


def _trait(field: Field) -> Callable[[str], Trait | None]:
    return lambda value: Trait(field, value.lower()) if value.lower() in _TRAITS[field] else None


_A_DATE = "a date such as 2019, 2019-06 or 2019-06-30"
_A_NUMBER = "a number such as 3, >3 or <=3"

FIELDS: dict[str, tuple[Callable[[str], Filter | None], str]] = {
    "before": (_before, _A_DATE),
    "after": (_after, _A_DATE),
    "date": (_during, _A_DATE),
    "camera": (_contains(Field.CAMERA), "a part of the camera's name"),
    "lens": (_contains(Field.LENS), "a part of the lens's name"),
    "path": (_contains(Field.PATH), "a part of the path"),
    "conf": (_compare(Field.CONFIDENCE), "a number such as >0.5"),
    "rating": (_compare(Field.RATING), _A_NUMBER),
    "width": (_compare(Field.WIDTH), _A_NUMBER),
    "height": (_compare(Field.HEIGHT), _A_NUMBER),
    "near": (_near, "latitude,longitude,radius such as 48.2,16.4,10km"),
    "has": (_trait(Field.HAS), f"one of {', '.join(_TRAITS[Field.HAS])}"),
    "is": (_trait(Field.IS), f"one of {', '.join(_TRAITS[Field.IS])}"),
}
"""Every field with its reader and what it expects; `caption:` is words and has none."""
