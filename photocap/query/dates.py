"""Read dates as people write them: 2019, 2019-06, 5.7.2019, July 2019, summer 2019, yesterday, last month."""

from __future__ import annotations

import calendar
import re
from datetime import date, timedelta

MONTHS = tuple(
    "january february march april may june july august september october november december".split()  # noqa: SIM905
)
_SEASONS = {"spring": 3, "summer": 6, "autumn": 9, "fall": 9, "winter": 12}
_ISO = re.compile(r"(\d{4})(?:[-/.](\d{1,2}))?(?:[-/.](\d{1,2}))?", re.ASCII)
_DAY_FIRST = re.compile(r"(\d{1,2})[./](\d{1,2})[./](\d{4})", re.ASCII)
_DAY = re.compile(r"\d{1,2}(?:st|nd|rd|th)?", re.ASCII)
_YEAR = re.compile(r"\d{4}", re.ASCII)
_FIRST_YEAR, _LAST_YEAR = 1, 9998

Period = tuple[date, date]


def period(text: str, today: date) -> tuple[str, str] | None:
    """Return the first day of a period and the first day after it, as ISO dates; None where the text names none."""
    found = _period(" ".join(text.lower().replace(",", " ").split()), today)
    return (found[0].isoformat(), found[1].isoformat()) if found else None


def season_of(month: int) -> str:
    """Return the season of a month on the northern half of the earth."""
    return ("winter", "spring", "summer", "autumn")[month % 12 // 3]


def _period(text: str, today: date) -> Period | None:
    try:
        return _numeric(text) or _relative(text, today) or _named(text.split())
    except (ValueError, OverflowError):  # a month 13, a 30th of February, the year 0
        return None


def _numeric(text: str) -> Period | None:
    if match := _DAY_FIRST.fullmatch(text):
        day, month, year = (int(part) for part in match.groups())
        return _of_day(date(year, month, day))
    if not (match := _ISO.fullmatch(text)):
        return None
    year, month_text, day_text = int(match[1]), match[2], match[3]
    if not _FIRST_YEAR <= year <= _LAST_YEAR:
        return None
    if day_text:
        return _of_day(date(year, int(month_text), int(day_text)))
    return _of_month(year, int(month_text)) if month_text else _of_year(year)


def _relative(text: str, today: date) -> Period | None:
    monday = today - timedelta(days=today.weekday())
    first = today.replace(day=1)
    before = first - timedelta(days=1)
    known = {
        "today": _of_day(today),
        "yesterday": _of_day(today - timedelta(days=1)),
        "this week": (monday, monday + timedelta(days=7)),
        "last week": (monday - timedelta(days=7), monday),
        "this month": _of_month(today.year, today.month),
        "last month": _of_month(before.year, before.month),
        "this year": _of_year(today.year),
        "last year": _of_year(today.year - 1),
    }
    if text in known:
        return known[text]
    which, _, name = text.partition(" ")
    if which not in ("last", "this"):
        return None
    return _latest(name, today) if name in _SEASONS or _month(name) else None


def _latest(name: str, today: date) -> Period:
    """Return the latest month or season of this name that is over or has begun."""
    found = _of_name(name, today.year)
    return found if found[0] <= today else _of_name(name, today.year - 1)


def _named(words: list[str]) -> Period | None:
    """Read "July 2019", "4 July 2019", "July 4 2019", "summer 2019"."""
    if len(words) < 2 or not _YEAR.fullmatch(words[-1]) or not _FIRST_YEAR <= int(words[-1]) <= _LAST_YEAR:
        return None
    year, rest = int(words[-1]), words[:-1]
    if len(rest) == 1 and (rest[0] in _SEASONS or _month(rest[0])):
        return _of_name(rest[0], year)
    if len(rest) == 2:
        day, month = rest if _DAY.fullmatch(rest[0]) else reversed(rest)
        if _DAY.fullmatch(day) and _month(month):
            return _of_day(date(year, _month(month), int(re.sub(r"\D", "", day))))
    return None


def _month(name: str) -> int:
    """Return the number of a month by its name or the first three letters of it; 0 where it is none."""
    name = name.rstrip(".")
    short = "sep" if name == "sept" else name
    return next((n for n, month in enumerate(MONTHS, start=1) if short in (month, month[:3])), 0)


def _of_name(name: str, year: int) -> Period:
    if month := _month(name):
        return _of_month(year, month)
    start = date(year, _SEASONS[name], 1)
    end_year, end_month = divmod(year * 12 + _SEASONS[name] + 2, 12)
    return start, date(end_year, end_month + 1, 1)


def _of_day(day: date) -> Period:
    return day, day + timedelta(days=1)


def _of_month(year: int, month: int) -> Period:
    first = date(year, month, 1)
    return first, first + timedelta(days=calendar.monthrange(year, month)[1])


def _of_year(year: int) -> Period:
    return date(year, 1, 1), date(year + 1, 1, 1)
