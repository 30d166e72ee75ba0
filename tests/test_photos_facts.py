"""read_facts: what the camera wrote, and nothing where it wrote nonsense."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from PIL.ExifTags import IFD

from photocap.errors import ReadError
from photocap.photos import read_facts
from photocap.records import PhotoFacts


def photo(path: Path, main: dict[int, Any] | None = None, exif: Any = None, gps: Any = None, **options: Any) -> Path:
    block = Image.Exif()
    block.update(main or {})
    for ifd, tags in ((IFD.Exif, exif), (IFD.GPSInfo, gps)):
        if tags:
            block.get_ifd(ifd).update(tags)
    Image.new("RGB", (60, 40)).save(path, exif=block, **options)
    return path


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "heic", "avif"])
def test_everything_at_once(tmp_path: Path, suffix: str) -> None:
    path = photo(
        tmp_path / f"a.{suffix}",
        {0x010F: "PENTAX Corporation", 0x0110: "PENTAX K-5", 0x0132: "2020:01:01 00:00:00", 0x4746: 4},
        {0x9003: "2017:08:12 10:11:12", 0xA434: "smc PENTAX-DA 35mm", 0x829D: 2.8, 0x8827: 400, 0x920A: 35.0},
        {1: "S", 2: (33.0, 51.0, 36.0), 3: "E", 4: (151.0, 12.0, 0.0)},
    )
    facts = read_facts(path)
    assert facts.latitude == pytest.approx(-33.86)
    assert facts.longitude == pytest.approx(151.2)
    assert facts == PhotoFacts(
        width_px=60,
        height_px=40,
        taken=datetime(2017, 8, 12, 10, 11, 12),
        camera="PENTAX K-5",
        lens="smc PENTAX-DA 35mm",
        latitude=facts.latitude,
        longitude=facts.longitude,
        rating=4,
        iso=400,
        f_number=2.8,
        focal_length_mm=35.0,
        taken_source="exif",
    )


def test_nothing_said(tmp_path: Path) -> None:
    assert read_facts(photo(tmp_path / "a.png")) == PhotoFacts(width_px=60, height_px=40)


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "avif"])
def test_size_is_that_of_the_upright_picture(tmp_path: Path, suffix: str) -> None:
    facts = read_facts(photo(tmp_path / f"a.{suffix}", {0x0112: 6}))
    assert (facts.width_px, facts.height_px) == (40, 60)


@pytest.mark.parametrize(
    ("make", "model", "camera"),
    [
        ("Canon", "Canon EOS 5D", "Canon EOS 5D"),
        ("NIKON CORPORATION", "NIKON D70", "NIKON D70"),
        ("SONY", "DSC-RX1R", "SONY DSC-RX1R"),
        ("Make\0junk", "  Model  X \0", "Make Model X"),
        ("OnlyMake", "", "OnlyMake"),
        ("", "OnlyModel", "OnlyModel"),
    ],
)
def test_camera(tmp_path: Path, make: str, model: str, camera: str) -> None:
    tags = {tag: text for tag, text in ((0x010F, make), (0x0110, model)) if text}
    assert read_facts(photo(tmp_path / "a.jpg", tags)).camera == camera


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("2017:08:12 10:11:12", datetime(2017, 8, 12, 10, 11, 12)),
        ("2017-08-12T10:11:12Z", datetime(2017, 8, 12, 10, 11, 12)),
        ("0000:00:00 00:00:00", None),
        ("    :  :     :  :  ", None),
        ("2017:13:45 99:99:99", None),
        ("99999999999999999999:1:1 1:1:1", None),
        ("yesterday", None),
    ],
)
def test_time(tmp_path: Path, text: str, taken: datetime | None) -> None:
    assert read_facts(photo(tmp_path / "a.jpg", exif={0x9003: text})).taken == taken


def test_time_falls_back(tmp_path: Path) -> None:
    path = photo(tmp_path / "a.jpg", {0x0132: "2020:01:01 00:00:00"}, {0x9003: "    "})
    assert read_facts(path).taken == datetime(2020, 1, 1)


@pytest.mark.parametrize("latitude", [(95.0, 0.0, 0.0), (0.0, 0.0, 0.0)])
def test_impossible_places_are_none(tmp_path: Path, latitude: tuple[float, ...]) -> None:
    facts = read_facts(photo(tmp_path / "a.jpg", gps={1: "N", 2: latitude, 3: "E", 4: (0.0, 0.0, 0.0)}))
    assert (facts.latitude, facts.longitude) == (None, None)


@pytest.mark.parametrize("xmp", ['xmp:Rating="3"', "><xmp:Rating>3</xmp:Rating"])
def test_rating_time_and_lens_in_xmp_alone(tmp_path: Path, xmp: str) -> None:
    packet = f'<rdf:Description aux:Lens="50mm f/1.8" xmp:CreateDate="2011-02-03T04:05:06+01:00" {xmp}>'
    facts = read_facts(photo(tmp_path / "a.jpg", xmp=packet.encode()))
    assert (facts.rating, facts.lens, facts.taken) == (3, "50mm f/1.8", datetime(2011, 2, 3, 4, 5, 6))


def test_rejected_rating_is_none(tmp_path: Path) -> None:
    assert read_facts(photo(tmp_path / "a.jpg", xmp=b'xmp:Rating="-1"')).rating is None


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_real_files_never_fail_for_their_metadata(shared: Path) -> None:
    """Whatever Pillow can open gives facts, however broken its metadata are; some of these are very broken."""
    cameras, unreadable = [], []
    for path in sorted((shared / "camera-files").rglob("*.jpg")):
        try:
            cameras.append(read_facts(path).camera)
        except ReadError:
            unreadable.append(path.name)
    assert len([camera for camera in cameras if camera]) > 40
    assert unreadable == ["notjpeg.jpg"]


@pytest.mark.parametrize(
    ("name", "taken"),
    [
        ("IMG_20190704_201501.jpg", datetime(2019, 7, 4, 20, 15, 1)),
        ("PXL_20210102_030405678.jpg", datetime(2021, 1, 2, 3, 4, 5)),
        ("IMG-20190704-WA0012.jpg", datetime(2019, 7, 4)),
        ("WhatsApp Image 2019-07-04 at 20.15.01.jpeg", datetime(2019, 7, 4, 20, 15, 1)),
        ("signal-2019-07-04-201501.jpg", datetime(2019, 7, 4, 20, 15, 1)),
        ("Screenshot_2019-07-04-20-15-01.png", datetime(2019, 7, 4, 20, 15, 1)),
        ("2019-07-04 20.15.01.jpg", datetime(2019, 7, 4, 20, 15, 1)),
        ("20190704.jpg", datetime(2019, 7, 4)),
        ("IMG_2041.jpg", None),
        ("20191399.jpg", None),
        ("1234201907045678.jpg", None),
    ],
)
def test_a_date_in_the_name_counts_where_the_metadata_have_none(
    tmp_path: Path, name: str, taken: datetime | None
) -> None:
    facts = read_facts(photo(tmp_path / name, {0x010F: "PENTAX"}))
    assert (facts.taken, facts.taken_source) == (taken, "filename" if taken else None)


def test_takeouts_json_gives_the_date_where_nothing_else_does(tmp_path: Path) -> None:
    path = photo(tmp_path / "beach.jpg", {0x010F: "PENTAX"})
    said = '{"title": "beach.jpg", "photoTakenTime": {"timestamp": "1562271301"}}'
    (tmp_path / "beach.jpg.supplemental-metadata.json").write_text("[]")
    (tmp_path / "beach.jpg.json").write_text(said)
    facts = read_facts(path)
    assert (facts.taken, facts.taken_source) == (datetime(2019, 7, 4, 20, 15, 1), "takeout")
