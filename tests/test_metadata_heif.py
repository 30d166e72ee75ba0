"""HEIC, AVIF and JPEG XL: captions are read here and written by ExifTool, whose work is judged before it counts."""

from __future__ import annotations

import io
import os
import shutil
import struct
import sys

import metadata_files as files
import pillow_heif
import pytest
from conftest import REPOSITORY
from PIL import Image, features
from systems import posix_only

from photocap.formats.heif import Heif
from photocap.metadata import ExifTool, Origin, Overwrite, Place, WritePolicy, prepare_write, read_caption, revert
from photocap.metadata.exiftool import ExifToolError
from photocap.records import Written

sys.path.insert(0, str(REPOSITORY / "benchmarks"))
from metadata_judge import caption_in, exiftool_tags, lost_tags

TEXT = "A dog runs along the beach — über den Strand\nin two lines"
needs_exiftool = pytest.mark.skipif(
    not shutil.which("exiftool"), reason="needs exiftool (Debian: libimage-exiftool-perl)"
)


def box(kind, content):
    return struct.pack(">I", 8 + len(content)) + kind + content


def heic(**options):
    buffer = io.BytesIO()
    pillow_heif.from_pillow(files.picture(size=(64, 48))).save(buffer, **options)
    return buffer.getvalue()


def avif(**options):
    buffer = io.BytesIO()
    files.picture(size=(64, 48)).save(buffer, "AVIF", **options)
    return buffer.getvalue()


JXL = (
    b"\0\0\0\x0cJXL \r\n\x87\n"
    + box(b"ftyp", b"jxl \0\0\0\0jxl ")
    + box(b"jxlc", b"\xff\x0a\x7f\0" + b"codestream" * 30)
)
CASES = {
    "plain.heic": heic(),
    "exif.heic": heic(exif=files.exif_block(order=">")),
    "xmp.heic": heic(xmp=files.xmp_packet()),
    "junk.heic": heic(exif=files.exif_block(description=b"OLYMPUS DIGITAL CAMERA")),
    "plain.jxl": JXL,
    "exif.jxl": JXL + box(b"Exif", b"\0\0\0\0" + files.exif_block()),
}
if features.check("avif"):  # not every Pillow is built with it
    CASES |= {
        "plain.avif": avif(),
        "exif.avif": avif(exif=files.exif_block()),
        "xmp.avif": avif(xmp=files.xmp_packet()),
    }


@pytest.fixture(scope="module")
def exiftool():
    with ExifTool() as tool:
        yield tool


@pytest.fixture(params=CASES)
def photo(request, tmp_path):
    path = tmp_path / request.param
    path.write_bytes(CASES[request.param])
    return path


def decoded(path):
    if path.suffix == ".jxl":
        return path.read_bytes().split(b"jxlc")[1][: 4 + 300]
    if path.suffix == ".heic":
        return bytes(pillow_heif.open_heif(path.read_bytes(), convert_hdr_to_8bit=False).data)
    with Image.open(path) as image:
        return image.tobytes()


def test_without_exiftool_a_sidecar_says_why(photo):
    before = photo.read_bytes()
    prepared = files.write(photo, TEXT)
    assert (prepared.written, prepared.reason) == (Written.SIDECAR, "only ExifTool writes into this format")
    assert photo.read_bytes() == before
    assert read_caption(photo).text == TEXT


@needs_exiftool
def test_with_exiftool_the_caption_is_embedded_and_can_be_taken_back(photo, exiftool):
    old, pixels, tags = photo.read_bytes(), decoded(photo), exiftool_tags([photo])[photo]
    for text in (TEXT, "another caption"):
        before = photo.read_bytes()
        prepared = prepare_write(photo, text, marking=files.MARKING, policy=files.DEFAULT, exiftool=exiftool)
        prepared.commit()
        assert (prepared.written, prepared.reason) == (Written.EMBEDDED, "")
        found = read_caption(photo)
        assert (found.text, found.origin, found.agree) == (text, Origin.PHOTOCAP, True)
        assert {copy.place for copy in found.copies} == {Place.EXIF, Place.XMP}
        assert revert(prepared.undo[0], photo.read_bytes()) == before
    assert decoded(photo) == pixels
    new_tags = exiftool_tags([photo])[photo]
    assert lost_tags(tags, new_tags) == []
    assert caption_in(new_tags) == {"another caption"}
    assert len(old) < len(photo.read_bytes()) < len(old) + 3000
    assert os.listdir(photo.parent) == [photo.name]


@needs_exiftool
def test_a_persons_caption_in_heic_is_read_and_kept(tmp_path, exiftool):
    path = tmp_path / "photo.heic"
    path.write_bytes(heic(xmp=files.xmp_packet(properties=files.description_property("Anna am Meer"))))
    before = path.read_bytes()
    found = read_caption(path)
    assert (found.text, found.origin) == ("Anna am Meer", Origin.PERSON)
    prepared = prepare_write(path, TEXT, marking=files.MARKING, policy=files.DEFAULT, exiftool=exiftool)
    assert prepared.reason == "a person's caption is kept"
    assert path.read_bytes() == before


class Meddler:
    """A writer that does what ExifTool must not do."""

    def __init__(self, tool, meddle):
        self.tool, self.meddle = tool, meddle

    def write(self, data, suffix, *, exif, xmp):
        return self.meddle(self.tool.write(data, suffix, exif=exif, xmp=xmp))


def flip(data, marker, distance):
    at = data.index(marker) + distance
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@needs_exiftool
@pytest.mark.parametrize(
    ("meddle", "what"),
    [
        (lambda data: flip(data, b"ispe", 11), "properties"),
        (lambda data: data + box(b"free", b"") + box(b"junk", b"x"), "other boxes"),
        (lambda data: data.replace(b"Model 1", b"Model 2"), "other EXIF tags"),
    ],
)
def test_work_that_is_not_clean_does_not_count(tmp_path, exiftool, meddle, what):
    path = tmp_path / "photo.heic"
    path.write_bytes(heic(exif=files.exif_block()))
    before = path.read_bytes()
    tool = Meddler(exiftool, meddle)
    prepared = prepare_write(path, TEXT, marking=files.MARKING, policy=files.DEFAULT, exiftool=tool)
    prepared.discard()
    assert prepared.written is Written.SIDECAR
    assert what in prepared.reason
    assert path.read_bytes() == before


@needs_exiftool
def test_the_pictures_bytes_come_from_the_old_file_whatever_the_tool_did(tmp_path, exiftool):
    path = tmp_path / "photo.heic"
    path.write_bytes(CASES["plain.heic"])
    pixels = decoded(path)
    tool = Meddler(exiftool, lambda data: flip(data, CASES["plain.heic"][-40:-20], 7))
    prepare_write(path, TEXT, marking=files.MARKING, policy=files.DEFAULT, exiftool=tool).commit()
    assert decoded(path) == pixels
    assert read_caption(path).text == TEXT


def test_metadata_of_a_gain_map_is_not_the_photos(shared):
    path = shared / "camera-files" / "ianare" / "heic" / "mobile" / "iphone_13_pro_max.HEIC"
    assert Heif().layout(path.read_bytes()).parts == {}


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo 9.99", "too old"),
        ("echo 13.00; exec >&-; sleep 0", "did not|ended|failed"),
        ("echo no version", "too old|cannot be started"),
    ],
)
@posix_only
def test_an_exiftool_that_does_not_work_leads_to_a_sidecar(tmp_path, script, reason):
    program = tmp_path / "exiftool"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    with ExifTool(str(program)) as tool, pytest.raises(ExifToolError, match=reason):
        tool.write(CASES["plain.heic"], ".heic", exif=None, xmp=b"")
    with pytest.raises(ExifToolError, match="not installed"):
        ExifTool(str(tmp_path / "missing")).write(b"", ".heic", exif=None, xmp=b"")


@needs_exiftool
@pytest.mark.filterwarnings("ignore")
def test_real_files_are_not_harmed(shared, tmp_path, exiftool):
    policy = WritePolicy(overwrite=Overwrite.ALL)
    photos = []
    for path in sorted((shared / "camera-files").rglob("*")):
        if path.suffix.lower() in (".heic", ".heif", ".avif"):
            copy = tmp_path / f"{len(photos)}{path.suffix}"
            shutil.copyfile(path, copy)
            photos.append(copy)
    tags = exiftool_tags(photos)
    for photo in photos:
        old = photo.read_bytes()
        prepared = prepare_write(photo, TEXT, marking=files.MARKING, policy=policy, exiftool=exiftool)
        prepared.commit()
        assert prepared.written is Written.EMBEDDED, prepared.reason
        assert revert(prepared.undo[0], photo.read_bytes()) == old
    new_tags = exiftool_tags(photos)
    assert len(photos) >= 20
    for photo in photos:
        assert lost_tags(tags[photo], new_tags[photo]) == [], photo
        assert caption_in(new_tags[photo]) == {TEXT}


def test_compressed_boxes_may_hold_words_that_exiftool_passes_by(tmp_path):
    photo = tmp_path / "photo.jxl"
    photo.write_bytes(JXL + box(b"brob", b"xml \x0b\x02\x80ab\x03"))
    with ExifTool() as tool:
        assert read_caption(photo, exiftool=tool).problem == "its metadata is compressed"
