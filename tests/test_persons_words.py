"""A person's words, wherever a program has put them: read, kept, and never hidden by a machine's."""

from __future__ import annotations

import gzip
import io
import os
import struct
from pathlib import Path

import metadata_files as files
import pytest
import wordy_files
from metadata_files import description_property, exif_segment, jpeg, segment, write, xmp_packet, xmp_segment
from PIL import Image
from wordy_files import WORDS, WORDY, exif_jpeg, text_entry, user_comment

from photocap.errors import WriteError
from photocap.metadata import (
    ExifTool,
    MetadataMode,
    Origin,
    Overwrite,
    SidecarName,
    WritePolicy,
    read_caption,
    read_metadata,
)
from photocap.metadata.camera_strings import Writer, is_camera_string
from photocap.records import Description, Written

SIDECAR = WritePolicy(mode=MetadataMode.SIDECAR)
UNREADABLE = {
    "xmp control character": jpeg(xmp_segment(properties=description_property(WORDS) + "<my:a>\x01</my:a>")),
    "xmp undeclared prefix": jpeg(xmp_segment(properties=description_property(WORDS) + "<foo:a>1</foo:a>")),
    "xmp old bytes behind": jpeg(segment(0xE1, files.XMP_ID + xmp_packet(description_property(WORDS)) + b"</x>old")),
    "xmp document type": jpeg(segment(0xE1, files.XMP_ID + b"<!DOCTYPE x>" + xmp_packet(description_property(WORDS)))),
    "xmp two trees": jpeg(
        segment(
            0xE1,
            files.XMP_ID
            + xmp_packet(description_property(WORDS)).replace(
                b"</rdf:RDF>", b'</rdf:RDF><r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/>'
            ),
        )
    ),
    "extended xmp cut off": jpeg(xmp_segment(), wordy_files.extended_xmp(description_property("x" * 99), 3)[:400][:-1]),
    "iptc bytes behind": jpeg(
        segment(0xED, b"Photoshop 3.0\0" + files.resource(0x0404, files.iim((2, 5, b"t")) + b"garbage"))
    ),
    "unknown format": b"a format of some maker" * 20,
}


def folder_state(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in sorted(os.listdir(folder))}


@pytest.mark.parametrize("name", WORDY)
def test_words_are_read_and_kept(tmp_path, name):
    photo = tmp_path / name.replace("?", "_")
    photo.write_bytes(WORDY[name])
    before = folder_state(tmp_path)
    found = read_caption(photo)
    assert found.origin is Origin.PERSON
    words = name.rpartition(".")[0].partition(" ")[2]
    assert found.text in (WORDS, words, "SONY DSC")
    assert found.text == WORDS or "first" not in name
    for policy in (files.DEFAULT, SIDECAR, WritePolicy(overwrite=Overwrite.OWN)):
        prepared = write(photo, "a dog", policy)
        assert (prepared.written, prepared.reason) == (Written.NONE, "a person's caption is kept")
    assert folder_state(tmp_path) == before


@pytest.mark.parametrize("name", [name for name in WORDY if name.endswith((".jpg", ".png", ".gif", ".jp2", ".tif"))])
def test_the_files_are_sound(name):
    assert wordy_files.decodes(WORDY[name])


@pytest.mark.parametrize("name", UNREADABLE)
@pytest.mark.parametrize("policy", [files.DEFAULT, SIDECAR], ids=["embed", "sidecar"])
def test_what_cannot_be_read_gets_no_machines_sentence(tmp_path, name, policy):
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(UNREADABLE[name])
    before = folder_state(tmp_path)
    prepared = write(photo, "a dog", policy)
    assert prepared.written is Written.NONE
    assert prepared.reason.startswith(("it may hold a person's words", "a person's caption is kept"))
    assert folder_state(tmp_path) == before


def test_what_exiftool_passes_by_may_still_hold_words(tmp_path):
    photo = tmp_path / "photo.jpg"
    packet = "\r\n" + xmp_packet(description_property(WORDS)).decode().replace("\ufeff", "")
    photo.write_bytes(jpeg(segment(0xE1, files.XMP_ID + packet.encode("utf-16-le"))))
    with ExifTool() as exiftool:
        assert "cannot be read" in read_caption(photo, exiftool=exiftool).problem


def test_exiftool_reads_what_cannot_be_read_here(tmp_path):
    with ExifTool() as exiftool:
        try:
            exiftool.read(tmp_path, ["-ver"])
        except ValueError:
            pytest.skip("ExifTool is not installed")
        for name in ("xmp control character", "xmp undeclared prefix", "xmp document type"):
            photo = tmp_path / f"{name}.jpg"
            photo.write_bytes(UNREADABLE[name])
            found = read_caption(photo, exiftool=exiftool)
            assert (found.text, found.origin) == (WORDS, Origin.PERSON)


CAMERAS = """OLYMPUS DIGITAL CAMERA|OLYMPUS DIGITAL CAMERA         |SONY DSC|DCF 1.0|KODAK Digital Still Camera
Minolta DSC|KONICA MINOLTA DIGITAL CAMERA|<Digimax i50 MP3, Samsung #1 MP3>|SANYO DIGITAL CAMERA|Exif_JPEG_PICTURE
DCIM\\100GOPRO\\GOPR0001.JPG|oznor|SAMSUNG CSC|Created with GIMP|MOULTRIE DIGITAL GAME CAMERA|LEICA DIGITAL CAMERA
EPSON DSC picture|null""".replace("\n", "|").split("|")


@pytest.mark.parametrize("text", CAMERAS)
def test_a_cameras_string_may_be_replaced(tmp_path, text):
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(exif_jpeg(text_entry(270, text)))
    assert read_caption(photo).origin is Origin.JUNK
    assert write(photo, "a dog").written is Written.EMBEDDED
    assert read_caption(photo).text == "a dog"


@pytest.mark.parametrize("text", ["Screenshot", "charset=Ascii", "Hi3516", "binary comment", '{"a": 1}', "a" * 64])
def test_what_phones_put_into_the_comment_is_no_caption(tmp_path, text):
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(exif_jpeg(inner=(user_comment(text),)))
    assert read_caption(photo).origin is Origin.NOBODY
    assert write(photo, "a dog").written is Written.EMBEDDED
    assert (read_caption(photo).text, read_caption(photo).origin) == ("a dog", Origin.PHOTOCAP)


ENCODERS = """cmp3.10.3.2Lq3 0x756ffbf7|File source: http://commons.wikimedia.org/wiki/File:Grace_Hopper.jpg|AppleMark|*
CREATOR: gd-jpeg v1.0 (using IJG JPEG v62), quality = 90|LEAD Technologies Inc. V1.01|Lavc57.107.100|Created with GIMP
Intel(R) JPEG Library, version [2.0.16.48]|Optimized by JPEGmini 3.9.4L Internal 0x5a1f2b3c
Compressed by jpeg-recompress|ACD Systems Digital Imaging|Handmade Software, Inc. Image Alchemy v1.11
Created by OpenJPEG version 2.5.4""".replace("\n", "|").split("|")


@pytest.mark.parametrize("text", ENCODERS)
def test_what_encoders_put_into_the_comment_is_no_caption(tmp_path, text):
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(jpeg(segment(0xFE, text.encode())))
    assert read_caption(photo).origin is Origin.NOBODY
    assert write(photo, "a dog").written is Written.EMBEDDED


@pytest.mark.parametrize(
    "text", ["Photo by Anna", "Optimized by Anna", "Saved from the fire", "Lake Como, Quality time"]
)
def test_a_persons_comment_is_words(tmp_path, text):
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(jpeg(segment(0xFE, text.encode())))
    assert read_caption(photo).origin is Origin.PERSON


def test_binary_comments_are_no_words(tmp_path):
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(exif_jpeg(inner=((0x9286, 7, 40, bytes(8) + bytes(range(32))),)))
    assert read_caption(photo).origin is Origin.NOBODY


@pytest.mark.parametrize(("make", "is_mark"), [("HUAWEI", True), ("Canon", False), ("", False)])
def test_a_makers_mark_is_one_only_on_its_own_phones(make, is_mark):
    assert is_camera_string("nor", Writer.DESCRIPTION, make) is is_mark
    assert not is_camera_string("Nor", Writer.DESCRIPTION, make)
    assert not is_camera_string("oma", Writer.DESCRIPTION, make)


@pytest.mark.parametrize("text", ["Anna", "犬", "Olympus, Greece", "A digital camera on a table", "mon"])
def test_words_are_no_cameras_string(text):
    assert not any(is_camera_string(text, where) for where in Writer)


def test_a_cameras_string_in_xmp_counts_only_beside_the_same_in_exif(tmp_path):
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(
        jpeg(exif_segment(description=b"SONY DSC"), xmp_segment(properties=description_property("SONY DSC")))
    )
    assert write(photo, "a dog").written is Written.EMBEDDED
    assert {copy.text for copy in read_caption(photo).copies} == {"a dog"}


def sidecar(words: str = WORDS, attributes: str = "") -> bytes:
    return xmp_packet(properties=description_property(words), attributes=attributes)


@pytest.mark.parametrize(
    ("photo", "others", "name", "is_read"),
    [
        ("IMG_1.jpg", ["IMG_1.RAF"], "IMG_1.xmp", True),  # the raw file's, and so the pair's
        ("IMG_1.RAF", ["IMG_1.jpg"], "IMG_1.xmp", True),
        ("IMG_1.jpg", ["IMG_1.mov"], "IMG_1.xmp", True),  # a live photo
        ("IMG_1.jpg", [], "img_1.XMP", True),
        ("IMG_1.jpg", [], "IMG_1.jpg.xmp", True),
        ("IMG_1.jpg", [], "IMG_1.JPG.XMP", True),
        ("cafe\u0301.jpg", [], "caf\u00e9.xmp", True),  # as macOS and others compose accents
        ("caf\u00e9.jpg", [], "cafe\u0301.jpg.xmp", True),
        ("caf\u00e9.jpg", ["cafe\u0301.jpg"], "cafe\u0301.jpg.xmp", False),
        ("IMG_1.jpg", ["IMG_1.png"], "IMG_1.xmp", True),  # unclear, so both are kept from a machine
        ("IMG_1.jpg", ["IMG_1.png"], "IMG_1.png.xmp", False),
        ("IMG_1.jpg", [], "IMG_2.xmp", False),
        ("IMG_1.jpg", ["img_1.jpg"], "img_1.jpg.xmp", False),
    ],
)
def test_whose_a_sidecar_is(tmp_path, photo, others, name, is_read):
    for other in (photo, *others):
        data = wordy_files.raf(jpeg()) if other.endswith("RAF") else jpeg()
        (tmp_path / other).write_bytes(data)
    (tmp_path / name).write_bytes(sidecar())
    before = folder_state(tmp_path)
    found = read_caption(tmp_path / photo)
    assert (found.text == WORDS) is is_read
    if is_read:
        for policy in (files.DEFAULT, SIDECAR):
            assert write(tmp_path / photo, "a dog", policy).reason == "a person's caption is kept"
        assert folder_state(tmp_path) == before


@pytest.mark.parametrize(
    ("made_for", "others", "is_read"),
    [("jpg", ["IMG_1.png"], True), ("PNG", ["IMG_1.png"], False), ("RAF", ["IMG_1.RAF"], True), ("CR2", [], True)],
)
def test_a_sidecar_says_itself_for_which_file_it_is(tmp_path, made_for, others, is_read):
    photo = tmp_path / "IMG_1.jpg"
    for other in (photo.name, *others):
        (tmp_path / other).write_bytes(jpeg())
    attributes = f' xmlns:ps="http://ns.adobe.com/photoshop/1.0/" ps:SidecarForExtension="{made_for}"'
    (tmp_path / "IMG_1.xmp").write_bytes(sidecar(attributes=attributes))
    assert (read_caption(photo).text == WORDS) is is_read


def test_a_machines_words_in_the_raw_files_sidecar_do_not_count_for_the_picture(tmp_path):
    raw, photo = tmp_path / "IMG_1.RAF", tmp_path / "IMG_1.jpg"
    raw.write_bytes(wordy_files.raf(jpeg()))
    photo.write_bytes(jpeg())
    (tmp_path / "IMG_1.xmp").write_bytes(xmp_packet())
    write(raw, "a dog")
    assert b"a dog" in (tmp_path / "IMG_1.xmp").read_bytes()
    assert read_caption(photo).origin is Origin.NOBODY
    assert write(photo, "a dog").written is Written.EMBEDDED
    assert sorted(os.listdir(tmp_path)) == ["IMG_1.RAF", "IMG_1.jpg", "IMG_1.xmp"]


@pytest.mark.parametrize(
    ("naming", "others", "expected"),
    [
        (SidecarName.FULL, [], "IMG_1.jpg.xmp"),
        (SidecarName.ADOBE, [], "IMG_1.xmp"),
        (SidecarName.ADOBE, ["IMG_1.mov"], "IMG_1.xmp"),
        (SidecarName.ADOBE, ["IMG_1.RAF"], "IMG_1.jpg.xmp"),
        (SidecarName.ADOBE, ["IMG_1.png"], "IMG_1.jpg.xmp"),
    ],
)
def test_how_a_new_sidecar_is_named(tmp_path, naming, others, expected):
    for name in ("IMG_1.jpg", *others):
        (tmp_path / name).write_bytes(jpeg())
    write(tmp_path / "IMG_1.jpg", "a dog", WritePolicy(mode=MetadataMode.SIDECAR, sidecar_name=naming))
    assert set(os.listdir(tmp_path)) - {"IMG_1.jpg", *others} == {expected}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32", "iso-8859-1"])
def test_sidecars_in_other_encodings_are_read_and_left_alone(tmp_path, encoding):
    photo, words = tmp_path / "photo.jpg", "Tante Märy am See"
    photo.write_bytes(jpeg())
    body = xmp_packet(properties=description_property(words)).decode().replace("\ufeff", "")
    beside = tmp_path / "photo.jpg.xmp"
    beside.write_bytes(f'<?xml version="1.0" encoding="{encoding}"?>{body}'.encode(encoding))
    assert read_caption(photo).text == words
    beside.write_bytes(body.replace(words, "").encode(encoding))
    before = folder_state(tmp_path)
    assert "another encoding" in write(photo, "a dog", SIDECAR).reason or encoding == "iso-8859-1"
    assert encoding == "iso-8859-1" or folder_state(tmp_path) == before


@pytest.mark.parametrize("encoding", ["iso2022_jp", "euc_jp", "cp932"])
def test_japanese_comments_are_read_in_the_encodings_that_cameras_write(tmp_path, encoding):
    photo = tmp_path / "photo.jpg"
    raw = b"JIS\0\0\0\0\0" + "湖のおばさん".encode(encoding)
    photo.write_bytes(exif_jpeg(inner=((0x9286, 7, len(raw), raw),)))
    assert read_caption(photo).persons_texts == ("湖のおばさん",)


@pytest.mark.parametrize("how", ["read-only", "hard links"])
def test_a_sidecar_that_may_not_be_replaced_is_left_alone_and_said_so(tmp_path, how):
    photo, beside = tmp_path / "photo.gif", tmp_path / "photo.gif.xmp"
    photo.write_bytes(wordy_files.gif())
    beside.write_bytes(xmp_packet())
    if how == "read-only":
        beside.chmod(0o444)
    else:
        os.link(beside, tmp_path / "other")
    prepared = write(photo, "a dog")
    assert prepared.written is Written.NONE
    assert f"its sidecar photo.gif.xmp is left alone: it {'is read-only' if how == 'read-only' else 'has 2'}" in (
        prepared.reason
    )
    assert beside.read_bytes() == xmp_packet()


def test_png_with_its_exif_in_a_raw_profile_gets_no_second_block(tmp_path):
    photo = tmp_path / "photo.png"
    orientation = (274, 3, 1, struct.pack("<H", 6))
    photo.write_bytes(files.png_with(wordy_files.raw_profile("exif", b"Exif\0\0" + wordy_files.exif_with(orientation))))
    before = photo.read_bytes()
    prepared = write(photo, "a dog")
    assert (prepared.written, photo.read_bytes()) == (Written.SIDECAR, before)
    assert "raw profile" in prepared.reason
    with Image.open(io.BytesIO(before)) as image:
        assert image.getexif()[274] == 6


def test_takeouts_description_and_text_files_are_words(tmp_path):
    photo = tmp_path / "IMG_1.jpg"
    for name, content in {
        "IMG_1.jpg.json": f'{{"description": "{WORDS}", "people": [{{"name": "Mary"}}]}}',
        "IMG_1.jpg.supplemental-metadata.json": f'{{"description": "{WORDS}"}}',
        "IMG_1.jpg.suppl.json": f'{{"description": "{WORDS}"}}',
        "IMG_1.jpg..json": f'{{"description": "{WORDS}"}}',
        "IMG_1.json": f'{{"description": "{WORDS}"}}',
        "IMG_1.JPG.json": f'[{{"SourceFile": "IMG_1.jpg", "XMP:Description": ["{WORDS}"], "IPTC:City": "Rome"}}]',
        "IMG_1.txt": WORDS,
    }.items():
        photo.write_bytes(jpeg())
        (tmp_path / name).write_text(content)
        assert (read_caption(photo).text, read_caption(photo).origin) == (WORDS, Origin.PERSON), name
        assert write(photo, "a dog").reason == "a person's caption is kept"
        (tmp_path / name).unlink()
    (tmp_path / "IMG_1.jpg.json").write_text('{"description": ""}')
    (tmp_path / "IMG_1.txt").write_bytes(b"\x00\x01table")
    (tmp_path / "IMG_1.json").write_text('{"outlines of some program": ')
    assert write(photo, "a dog").written is Written.EMBEDDED


GTHUMB = f'<?xml version="1.0"?><comment version="3.0"><caption/><note>{WORDS}</note><place/></comment>'.encode()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("descript.ion", f"other.jpg nothing\r\nimg_1.JPG {WORDS}\r\n".encode()),
        ("descript.ion", f'"IMG_1.jpg" {WORDS}\x04\xc2of a program\n'.encode("utf-16")),
        ("descript.ion", f"img_2.png none\nIMG_1.jpg\t{WORDS}\n".encode()),
        ("Picasa.ini", f"[Picasa]\ncaption=the folder\n[IMG_1.jpg]\nstar=yes\ncaption={WORDS}\n".encode()),
        (".picasa.ini", f"[other.jpg]\ncaption=\xe4\n[IMG_1.jpg]\ncaption={WORDS}\n".encode("cp1252")),
        (".comments/IMG_1.jpg.xml", GTHUMB),
        (".comments/IMG_1.jpg.xml", gzip.compress(GTHUMB)),
    ],
)
def test_lists_of_descriptions_are_words(tmp_path, name, content):
    for photo in ("IMG_1.jpg", "IMG_2.jpg"):
        (tmp_path / photo).write_bytes(jpeg())
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(content)
    found = read_caption(tmp_path / "IMG_1.jpg")
    assert (found.text, found.origin) == (WORDS, Origin.PERSON)
    assert write(tmp_path / "IMG_1.jpg", "a dog").written is Written.NONE
    assert read_caption(tmp_path / "IMG_2.jpg").text is None
    assert write(tmp_path / "IMG_2.jpg", "a dog").written is Written.EMBEDDED


@pytest.mark.parametrize("content", [b"<comment><note>cut", b"\x1f\x8b no gzip"])
def test_a_damaged_note_of_gthumb_may_hold_words(tmp_path, content):
    (tmp_path / "IMG_1.jpg").write_bytes(jpeg())
    (tmp_path / ".comments").mkdir()
    (tmp_path / ".comments" / "IMG_1.jpg.xml").write_bytes(content)
    prepared = write(tmp_path / "IMG_1.jpg", "a dog")
    assert prepared.written is Written.NONE
    assert "IMG_1.jpg.xml cannot be read" in prepared.reason


def test_what_persons_wrote_besides(tmp_path):
    photo = tmp_path / "photo.jpg"
    properties = (
        "<dc:subject><rdf:Bag><rdf:li>lake</rdf:li><rdf:li>boat</rdf:li></rdf:Bag></dc:subject>"
        "<dc:title><rdf:Alt><rdf:li xml:lang='x-default'>Summer</rdf:li></rdf:Alt></dc:title>"
        "<lr:hierarchicalSubject><rdf:Bag><rdf:li>Places|Italy</rdf:li></rdf:Bag></lr:hierarchicalSubject>"
        "<e:PersonInImage><rdf:Bag><rdf:li>Mary</rdf:li></rdf:Bag></e:PersonInImage>"
        "<r:Regions rdf:parseType='Resource'><r:RegionList><rdf:Bag>"
        "<rdf:li><rdf:Description r:Name='Otto' r:Type='Face'/></rdf:li>"
        "<rdf:li rdf:parseType='Resource'><r:Name>Eye</r:Name><r:Type>Focus</r:Type></rdf:li>"
        "</rdf:Bag></r:RegionList></r:Regions>"
    )
    attributes = (
        ' xmlns:lr="http://ns.adobe.com/lightroom/1.0/" xmlns:ps="http://ns.adobe.com/photoshop/1.0/" ps:City="Como"'
        ' xmlns:e="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
        ' xmlns:r="http://www.metadataworkinggroup.com/schemas/regions/"'
    )
    photo.write_bytes(
        jpeg(
            segment(0xE1, b"Exif\0\0" + wordy_files.exif_with(text_entry(270, "one"))),
            xmp_segment(properties=properties + description_property("two"), attributes=attributes),
            files.iptc_segment((2, 25, b"boat"), (2, 25, b"sun"), (2, 101, b"Italy")),
        )
    )
    words = read_metadata(photo).words
    assert words.keywords == ("lake", "boat", "Places", "Italy", "sun")
    assert (words.titles, words.people, words.places) == (("Summer",), ("Mary", "Otto"), ("Como", "Italy"))
    assert words.descriptions == (
        Description("EXIF ImageDescription", "one"),
        Description("XMP dc:description", "two"),
    )


def test_a_persons_own_edit_says_so_where_a_sidecar_cannot_take_it(tmp_path):
    photo = tmp_path / "photo.gif"
    photo.write_bytes(wordy_files.gif())
    (tmp_path / "photo.gif.xmp").write_bytes(b"<broken")
    with pytest.raises(WriteError, match="this sidecar cannot be changed"):
        write(photo, "Anna", WritePolicy(overwrite=Overwrite.ALL), marking=None)


def test_a_stale_sidecar_of_photocap_follows_the_persons(tmp_path):
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(jpeg())
    write(photo, "a dog", WritePolicy(mode=MetadataMode.SIDECAR, sidecar_name=SidecarName.ADOBE))
    (tmp_path / "photo.jpg.xmp").write_bytes(sidecar())
    assert write(photo, WORDS, WritePolicy(mode=MetadataMode.SIDECAR), marking=None).written is Written.SIDECAR
    assert {copy.text for copy in read_caption(photo).copies} == {WORDS}
