"""What is written besides the caption on request: alternative text, keywords, further places; once, and undone."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import metadata_files as files
import pytest
from click.testing import Result
from fakes import FakeCaptioner
from metadata_files import description_property, xmp_segment
from PIL import Image

from photocap.captioning.model_files import base_model_dir, read_model_info
from photocap.cli import settings
from photocap.formats.base import Part
from photocap.formats.tiff_ifd import TiffBlock
from photocap.formats.tiff_structure import IPTC_TAG, LONG
from photocap.metadata import Also, WritePolicy, read_caption
from photocap.metadata.contents import parse_contents
from photocap.metadata.iptc import KEYWORDS, captions_in, captions_in_resources, texts_in_resources
from photocap.metadata.xmp import ALT_TEXT, SUBJECT
from photocap.records import Caption, Label, Written

Cli = Callable[..., Result]
SENTENCE = "A cat sleeps."
LABELS = (Label("cat", 0.97), Label("woman", 0.9))


class SeeingCaptioner(FakeCaptioner):
    """Always sees the same, as surely as the picture is wide."""

    space_id = read_model_info(base_model_dir()).space_id
    looked = 0

    def caption_batch(self, images: Sequence[Image.Image]) -> list[Caption]:
        SeeingCaptioner.looked += len(images)
        return [
            Caption(text=SENTENCE, confidence=min(1.0, image.width / 100), embedding=bytes(512), labels=LABELS)
            for image in images
        ]


@pytest.fixture(autouse=True)
def captioner(monkeypatch: pytest.MonkeyPatch) -> None:
    SeeingCaptioner.looked = 0
    monkeypatch.setattr("photocap.captioning.registry.load_captioner", lambda *_, **__: SeeingCaptioner())


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PHOTOCAP_DB", str(tmp_path / "index.db"))
    (tmp_path / "photos").mkdir()
    return tmp_path / "photos"


def photo(folder: Path, name: str = "a.jpg", *segments: bytes, width_px: int = 80) -> Path:
    path = folder / name
    Image.new("RGB", (width_px, 30), "red").save(path)
    data = path.read_bytes()
    path.write_bytes(data[:2] + b"".join(segments) + data[2:])
    return path


def texts(path: Path, name: tuple[str, str]) -> list[str]:
    packet = parse_contents(path, path.read_bytes()).packet
    return [text for _, text in packet.texts(name)] if packet else []


def set_alt_text(path: Path, text: str) -> None:
    """Change the alternative text as another program would."""
    (old,) = texts(path, ALT_TEXT)
    data = path.read_bytes()
    at = data.index(b"AltTextAccessibility")
    place = data.index(old.encode(), at)
    path.write_bytes(data[:place] + text.ljust(len(old)).encode() + data[place + len(old) :])


def test_alternative_text_also_for_photos_that_have_a_caption(cli: Cli, library: Path) -> None:
    by_model = photo(library)
    by_person = photo(library, "b.jpg", xmp_segment(properties=description_property("Aunt Mary")), width_px=81)
    before = by_person.read_bytes()
    cli("index", library)
    assert (texts(by_model, ALT_TEXT), by_person.read_bytes()) == ([], before)
    assert "2 unchanged" not in cli("index", library, "--alt-text").stderr
    assert texts(by_model, ALT_TEXT) == [SENTENCE]
    assert texts(by_person, ALT_TEXT) == ["Aunt Mary"]
    assert read_caption(by_person).persons_texts == ("Aunt Mary",)
    assert SeeingCaptioner.looked == 2
    assert "2 unchanged" in cli("index", library, "--alt-text").stderr
    assert cli("restore").exit_code == 0
    assert by_person.read_bytes() == before


def test_the_setting_is_a_key_of_the_config_file(cli: Cli, library: Path) -> None:
    path = settings.config_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('alt_text = true\nkeywords = true\nalso = ["iptc"]\nsidecar_name = "adobe"\nmtime = "touch"\n')
    taken = photo(library)
    taken.touch()
    cli("index", library)
    assert texts(taken, ALT_TEXT) == [SENTENCE]
    assert texts(taken, SUBJECT) == ["cat", "woman"]
    path.write_text('also = "flickr"\n')
    assert cli("index", library).exit_code == 2


@pytest.mark.parametrize(("width_px", "expected"), [(40, "Perhaps a cat sleeps."), (60, SENTENCE)])
def test_an_unsure_caption_is_hedged_as_alternative_text(cli: Cli, library: Path, width_px: int, expected: str) -> None:
    taken = photo(library, width_px=width_px)
    cli("index", library, "--alt-text")
    assert (read_caption(taken).text, texts(taken, ALT_TEXT)) == (SENTENCE, [expected])
    other = photo(library, "b.jpg", width_px=width_px + 1)
    cli("index", library, "--alt-text", "--hedge-below", 0)
    assert texts(other, ALT_TEXT) == [SENTENCE]


def test_photocaps_alternative_text_follows_an_edit_and_a_persons_does_not(cli: Cli, library: Path) -> None:
    ours, theirs = photo(library), photo(library, "b.jpg", width_px=81)
    cli("index", library, "--alt-text")
    set_alt_text(theirs, "Mia naps")
    assert cli("edit", ours, "Mia on the sofa").exit_code == 0
    assert cli("edit", theirs, "Mia on the sofa").exit_code == 0
    assert texts(ours, ALT_TEXT) == ["Mia on the sofa"]
    assert [text.strip() for text in texts(theirs, ALT_TEXT)] == ["Mia naps"]


def test_alternative_text_follows_recaption(cli: Cli, library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = photo(library)
    cli("index", library, "--alt-text")
    monkeypatch.setattr(SeeingCaptioner, "model_id", "other@1")
    monkeypatch.setattr(sys.modules[__name__], "SENTENCE", "Two cats sleep.")
    cli("index", library, "--recaption")
    assert (read_caption(taken).text, texts(taken, ALT_TEXT)) == ("Two cats sleep.", ["Two cats sleep."])


def test_alternative_text_follows_words_that_another_program_wrote(cli: Cli, library: Path) -> None:
    taken = photo(library)
    cli("index", library, "--alt-text")
    data = taken.read_bytes()
    start = data.index(b"dc:description")
    place = data.index(SENTENCE.encode(), start)
    taken.write_bytes(data[:place] + b"Mia is asleep" + data[place + len(SENTENCE) :])
    cli("index", library)
    assert read_caption(taken).text == "Mia is asleep"
    assert texts(taken, ALT_TEXT) == ["Mia is asleep"]
    before = taken.read_bytes()
    taken.touch()
    cli("index", library)
    assert taken.read_bytes() == before


def test_show_lists_the_alternative_text_and_whose_it_is(cli: Cli, library: Path) -> None:
    taken = photo(library)
    cli("index", library, "--alt-text")
    assert f"alt text   photocap: {SENTENCE}" in cli("show", taken).stdout
    set_alt_text(taken, "Mia naps")
    assert "alt text   a person: Mia naps" in cli("show", taken).stdout
    assert json.loads(cli("show", taken, "--json").stdout)["alt_texts"] == [
        {"place": "XMP AltTextAccessibility", "file": str(taken), "text": "Mia naps", "origin": "person"}
    ]
    cli("index", library)
    assert [Path(line).name for line in cli("search", "naps").stdout.split() if line.endswith(".jpg")] == ["a.jpg"]


def test_keywords_are_merged_and_undone(cli: Cli, library: Path) -> None:
    bag = "<dc:subject><rdf:Bag><rdf:li>Mia</rdf:li><rdf:li>Cat</rdf:li></rdf:Bag></dc:subject>"
    taken = photo(library, "a.jpg", xmp_segment(properties=bag), files.iptc_segment((2, 25, b"Mia")))
    before = taken.read_bytes()
    cli("index", library)
    assert texts(taken, SUBJECT) == ["Mia", "Cat"]
    cli("index", library, "--keywords")
    assert texts(taken, SUBJECT) == ["Mia", "Cat", "woman"]
    irb = parse_contents(taken, taken.read_bytes()).layout.parts[Part.IRB]
    assert texts_in_resources(irb, KEYWORDS) == ["Mia", "woman"]
    assert "1 unchanged" in cli("index", library, "--keywords").stderr
    assert SeeingCaptioner.looked == 1
    cli("restore")
    assert taken.read_bytes() == before


def test_keywords_with_neutral_people_say_nothing_of_sex(cli: Cli, library: Path) -> None:
    taken = photo(library)
    cli("index", library, "--keywords", "--neutral-people")
    assert texts(taken, SUBJECT) == ["cat"]


def test_keywords_for_a_persons_caption(cli: Cli, library: Path) -> None:
    taken = photo(library, "a.jpg", xmp_segment(properties=description_property("Aunt Mary")))
    shutil.copy(photo(library, "b.jpg"), library / "c.jpg")
    cli("index", library, "--keywords")
    assert read_caption(taken).persons_texts == ("Aunt Mary",)


@pytest.mark.parametrize("names", ["xpcomment", "iptc", "xpcomment,iptc"])
def test_further_places_on_request(cli: Cli, library: Path, names: str) -> None:
    taken = photo(library)
    before = taken.read_bytes()
    cli("index", library)
    cli("index", library, "--also", names)
    places = {copy.place.value for copy in read_caption(taken).copies}
    assert ("EXIF XPComment" in places, "IPTC 2:120" in places) == ("xpcomment" in names, "iptc" in names)
    assert cli("edit", taken, "Mia on the sofa").exit_code == 0
    found = read_caption(taken)
    assert {copy.text for copy in found.copies} == {"Mia on the sofa"}
    assert {copy.place.value for copy in found.copies} == places
    cli("restore")
    assert taken.read_bytes() == before


def test_iptc_where_there_is_none_is_as_standards_want_it(tmp_path: Path) -> None:
    also_iptc = WritePolicy(also=frozenset({Also.IPTC}))
    stale = files.resource(0x0425, b"old digest here!")
    path = tmp_path / "a.jpg"
    path.write_bytes(files.jpeg(files.segment(0xED, b"Photoshop 3.0\0" + stale)))
    assert files.write(path, SENTENCE, also_iptc).written is Written.EMBEDDED
    assert captions_in_resources(parts_of(path)[Part.IRB]) == [SENTENCE]
    assert stale not in path.read_bytes()  # the digest is that of the new IPTC
    path = tmp_path / "a.tif"
    Image.new("RGB", (40, 30), "red").save(path)
    assert files.write(path, SENTENCE, also_iptc).written is Written.EMBEDDED
    assert captions_in(parts_of(path)[Part.IIM]) == [SENTENCE]
    assert TiffBlock(path.read_bytes()).type_of(IPTC_TAG) == LONG


def parts_of(path: Path) -> Mapping[Part, bytes]:
    return parse_contents(path, path.read_bytes()).layout.parts


def test_sidecars_named_as_adobe_does(cli: Cli, library: Path) -> None:
    alone, pair = photo(library), photo(library, "b.jpg", width_px=81)
    Image.new("RGB", (30, 30), "red").save(library / "b.png")
    arguments: list[Any] = ["--metadata", "sidecar", "--sidecar-name", "adobe"]
    cli("index", library, *arguments)
    assert alone.with_suffix(".xmp").is_file()
    assert pair.with_name("b.jpg.xmp").is_file()
    assert "2 unchanged" in cli("index", alone, pair, *arguments).stderr
    assert read_caption(alone).text == SENTENCE
    cli("restore")
    assert not list(library.glob("*.xmp"))
