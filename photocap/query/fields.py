"""The fields of the search language: one table for the parser, the SQL, the help and the documentation."""

from __future__ import annotations

from dataclasses import dataclass

from photocap.query import values
from photocap.query.tree import Field, Node

TRAITS: dict[Field, dict[str, str]] = {
    Field.HAS: {
        "caption": "with a caption",
        "date": "with a date",
        "gps": "with coordinates",
        "camera": "with a camera's name",
        "lens": "with a lens's name",
        "rating": "with a rating",
        "keyword": "with keywords",
        "title": "with a title",
        "person": "with the name of a person",
        "place": "with the name of a place",
        "label": "with labels",
    },
    Field.IS: {
        "edited": "captioned by a person",
        "raw": "in a raw format",
        "duplicate": "of which there is a copy",
        "missing": "now missing",
        "failed": "that could not be read",
    },
}
"""What `has:` and `is:` know, in words."""


@dataclass(frozen=True, kw_only=True)
class FieldSpec:
    """One field of the search language.

    Attributes:
        name: what stands before the colon.
        says: what it asks, as the help and the documentation say it.
        expects: what stands behind the colon, for the message about a value that is none.
        examples: how it is used.
        column: of the full-text index, where the value is words; several are separated by blanks.
        read: makes a filter of the value, where it is not words; None where the value is no such thing.
        aliases: other names that people try.
    """

    name: str
    says: str
    expects: str
    examples: tuple[str, ...]
    column: str = ""
    read: values.Reader | None = None
    aliases: tuple[str, ...] = ()


_A_DATE = "a date such as 2019, 2019-06, 30.6.2019, May 2020, yesterday"
_A_NUMBER = "a number such as 3, >3, <=3 or 3..5"
_WORDS = "words"
_MB = {"b": 1.0, "k": 1e3, "kb": 1e3, "m": 1e6, "mb": 1e6, "g": 1e9, "gb": 1e9}

_SPECS = (
    FieldSpec(
        name="caption",
        says="Words in a caption, a person's or a model's.",
        expects=_WORDS,
        examples=("caption:dog", 'caption:"a dog"'),
        column="person_words caption",
        aliases=("description",),
    ),
    FieldSpec(
        name="label",
        says="What the model recognised.",
        expects=_WORDS,
        examples=("label:cat",),
        column="labels",
        aliases=("labels", "object"),
    ),
    FieldSpec(
        name="keyword",
        says="Keywords (tags) in the photo's metadata.",
        expects=_WORDS,
        examples=("keyword:holiday",),
        column="keywords",
        aliases=("keywords", "tag", "tags", "subject"),
    ),
    FieldSpec(
        name="title",
        says="The title in the photo's metadata.",
        expects=_WORDS,
        examples=("title:wedding",),
        column="title",
    ),
    FieldSpec(
        name="person",
        says="The name of a person in the photo's metadata.",
        expects="a name",
        examples=("person:anna",),
        column="people",
        aliases=("people", "face"),
    ),
    FieldSpec(
        name="place",
        says="A city, region or country in the photo's metadata.",
        expects="a name",
        examples=('place:"new york"',),
        column="place",
        aliases=("city", "country", "location"),
    ),
    FieldSpec(
        name="filename",
        says="Words of the file's name.",
        expects="a part of the name",
        examples=("filename:img_2041",),
        column="filename",
        aliases=("file",),
    ),
    FieldSpec(
        name="folder",
        says="Words of the folders' names.",
        expects="a name",
        examples=("folder:italy",),
        column="folders",
        aliases=("album", "dir", "directory"),
    ),
    FieldSpec(
        name="path",
        says="A part of the path, in any case; with * or ? the whole path.",
        expects="a part of the path",
        examples=("path:2019/italy", "path:*.png"),
        read=values.contains(Field.PATH),
    ),
    FieldSpec(
        name="type",
        says="The file format, by the end of the name; raw stands for all raw formats.",
        expects="a format such as jpg, heic, png or raw",
        examples=("type:heic", "type:raw"),
        read=values.file_type,
        aliases=("format", "ext", "extension"),
    ),
    FieldSpec(
        name="date",
        says="Taken on this day, in this month, season or year, or between two of them (both included).",
        expects=_A_DATE,
        examples=("date:2019-07", 'date:"May 2020"', "date:2020-05..2020-07", "date:05.05.2020", 'date:"last summer"'),
        read=values.taken_during,
        aliases=("year", "month", "taken", "day"),
    ),
    FieldSpec(
        name="after",
        says="Taken then or later: the day, month or year named is included.",
        expects=_A_DATE,
        examples=("after:2019", "after:yesterday"),
        read=values.taken_after,
        aliases=("since",),
    ),
    FieldSpec(
        name="before",
        says="Taken earlier: the day, month or year named is left out.",
        expects=_A_DATE,
        examples=("before:2019-06",),
        read=values.taken_before,
        aliases=("until",),
    ),
    FieldSpec(
        name="time",
        says="Taken at this time of the day, by the camera's clock; a range may go over midnight.",
        expects="a time such as 18, 18:30, 18:00.. or 22..4",
        examples=("time:18:00..", "time:22..4"),
        read=values.time_of_day,
        aliases=("hour",),
    ),
    FieldSpec(
        name="added",
        says="First indexed then.",
        expects=_A_DATE,
        examples=("added:today", "added:2024-05.."),
        read=values.added_during,
        aliases=("indexed",),
    ),
    FieldSpec(
        name="near",
        says="Taken within a distance (10 km unless said) of coordinates, or of where the photos that name this "
        "place were taken.",
        expects="latitude,longitude or a place's name, and a radius: 48.2,16.4,10km",
        examples=("near:48.2,16.4,10km", "near:vienna,20km"),
        read=values.near,
        aliases=("around",),
    ),
    FieldSpec(
        name="camera",
        says="A part of the camera's name.",
        expects="a part of the camera's name",
        examples=("camera:pentax", 'camera:"iPhone 8"'),
        read=values.contains(Field.CAMERA),
        aliases=("make", "model"),
    ),
    FieldSpec(
        name="lens",
        says="A part of the lens's name.",
        expects="a part of the lens's name",
        examples=("lens:50mm",),
        read=values.contains(Field.LENS),
    ),
    FieldSpec(
        name="iso",
        says="The sensitivity.",
        expects=_A_NUMBER,
        examples=("iso:>=1600",),
        read=values.number(Field.ISO),
    ),
    FieldSpec(
        name="fnumber",
        says="The aperture.",
        expects=_A_NUMBER,
        examples=("fnumber:<2.8", "fnumber:f/8"),
        read=values.f_number,
        aliases=("aperture",),
    ),
    FieldSpec(
        name="focal",
        says="The focal length in millimetres, as the lens has it.",
        expects=_A_NUMBER,
        examples=("focal:24..35",),
        read=values.number(Field.FOCAL_LENGTH, {"mm": 1.0}),
    ),
    FieldSpec(
        name="rating",
        says="The stars, 0 to 5.",
        expects=_A_NUMBER,
        examples=("rating:>=3",),
        read=values.number(Field.RATING),
        aliases=("stars",),
    ),
    FieldSpec(
        name="conf",
        says="The confidence of a generated caption, 0 to 1.",
        expects="a number such as >0.5 or >50%",
        examples=("conf:>0.5", "conf:<50%"),
        read=values.number(Field.CONFIDENCE, {"%": 0.01}),
        aliases=("confidence",),
    ),
    FieldSpec(
        name="width",
        says="The width of the upright picture in pixels.",
        expects=_A_NUMBER,
        examples=("width:>4000",),
        read=values.number(Field.WIDTH, {"px": 1.0}),
    ),
    FieldSpec(
        name="height",
        says="The height of the upright picture in pixels.",
        expects=_A_NUMBER,
        examples=("height:<1000",),
        read=values.number(Field.HEIGHT, {"px": 1.0}),
    ),
    FieldSpec(
        name="size",
        says="The size of the file.",
        expects="a size such as >5MB",
        examples=("size:>5MB", "size:100kb..1mb"),
        read=values.number(Field.SIZE, _MB),
    ),
    FieldSpec(
        name="has",
        says=f"What the photo has: {', '.join(TRAITS[Field.HAS])}.",
        expects=f"one of {', '.join(TRAITS[Field.HAS])}",
        examples=("has:gps",),
        read=values.trait(Field.HAS, tuple(TRAITS[Field.HAS])),
    ),
    FieldSpec(
        name="is",
        says=f"What the photo is: {', '.join(TRAITS[Field.IS])}. Missing and failed photos are found in no other way.",
        expects=f"one of {', '.join(TRAITS[Field.IS])}",
        examples=("is:edited", "-is:raw"),
        read=values.trait(Field.IS, tuple(TRAITS[Field.IS])),
    ),
)

FIELDS: dict[str, FieldSpec] = {spec.name: spec for spec in _SPECS}
"""Every field by its name."""

ALIASES: dict[str, str] = {alias: spec.name for spec in _SPECS for alias in spec.aliases}
"""Other names that people try, with the field that they mean."""


def read_field(name: str, value: str) -> Node | str:
    """Return the filter that `name:value` stands for, or the words that say what was expected."""
    spec = FIELDS[name]
    assert spec.read is not None  # fields of words are the parser's
    return spec.read(value.strip()) or spec.expects
