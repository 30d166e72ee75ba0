"""Another program changes one of a caption's copies: that copy is the newer word, whoever wrote the others."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import metadata_files as files
import pytest
from click.testing import Result
from fakes import FakeCaptioner
from PIL import Image

from photocap.index import PhotoIndex
from photocap.library.indexing import index_photos
from photocap.metadata import ExifTool, Origin, read_caption
from photocap.records import CaptionSource

Cli = Callable[..., Result]
pytestmark = pytest.mark.skipif(not shutil.which("exiftool"), reason="ExifTool is not installed")
NEW = "Ben in the garden"
CAPTIONS = ("XMP-dc:Description", "IPTC:Caption-Abstract", "EXIF:ImageDescription")
COMMENTS = ("EXIF:UserComment", "Comment")


class Library:
    """A photo with EXIF, XMP and IPTC, its index, and another program."""

    def __init__(self, folder: Path) -> None:
        self.db = folder / "index.db"
        self.photo = folder / "photos" / "a.jpg"
        self.photo.parent.mkdir()
        Image.new("RGB", (40, 30), "red").save(self.photo)
        data = self.photo.read_bytes()
        self.photo.write_bytes(data[:2] + files.iptc_segment((2, 25, b"Mia")) + data[2:])

    def index(self) -> None:
        with PhotoIndex.open(self.db, create=True) as index:
            assert index_photos([self.photo.parent], index, FakeCaptioner).exit_code == 0

    def exiftool(self, *arguments: str, target: Path | None = None) -> None:
        subprocess.run(["exiftool", "-q", "-m", "-overwrite_original", *arguments, target or self.photo], check=True)
        os.utime(target or self.photo)

    def indexed(self) -> tuple[str | None, CaptionSource | None]:
        with PhotoIndex.open(self.db, read_only=True) as index:
            row = index.photos.get(self.photo)
        assert row is not None
        return row.caption, row.source


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Library:
    library = Library(tmp_path)
    monkeypatch.setenv("PHOTOCAP_DB", str(library.db))
    library.index()
    return library


@pytest.mark.parametrize(
    ("before", "tag"),
    [("a model's", tag) for tag in (*CAPTIONS, *COMMENTS)] + [("a person's", tag) for tag in CAPTIONS],
)
def test_the_changed_copy_is_the_newer_word(cli: Cli, library: Library, before: str, tag: str) -> None:
    if before == "a person's":
        assert cli("edit", library.photo, "Anna on the sofa").exit_code == 0
    library.exiftool(f"-{tag}={NEW}")
    library.index()
    assert library.indexed() == (NEW, CaptionSource.PERSON)
    found = read_caption(library.photo)
    assert NEW in found.persons_texts
    assert all(copy.origin is not Origin.PHOTOCAP for copy in found.copies if copy.is_main)  # refreshed, none is stale
    if before == "a person's":
        assert "Anna on the sofa" in found.persons_texts  # the other copies are a person's too
    library.index()
    assert library.indexed() == (NEW, CaptionSource.PERSON)


@pytest.mark.parametrize("before", ["a model's", "a person's"])
def test_a_changed_sidecar_is_the_newer_word(cli: Cli, library: Library, before: str) -> None:
    if before == "a person's":
        assert cli("edit", library.photo, "Anna on the sofa").exit_code == 0
    sidecar = library.photo.with_name("a.jpg.xmp")
    subprocess.run(["exiftool", "-q", "-o", sidecar, "-tagsfromfile", library.photo, "-xmp:all"], check=True)
    library.exiftool(f"-XMP-dc:Description={NEW}", target=sidecar)
    library.index()
    assert library.indexed() == (NEW, CaptionSource.PERSON)


def test_a_comment_beside_a_persons_caption_is_kept_and_found(cli: Cli, library: Library) -> None:
    assert cli("edit", library.photo, "Anna on the sofa").exit_code == 0
    library.exiftool("-EXIF:UserComment=bought in Trieste")
    library.index()
    assert library.indexed() == ("Anna on the sofa", CaptionSource.PERSON)
    assert "a.jpg" in cli("search", "Trieste").stdout


def test_a_stripped_mark_makes_no_person_of_a_model(library: Library) -> None:
    caption, _ = library.indexed()
    library.exiftool("-XMP:all=")
    library.index()
    assert library.indexed() == (caption, CaptionSource.MODEL)
    assert read_caption(library.photo).origin is Origin.PHOTOCAP  # signed again


def test_a_deleted_caption_stays_deleted(library: Library) -> None:
    library.exiftool("-XMP-dc:Description=", "-IPTC:Caption-Abstract=", "-EXIF:ImageDescription=")
    library.index()
    assert read_caption(library.photo).text == ""


@pytest.mark.parametrize("words", ["1952.10", "007", "1e5", "True"])
def test_numbers_that_exiftool_reads_for_us_stay_as_they_are_written(tmp_path: Path, words: str) -> None:
    photo = tmp_path / "a.jpg"
    unreadable_here = files.description_property(words) + "<foo:a>1</foo:a>"
    photo.write_bytes(files.jpeg(files.xmp_segment(properties=unreadable_here)))
    with ExifTool() as exiftool:
        assert read_caption(photo, exiftool=exiftool).persons_texts == (words,)


def test_words_in_exif_alone_bring_iptc_up_to_date_where_the_mark_was_stripped(library: Library) -> None:
    library.exiftool("-XMP:all=")
    library.exiftool(f"-EXIF:ImageDescription={NEW}")
    library.index()
    assert library.indexed() == (NEW, CaptionSource.PERSON)
    assert {copy.text for copy in read_caption(library.photo).copies} == {NEW}
    assert not library.photo.with_name("a.jpg.xmp").exists()


def test_show_knows_a_machines_text_whose_mark_was_stripped(cli: Cli, library: Library) -> None:
    library.exiftool("-XMP:all=")
    assert "author     photocap" in cli("show", library.photo).stdout
