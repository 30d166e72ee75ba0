"""What a photo says about itself: size, time, camera, lens, place, rating."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from PIL import Image
from PIL.ExifTags import IFD

from photocap.errors import as_read_error
from photocap.photos.dates import date_in_name, date_in_takeout
from photocap.photos.decode import open_picture, orientation_of
from photocap.records import PhotoFacts

# Tag numbers from Exif 2.32 and, for the rating, from Microsoft's documentation of System.Rating.
_MAKE, _MODEL, _DATE_TIME, _RATING = 0x010F, 0x0110, 0x0132, 0x4746
_F_NUMBER, _ISO, _FOCAL_LENGTH = 0x829D, 0x8827, 0x920A
_MOST_ISO = 10_000_000
_DATE_TIME_ORIGINAL, _DATE_TIME_DIGITIZED, _LENS_MODEL = 0x9003, 0x9004, 0xA434
_LATITUDE_REF, _LATITUDE, _LONGITUDE_REF, _LONGITUDE = 1, 2, 3, 4
_TURNED_ON_ITS_SIDE = (5, 6, 7, 8)
_MAX_NAME = 200
_LONGEST_TIME = 100  # characters; the rest of a longer value is not looked at
_MAX_RAW_NAME = 5 * _MAX_NAME  # as much of a value as is looked at
# What only stands in XMP, as an attribute or as an element.
_XMP_TAKEN = re.compile(
    rb"""(?:exif:DateTimeOriginal|photoshop:DateCreated|xmp:CreateDate)\s*(?:=\s*["']|>)([-0-9T:]{19})"""
)
_XMP_RATING = re.compile(rb"""xmp:Rating\s*(?:=\s*["']|>)\s*(-?\d)""")
_XMP_LENS = re.compile(rb"""aux:Lens\s*(?:=\s*["']|>)([^"'<]{1,200})""")


def read_facts(path: Path, data: bytes | None = None) -> PhotoFacts:
    """Read a photo's facts from its header; the picture is not decoded. Broken metadata gives no facts, no error.

    Args:
        path: the photo.
        data: its content, where it was read already.

    Raises:
        ReadError: the file cannot be read or is no picture.
    """
    with as_read_error(path), open_picture(path, data) as image:
        width_px, height_px = image.size
        if orientation_of(image) in _TURNED_ON_ITS_SIDE and image.format != "TIFF":  # Pillow turns TIFF's size itself
            width_px, height_px = height_px, width_px
        try:
            facts = PhotoFacts(width_px=width_px, height_px=height_px, **_said(image))
        except Exception:  # Pillow raises anything on a broken EXIF block, and a photo is more than its EXIF
            facts = PhotoFacts(width_px=width_px, height_px=height_px)
    return facts if facts.taken else _dated_otherwise(path, facts)


def _dated_otherwise(path: Path, facts: PhotoFacts) -> PhotoFacts:
    """Give a photo whose metadata have no date the one of its file's name, or of Takeout's file beside it."""
    if taken := date_in_name(path.name):
        return replace(facts, taken=taken, taken_source="filename")
    if taken := date_in_takeout(path):
        return replace(facts, taken=taken, taken_source="takeout")
    return facts


def _said(image: Image.Image) -> dict[str, Any]:
    main = image.getexif()
    exif, gps = main.get_ifd(IFD.Exif), main.get_ifd(IFD.GPSInfo)
    xmp = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
    xmp = xmp.encode() if isinstance(xmp, str) else xmp
    latitude = _degrees(gps.get(_LATITUDE), gps.get(_LATITUDE_REF), 90)
    longitude = _degrees(gps.get(_LONGITUDE), gps.get(_LONGITUDE_REF), 180)
    has_place = latitude is not None and longitude is not None and (latitude, longitude) != (0.0, 0.0)
    taken = _first_time(exif, main, xmp)
    return {
        "taken": taken,
        "taken_source": "exif" if taken else None,
        "camera": _camera(_name(main.get(_MAKE)), _name(main.get(_MODEL))),
        "lens": _name(exif.get(_LENS_MODEL)) or _name(_found(_XMP_LENS, xmp)),
        "latitude": latitude if has_place else None,
        "longitude": longitude if has_place else None,
        "rating": _rating(main.get(_RATING), xmp),
        "iso": _iso(exif.get(_ISO)),
        "f_number": _positive(exif.get(_F_NUMBER)),
        "focal_length_mm": _positive(exif.get(_FOCAL_LENGTH)),
    }


def _iso(value: Any) -> int | None:
    first = value[0] if isinstance(value, (tuple, list)) and value else value
    return first if isinstance(first, int) and 0 < first < _MOST_ISO else None


def _positive(value: Any) -> float | None:
    """Return a number above zero to one digit, as photographers say it; None where it is none."""
    try:
        number = round(float(value), 1)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    return number if math.isfinite(number) and number > 0 else None


def _first_time(exif: Mapping[int, Any], main: Mapping[int, Any], xmp: bytes) -> datetime | None:
    in_xmp = (_found(_XMP_TAKEN, xmp) or b"").decode()
    values = (exif.get(_DATE_TIME_ORIGINAL), exif.get(_DATE_TIME_DIGITIZED), in_xmp, main.get(_DATE_TIME))
    return next((time for value in values if (time := _time(value))), None)


def _time(value: Any) -> datetime | None:
    """Read "2017:08:12 10:11:12" or "2017-08-12T10:11:12"; cameras without a clock write blanks or zeros."""
    numbers = (
        [int(digits) for digits in re.findall(r"\d+", value[:_LONGEST_TIME])[:6]] if isinstance(value, str) else []
    )
    try:
        return datetime(*numbers) if len(numbers) == 6 and numbers[0] > 1825 else None  # type: ignore[arg-type]  # six
    except (ValueError, OverflowError):
        return None


def _name(value: Any) -> str | None:
    if isinstance(value, bytes):
        value = value[:_MAX_RAW_NAME].decode("utf-8", "replace")
    if not isinstance(value, str):
        return None
    printable = "".join(c if c.isprintable() else " " for c in value[:_MAX_RAW_NAME].split("\0")[0])
    return " ".join(printable.split())[:_MAX_NAME] or None


def _camera(make: str | None, model: str | None) -> str | None:
    """Join make and model: "Canon" and "Canon EOS 5D" are one Canon."""
    if not make or not model:
        return model or make
    first_word = make.split()[0].lower()
    return model if model.lower().startswith(first_word) else f"{make} {model}"


def _degrees(value: Any, hemisphere: Any, limit: float) -> float | None:
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        return None
    parts = [float(part) for part in value[:3]]
    degrees = sum(part / 60**place for place, part in enumerate(parts))
    if isinstance(hemisphere, bytes):
        hemisphere = hemisphere.decode("ascii", "replace")
    if str(hemisphere or "").strip("\0 ").upper() in ("S", "W"):
        degrees = -degrees
    return degrees if math.isfinite(degrees) and abs(degrees) <= limit else None


def _rating(value: Any, xmp: bytes) -> int | None:
    if value is None:
        found = _found(_XMP_RATING, xmp)
        value = int(found) if found else None
    return value if isinstance(value, int) and 0 <= value <= 5 else None


def _found(pattern: re.Pattern[bytes], xmp: bytes) -> bytes | None:
    match = pattern.search(xmp)
    return match.group(1) if match else None
