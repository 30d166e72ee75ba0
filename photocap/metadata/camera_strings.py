"""The strings that cameras, phones and programs are known to write by themselves; see `camera_strings.toml`."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from importlib.resources import files
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_LONGEST_CHARACTERS = 2000  # a bound for the time that the patterns take
_BLANKS = re.compile(r"\s+")


class Writer(Enum):
    """A property that cameras and programs fill by themselves."""

    DESCRIPTION = "description"
    USER_COMMENT = "user-comment"
    COMMENT = "comment"


@dataclass(frozen=True)
class _CameraString:
    text: re.Pattern[str]
    make: re.Pattern[str] | None


def is_camera_string(text: str, where: Writer, make: str = "") -> bool:
    """Return whether nobody typed a string: a camera or a program wrote it.

    Args:
        text: the whole value.
        where: the property it stands in.
        make: the maker of the camera, empty where the file does not say it.
    """
    text = _BLANKS.sub(" ", text).strip()
    if len(text) > _LONGEST_CHARACTERS:
        return False
    return any(
        known.text.fullmatch(text) and (known.make is None or known.make.match(make.strip()))
        for known in _known()[where]
    )


def looks_like_camera_string(text: str) -> bool:
    """Return whether some camera writes this string into some property."""
    return any(is_camera_string(text, where) for where in Writer)


@lru_cache(maxsize=1)
def _known() -> dict[Writer, list[_CameraString]]:
    rows = tomllib.loads(files("photocap.metadata").joinpath("camera_strings.toml").read_text("utf-8"))["string"]
    return {where: [_compiled(row) for row in rows if where.value in row["where"]] for where in Writer}


def _compiled(row: dict[str, Any]) -> _CameraString:
    pattern = row.get("pattern") or re.escape(row["text"])
    make = row.get("make")
    return _CameraString(re.compile(pattern), re.compile(make, re.IGNORECASE) if make else None)
