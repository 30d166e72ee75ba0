"""The list of formats: each file has one, each suffix one kind, and all that goes by the list agrees."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import REPOSITORY
from metadata_files import write
from PIL import Image

from photocap.formats.base import CaptionWriter, FileKind, FormatError
from photocap.formats.detect import FORMATS, container_of, format_of, kind_of
from photocap.formats.sidecar_names import FolderNames
from photocap.metadata import read_caption
from photocap.photos.facts import read_facts
from photocap.photos.support import readable_formats
from photocap.query.values import file_type
from photocap.records import Written

PICTURES = REPOSITORY / "tests" / "data" / "pictures"
STORED = sorted(path for path in PICTURES.iterdir() if path.suffix != ".txt")
NO_PICTURE = ("text.jpg", "zeros.jpg")


@pytest.mark.parametrize("path", [p for p in STORED if p.name not in NO_PICTURE], ids=lambda path: path.name)
def test_a_stored_picture_is_of_the_format_that_its_name_says(path: Path) -> None:
    data = path.read_bytes()
    found = container_of(data, path)
    assert found is not None
    assert kind_of(path) is found.kind
    is_codestream = path.name == "plain.jxl"  # without a container it is a format of its own, of the same suffix
    assert is_codestream or path.suffix[1:] in found.suffixes
    assert format_of(data[:16]) is not None


@pytest.mark.parametrize("name", NO_PICTURE)
def test_what_is_no_picture_has_no_format(name: str) -> None:
    assert container_of((PICTURES / name).read_bytes(), PICTURES / name) is None


def test_every_format_has_a_stored_picture_and_every_suffix_one_format() -> None:
    held = {format_of(path.read_bytes()) for path in STORED} | {container_of(p.read_bytes(), p) for p in STORED}
    assert {known.name for known in FORMATS} == {known.name for known in held if known is not None}
    suffixes = [suffix for known in FORMATS for suffix in known.suffixes]
    assert len(suffixes) == len(set(suffixes))
    assert all(suffix == suffix.lower() and not suffix.startswith(".") for suffix in suffixes)


def test_pictures_have_decoders_and_raw_files_previews() -> None:
    for known in FORMATS:
        if known.suffixes:
            assert bool(known.decoders) is (known.kind is FileKind.PICTURE), known.name
    Image.init()
    names = {name for known in FORMATS for name in known.decoders}
    assert names - {"JXL"} <= set(Image.OPEN)
    assert set(readable_formats()) == {known.name for known in FORMATS if known.suffixes}


@pytest.mark.parametrize(("name", "suffix"), [("IMG.JPG", "jpg"), ("img.x.CR3", "cr3"), ("a.Mp4", "mp4")])
def test_names_decide_in_any_case(name: str, suffix: str) -> None:
    kinds = {"jpg": FileKind.PICTURE, "cr3": FileKind.RAW, "mp4": FileKind.VIDEO}
    assert kind_of(name) is kinds[suffix]
    assert kind_of(name + ".bak") is FileKind.OTHER


def test_a_sidecar_of_the_stem_has_a_rival_in_every_suffix(tmp_path: Path) -> None:
    for known in FORMATS:
        for suffix in known.suffixes:
            (tmp_path / f"a.{suffix.upper()}").touch()
    rivals = FolderNames().beside(tmp_path / "a.JPG").rivals
    assert len(rivals) == sum(len(known.suffixes) for known in FORMATS) - 1


READ_ONLY = [
    path
    for path in STORED
    if (known := container_of(path.read_bytes(), path))
    and known.writer is CaptionWriter.NOBODY
    and known.name != "Canon CR3"  # without ExifTool nobody knows whether it holds a person's words
    and not read_caption(path).text
]


@pytest.mark.parametrize("path", READ_ONLY, ids=lambda path: path.name)
def test_a_format_that_is_not_written_to_gets_a_sidecar(path: Path, tmp_path: Path) -> None:
    data = path.read_bytes()
    known = container_of(data, path)
    assert known is not None
    with pytest.raises(FormatError, match="not written to"):
        known.edits(data, {})
    copy = tmp_path / path.name
    copy.write_bytes(data)
    prepared = write(copy, "a dog")
    assert prepared.written is Written.SIDECAR
    assert "written to" in prepared.reason
    assert copy.read_bytes() == data
    assert read_caption(copy).text == "a dog"  # out of the sidecar


def test_whole_pictures_open() -> None:
    made_up = ("truncated", "empty", "zeros", "text", "moov", "jpeg-inside", "panasonic", "canon")
    optional = (".jxl", ".dng")  # their readers may not be installed
    for path in STORED:
        if not path.name.startswith(made_up) and path.suffix not in optional:
            assert read_facts(path).width_px in (2, 24), path.name


@pytest.mark.parametrize(
    ("value", "suffixes"),
    [
        ("jpeg", ("jpg", "jpeg", "jpe", "jfif", "mpo")),
        ("JPG", ("jpg", "jpeg", "jpe", "jfif", "mpo")),
        ("mpo", ("mpo",)),
        ("heic", ("heic", "heif", "hif")),
        (".tif", ("tif", "tiff")),
        ("nef", ("nef",)),
        ("psd", ("psd",)),
    ],
)
def test_a_type_in_a_search(value: str, suffixes: tuple[str, ...]) -> None:
    found = file_type(value)
    assert found is not None
    assert found.suffixes == suffixes


def test_raw_in_a_search_is_every_raw_suffix() -> None:
    found = file_type("raw")
    assert found is not None
    assert {"dng", "cr3", "raf", "nef"} <= set(found.suffixes)
