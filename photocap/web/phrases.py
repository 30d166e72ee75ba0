"""How the page puts things into words."""

from __future__ import annotations

from photocap.errors import printable
from photocap.index import CaptionVersion, PhotoRow
from photocap.records import CaptionSource

_CONFIDENCE = ((0.8, "very likely right"), (0.6, "likely right"), (0.4, "may be right"), (0.0, "likely wrong"))
_NARROWEST, _WIDEST = 5, 24  # as photocap.css has classes
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip


def confidence_words(confidence: float) -> str:
    """Return a calibrated probability in words: "likely right"."""
    return next(words for limit, words in _CONFIDENCE if confidence >= limit)


def standing(photo: PhotoRow) -> str:
    """Return how sure the caption of a photo is, or that a person wrote it."""
    if not photo.caption:
        return "no caption"
    if photo.source is CaptionSource.PERSON:
        return "written by a person"
    return confidence_words(photo.confidence or 0.0)


def alt_text(photo: PhotoRow) -> str:
    """Return what a screen reader says in place of a photo."""
    return printable(photo.caption or photo.path.name)


def shape_class(photo: PhotoRow) -> str:
    """Return the style class for a picture's shape, by tenths: "s15" is half again as wide as high."""
    if not photo.width_px or not photo.height_px:
        return "s14"
    return f"s{min(_WIDEST, max(_NARROWEST, int(10 * photo.width_px / photo.height_px + 0.5)))}"


def exposure(photo: PhotoRow) -> str:
    """Return how the camera was set: "35 mm, f/2.8, ISO 200"; empty where the photo does not say."""
    parts = (
        (photo.focal_length_mm, "{:g} mm"),
        (photo.f_number, "f/{:g}"),
        (photo.iso, "ISO {}"),
    )
    return ", ".join(words.format(value) for value, words in parts if value)


def provenance(version: CaptionVersion) -> str:
    """Return where a caption comes from, in one line."""
    if version.source is CaptionSource.PERSON:
        return "a person"
    sure = "" if version.confidence is None else f", {confidence_words(version.confidence)}"
    return f"the model {version.model_id or 'of an older index'}{sure}"


def day(moment: str) -> str:
    """Return an ISO date, with or without a time, as people write it: "3 July 2019, 14:05"."""
    date, _, time = moment.partition("T")
    parts = date.split("-")
    if len(parts) != 3:
        return month(date)
    words = f"{int(parts[2])} {month(f'{parts[0]}-{parts[1]}')}"
    return f"{words}, {time[:5]}" if time else words


def month(text: str) -> str:
    """Return an ISO month as people write it: "July 2019"."""
    year, _, number = text.partition("-")
    if not number.isdigit() or not 1 <= int(number) <= 12:
        return text or "Without a date"
    return f"{_MONTHS[int(number) - 1]} {year}"


def count_words(count: int, noun: str, counted_to: int | None = None) -> str:
    """Return a number that may not have been counted to its end: "3 photos", "10,000 or more photos"."""
    more = " or more" if counted_to is not None and count >= counted_to else ""
    return f"{count:,}{more} {noun if count == 1 else noun + 's'}"


def size_words(size_bytes: int) -> str:
    """Return a file's size: "3.4 MB"."""
    return f"{size_bytes / 1e6:.1f} MB" if size_bytes >= 1e5 else f"{size_bytes / 1e3:.0f} kB"
