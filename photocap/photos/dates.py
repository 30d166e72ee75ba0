"""When a photo was taken, where its metadata do not say: by its file's name or Google Takeout's JSON beside it."""

from __future__ import annotations

import json
import re
from datetime import datetime, timezone
from pathlib import Path

from photocap.system.regularfile import read_regular

# IMG_20190704_201501.jpg, PXL_20210102_030405678.jpg, Screenshot_2019-07-04-20-15-01.png, signal-2019-07-04-201501.jpg,
# IMG-20190704-WA0012.jpg, "WhatsApp Image 2019-07-04 at 20.15.01.jpeg", 2019-07-04 20.15.01.jpg, 20190704.jpg
_IN_NAME = re.compile(
    r"(?<!\d)(?P<year>(?:19|20)\d\d)(?P<joint>[-_.]?)(?P<month>\d\d)(?P=joint)(?P<day>\d\d)"
    r"(?:(?:[-_ T]|\s(?:at|um)\s|,\s)+(?P<hour>\d\d)(?P<point>[-_.:h]?)(?P<minute>\d\d)(?P=point)(?P<second>\d\d))?"
    r"(?:\d{3})?(?!\d)"
)
_FIRST_YEAR = 1970
_MOST_JSON_BYTES = 1 << 20
_LONGEST_TAKEOUT_NAME = 46  # characters before ".json"; Takeout cuts names off there


def date_in_name(name: str) -> datetime | None:
    """Return the date, and the time where there is one, that cameras, telephones and messengers put into a name."""
    for match in _IN_NAME.finditer(name):
        numbers = [int(match[part] or 0) for part in ("year", "month", "day", "hour", "minute", "second")]
        try:
            found = datetime(*numbers)  # type: ignore[arg-type]  # six numbers
        except ValueError:  # a serial number that looks like a date
            continue
        if found.year >= _FIRST_YEAR:
            return found
    return None


def date_in_takeout(path: Path) -> datetime | None:
    """Return when a photo was taken as Google Takeout's JSON file beside it says, in UTC; None where there is none."""
    for beside in _takeout_files(path):
        try:
            data, _ = read_regular(beside, limit_bytes=_MOST_JSON_BYTES)
            seconds = int(json.loads(data)["photoTakenTime"]["timestamp"])
            return datetime.fromtimestamp(seconds, timezone.utc).replace(tzinfo=None)
        except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
            continue  # no such file, or not Takeout's
    return None


def _takeout_files(path: Path) -> list[Path]:
    names = (f"{path.name}.supplemental-metadata", path.name, path.stem)
    return [path.with_name(f"{name[:_LONGEST_TAKEOUT_NAME]}.json") for name in names]
