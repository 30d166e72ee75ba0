"""Every format and every odd layout: the caption goes in, nothing else changes, and it can be taken back."""

from __future__ import annotations

import io
import os
import random
import struct

import metadata_files as files
import piexif
import pytest
from metadata_files import chunk, encoded, exif_block, exif_segment, icc_segment, jpeg, mpf_file, segment, xmp_segment
from PIL import Image, ImageSequence

from photocap.formats.jpeg_trailer import end_of_picture
from photocap.metadata import (
    DryRun,
    Origin,
    Overwrite,
    Place,
    WritePolicy,
    matches_after,
    matches_before,
    prepare_write,
    read_caption,
    revert,
)
from photocap.records import Written

TEXT = "A dog runs along the beach — über den Strand, 犬 🐕"
LONG = "A very long sentence about a dog on a beach, " * 12
C2PA = segment(0xEB, b"JP\0\1\0\0\0\1" + b"jumbf" * 9)
SEFT = b"SEFH" + bytes(24) + b"SEFT"
SEFT_FILE = b"\0\0\1\x0a\x0e\0\0\0Image_UTC_Data1577836800000" + SEFT
VIDEO = b"\0\0\0\x18ftypmp42\0\0\0\0isommp42" + b"moving picture" * 50
EXTENDED_XMP = files.xmp_packet(properties="<my:mask>" + "painted " * 40 + "</my:mask>")
EXTENDED = b"".join(
    segment(
        0xE1, files.EXTENDED_ID + b"0" * 32 + struct.pack(">II", len(EXTENDED_XMP), at) + EXTENDED_XMP[at : at + 300]
    )
    for at in range(0, len(EXTENDED_XMP), 300)
)
HAS_EXTENDED = f' xmlns:xmpNote="http://ns.adobe.com/xmp/note/" xmpNote:HasExtendedXMP="{"0" * 32}"'
MOTION = (
    ' xmlns:GCamera="http://ns.google.com/photos/1.0/camera/" GCamera:MotionPhoto="1"'
    f' GCamera:MicroVideo="1" GCamera:MicroVideoOffset="{len(VIDEO)}"'
)


def animation(kind, **options):
    frames = [files.picture().rotate(15 * i) for i in range(3)]
    buffer = io.BytesIO()
    frames[0].save(buffer, kind, save_all=True, append_images=frames[1:], duration=40, **options)
    return buffer.getvalue()


def pages():
    buffer = io.BytesIO()
    files.picture().save(buffer, "TIFF", save_all=True, append_images=[files.picture("L"), files.picture("CMYK")])
    return buffer.getvalue()


CASES = {
    "bare.jpg": jpeg(),
    "jfif.jpg": jpeg(files.JFIF),
    "fill-bytes.jpg": jpeg(files.JFIF, b"\xff\xff" + segment(0xFE, b"CREATOR: gd-jpeg v1.0")),
    "little-endian.jpg": jpeg(exif_segment()),
    "big-endian.jpg": jpeg(exif_segment(order=">")),
    "jfif-and-exif.jpg": jpeg(files.JFIF, exif_segment()),
    "camera-junk.jpg": jpeg(exif_segment(description=b"OLYMPUS DIGITAL CAMERA         ")),
    "short-junk.jpg": jpeg(exif_segment(description=b"   ")),
    "xmp.jpg": jpeg(xmp_segment()),
    "xmp-before-exif.jpg": jpeg(xmp_segment(), exif_segment()),
    "exif-before-xmp.jpg": jpeg(exif_segment(), xmp_segment(padding=" " * 900 + "\n")),
    "hollow-xmp.jpg": jpeg(segment(0xE1, files.XMP_ID + b'<x:xmpmeta xmlns:x="adobe:ns:meta/" key="value" />\0')),
    "hollow-xmp-open.jpg": jpeg(
        segment(0xE1, files.XMP_ID + b'<y:xapmeta xmlns:y="adobe:ns:meta/">\n</y:xapmeta>\n<?xpacket end="w"?>')
    ),
    "extended-xmp.jpg": jpeg(exif_segment(), xmp_segment(attributes=HAS_EXTENDED), EXTENDED),
    "progressive.jpg": jpeg(exif_segment(), progressive=True),
    "cmyk.jpg": jpeg(exif_segment(), mode="CMYK"),
    "grey.jpg": jpeg(files.JFIF, mode="L"),
    "icc.jpg": jpeg(exif_segment(), icc_segment(), icc_segment(60_000)),
    "micro-video.jpg": jpeg(exif_segment(), xmp_segment(attributes=MOTION), trailer=VIDEO),
    "motion-without-exif.jpg": jpeg(xmp_segment(attributes=MOTION), trailer=VIDEO),
    "samsung-seft.jpg": jpeg(exif_segment(), trailer=SEFT_FILE),
    "unknown-trailer.jpg": jpeg(exif_segment(), trailer=b"\0" * 77 + b"who knows"),
    "iptc.jpg": jpeg(exif_segment(), files.iptc_segment((1, 90, b"\x1b%G"), (2, 5, b"Title"), (2, 25, b"word"))),
    "mpf.jpg": mpf_file(exif_segment()),
    "mpf-icc-before.jpg": mpf_file(exif_segment(), icc_segment()),
    "mpf-icc-after.jpg": mpf_file(exif_segment(), after=(icc_segment(),)),
    "mpf-before-exif.jpg": mpf_file(after=(exif_segment(), xmp_segment())),
    "mpf-big-endian.mpo": mpf_file(exif_segment(order=">"), order=">"),
    "plain.png": encoded("PNG"),
    "grey16.png": encoded("PNG", "L"),
    "deep.png": encoded("PNG", "I;16"),
    "animated.png": animation("PNG"),
    "exif.png": files.png_with(chunk(b"eXIf", exif_block())),
    "text.png": files.png_with(chunk(b"tEXt", b"Title\0A title"), chunk(b"zzZz", b"private")),
    "xmp.png": files.png_with(chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + files.xmp_packet())),
    "lossy.webp": encoded("WEBP"),
    "lossless.webp": encoded("WEBP", lossless=True),
    "alpha.webp": encoded("WEBP", "RGBA"),
    "lossless-alpha.webp": encoded("WEBP", "RGBA", lossless=True),
    "animated.webp": animation("WEBP"),
    "icc.webp": encoded("WEBP", icc_profile=b"profile" * 31),
    "exif.webp": encoded("WEBP", exif=b"Exif\0\0" + exif_block()),
    "xmp.webp": encoded("WEBP", xmp=files.xmp_packet()),
    "plain.tif": encoded("TIFF"),
    "lzw.tiff": encoded("TIFF", compression="tiff_lzw"),
    "pages.tif": pages(),
    "big-endian.tif": files.tiff_block(
        [
            *((tag, 3, 1, struct.pack(">H", n)) for tag, n in ((256, 2), (257, 2), (258, 8), (259, 1), (262, 1))),
            (273, 4, 1, struct.pack(">I", 8 + 2 + 12 * 8 + 4)),
            (278, 3, 1, struct.pack(">H", 2)),
            (279, 4, 1, struct.pack(">I", 4)),
        ],
        ">",
        padding=bytes([0, 80, 160, 255]),
    ),
    "big.tif": files.big_tiff(),
}


@pytest.fixture(params=CASES)
def photo(request, tmp_path):
    path = tmp_path / request.param
    path.write_bytes(CASES[request.param])
    return path


def frames(data):
    image = Image.open(io.BytesIO(data))
    return [(frame.mode, frame.size, frame.tobytes()) for frame in ImageSequence.Iterator(image)]


def profile(data):
    return Image.open(io.BytesIO(data)).info.get("icc_profile")


def test_the_caption_goes_in_and_nothing_else_changes(photo):
    old = photo.read_bytes()
    prepared = files.write(photo, TEXT)
    new = photo.read_bytes()
    assert (prepared.written, prepared.reason) == (Written.EMBEDDED, "")
    found = read_caption(photo)
    assert (found.text, found.origin, found.model_id, found.agree) == (TEXT, Origin.PHOTOCAP, "base", True)
    assert {Place.EXIF, Place.XMP} <= {copy.place for copy in found.copies}
    assert frames(new) == frames(old)
    assert profile(new) == profile(old)
    assert sorted(os.listdir(photo.parent)) == [photo.name]


def test_the_write_is_taken_back_byte_for_byte(photo):
    old = photo.read_bytes()
    (record,) = files.write(photo, TEXT).undo
    new = photo.read_bytes()
    assert matches_before(record, old)
    assert matches_after(record, new)
    assert revert(record, new) == old
    assert len(record.patch) < 1000


def test_writing_again_leaves_one_caption_and_does_not_pile_up(photo):
    start = photo.read_bytes()
    files.write(photo, LONG)
    contents = [photo.read_bytes()]
    records = []
    for text in (LONG + " again", TEXT, LONG + " again"):
        (record,) = files.write(photo, text).undo
        records.append(record)
        contents.append(photo.read_bytes())
        assert read_caption(photo).text == text.strip()
        assert read_caption(photo).agree
        assert frames(contents[-1]) == frames(start)
    assert len(contents[-1]) <= len(contents[1]) + len(LONG) + 4
    assert not files.write(photo, LONG + " again").changes_files
    for old, new, record in zip(contents, contents[1:], records, strict=False):
        assert revert(record, new) == old


@pytest.mark.parametrize("name", [name for name in CASES if name.endswith((".jpg", ".mpo"))])
def test_what_follows_a_jpegs_picture_stays_last(tmp_path, name):
    old = CASES[name]
    path = tmp_path / name
    path.write_bytes(old)
    files.write(path, TEXT)
    scan = old.rindex(b"\xff\xda", 0, old.index(b"\xff\xd9", old.index(b"\xff\xda")))
    assert path.read_bytes().endswith(old[scan:])


@pytest.mark.parametrize("name", [name for name in CASES if name.startswith("mpf")])
def test_the_pictures_of_a_multi_picture_file_are_found(tmp_path, name):
    order = ">" if "endian" in name else "<"
    path = tmp_path / name
    path.write_bytes(CASES[name])
    (_, second) = files.mpf_pictures(CASES[name], order)
    files.write(path, TEXT)
    (new_first, new_second) = files.mpf_pictures(path.read_bytes(), order)
    assert new_second == second
    assert new_first + new_second == path.read_bytes()


@pytest.mark.filterwarnings("ignore:Image appears to be a malformed MPO file")
def test_a_multi_picture_table_that_nobody_can_follow_stays_as_it_is(tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(mpf_file(exif_segment()).replace(b"MPF\0II*", b"MPF\0 I*"))
    at = path.read_bytes().index(b"MPF\0 I*")
    table = path.read_bytes()[at : at + 60]
    assert files.write(path, TEXT).written is Written.EMBEDDED
    assert table in path.read_bytes()
    assert read_caption(path).text == TEXT


@pytest.mark.parametrize("order", ["<", ">"])
def test_maker_notes_keep_their_bytes_and_their_offset(tmp_path, order):
    path = tmp_path / "photo.jpg"
    path.write_bytes(jpeg(exif_segment(order=order, maker_note=b"pointing to places" * 30)))

    def place():
        data = path.read_bytes()
        return data.index(b"pointing to places" * 30) - data.index(b"Exif\0\0") - 6

    before = place()
    files.write(path, TEXT)
    assert place() == before
    loaded = piexif.load(path.read_bytes())
    assert loaded["0th"][piexif.ImageIFD.ImageDescription] == TEXT.encode()
    assert loaded["0th"][piexif.ImageIFD.Make] == b"Maker"


def test_other_programs_find_the_caption_in_pillow_terms(photo):
    files.write(photo, TEXT)
    with Image.open(photo) as image:
        shown = image.getexif()[piexif.ImageIFD.ImageDescription]
    assert shown.encode("latin-1").decode() == TEXT  # Pillow takes the bytes for Latin-1


def test_unknown_properties_survive(tmp_path):
    path = tmp_path / "photo.jpg"
    theirs = '<my:list><rdf:Bag><rdf:li my:q="1">a &lt; b</rdf:li></rdf:Bag></my:list><!-- note --><my:e/>'
    path.write_bytes(jpeg(exif_segment(), xmp_segment(properties=theirs, attributes=' my:simple="x"')))
    files.write(path, TEXT)
    data = path.read_bytes()
    for piece in (theirs, 'my:simple="x"', "Tool &amp; Co", "Someone's toolkit"):
        assert piece.encode() in data


def test_a_full_exif_block_leaves_the_caption_to_xmp(tmp_path):
    path = tmp_path / "photo.jpg"
    full = exif_segment(padding=bytes(65_527 - len(exif_block())))
    assert len(full) == 65_537
    path.write_bytes(jpeg(full))
    files.write(path, TEXT)
    assert [copy.place for copy in read_caption(path).copies] == [Place.XMP]
    assert full in path.read_bytes()


def test_a_nearly_full_exif_block_is_filled_to_its_last_byte(tmp_path):
    path = tmp_path / "photo.jpg"
    room = 2 + 12 * 4 + 4 + len(TEXT.encode()) + 1  # one directory of four entries, and the text
    path.write_bytes(jpeg(exif_segment(padding=bytes(65_526 - len(exif_block()) - room - room % 2))))
    files.write(path, TEXT)
    assert {copy.place for copy in read_caption(path).copies} == {Place.EXIF, Place.XMP}
    files.write(path, TEXT + " and on")
    assert frames(path.read_bytes())


def test_a_packet_at_its_limit_gives_up_padding(tmp_path):
    path = tmp_path / "photo.jpg"
    room = 65_502 - len(files.xmp_packet())
    path.write_bytes(jpeg(xmp_segment(padding=" " * room)))
    assert files.write(path, TEXT).written is Written.EMBEDDED
    assert len(path.read_bytes().split(files.XMP_ID)[1].split(b'<?xpacket end="w"?>')[0]) == 65_502 - 19


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.jpg", jpeg(exif_segment(), C2PA), "signed"),
        ("a.png", files.png_with(chunk(b"caBX", b"jumbf")), "signed"),
        ("a.webp", files.signed_webp(), "signed"),
        ("a.webp", files.webp_of_two_pictures(), "several pictures"),
        ("a.jpg", jpeg(exif_segment())[:-40], "cut off"),
        ("a.png", encoded("PNG")[:-20], "cut off"),
        ("a.webp", encoded("WEBP")[:-20], "cut off"),
        ("a.tif", encoded("TIFF")[:-200], "past the end"),
        # BitsPerSample is made a second StripOffsets; programs differ on which of them counts.
        ("a.tif", encoded("TIFF").replace(b"\x02\x01\x03\0", b"\x11\x01\x03\0", 1), "says twice where"),
        ("a.jpg", jpeg(xmp_segment(), xmp_segment()), "2 blocks"),
        ("a.jpg", jpeg(segment(0xE1, files.XMP_ID + b"<x:xmpmeta/>")), "XMP cannot be read"),
        ("a.jpg", jpeg(segment(0xE1, files.XMP_ID + b'<!DOCTYPE a [<!ENTITY b "c">]><a/>')), "document type"),
        ("a.jpg", mpf_file().replace(b"MPF\0II*", b"MPF\0IIx"), "multi-picture table"),
        ("a.gif", encoded("GIF"), "not written to"),
        ("a.dng", encoded("TIFF"), "camera raw is never written to"),
        ("a.jpg", b"not a picture at all", "not written to"),
        ("a.jpg", b"", "not written to"),
    ],
)
def test_what_is_unsafe_gets_a_sidecar_and_stays_untouched(tmp_path, name, data, reason):
    path = tmp_path / name
    path.write_bytes(data)
    prepared = files.write(path, TEXT, WritePolicy(overwrite=Overwrite.ALL))
    assert prepared.written is Written.SIDECAR
    assert reason in prepared.reason
    assert path.read_bytes() == data
    assert read_caption(path).text == TEXT
    assert (tmp_path / f"{name}.xmp").is_file()


@pytest.mark.parametrize(
    "provenance",
    [
        "<t:provenance>https://manifests.example/1</t:provenance>",
        '<t:provenance rdf:resource="https://manifests.example/1"/>',
    ],
)
def test_content_credentials_in_the_cloud_are_a_signature(tmp_path, provenance):
    path = tmp_path / "photo.jpg"
    data = jpeg(xmp_segment(properties=provenance, attributes=' xmlns:t="http://purl.org/dc/terms/"'))
    path.write_bytes(data)
    prepared = files.write(path, TEXT)
    assert (prepared.written, "signed" in prepared.reason) == (Written.SIDECAR, True)
    assert path.read_bytes() == data


def test_a_second_exif_block_with_a_persons_words_keeps_the_file_untouched(tmp_path):
    path = tmp_path / "photo.jpg"
    data = jpeg(exif_segment(), exif_segment(description=b"Anna on the beach"))
    path.write_bytes(data)
    assert files.write(path, TEXT).reason == "a person's caption is kept"
    assert "all its places" in files.write(path, TEXT, WritePolicy(overwrite=Overwrite.ALL)).reason
    assert path.read_bytes() == data
    assert read_caption(path).text == "Anna on the beach"


def test_a_preview_behind_the_picture_keeps_the_file_untouched(tmp_path):
    plain = jpeg(exif_segment(maker_note=b"PREVIEW_AT__" + b"rest" * 20))
    exif_at = plain.index(b"Exif\0\0") + 6
    for base in (0, exif_at):
        data = plain.replace(b"PREVIEW_AT__", b"at" + struct.pack("<I", len(plain) - base) + b"bytes."[:6])
        data += b"a preview without a signature" * 9
        path = tmp_path / f"{base}.jpg"
        path.write_bytes(data)
        prepared = files.write(path, TEXT)
        assert "behind the picture" in prepared.reason
        assert path.read_bytes() == data


def test_a_dry_run_plans_and_touches_nothing(tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(jpeg(exif_segment(description=b"SONY DSC")))
    before = path.stat()
    prepared = prepare_write(path, TEXT, marking=files.MARKING, policy=files.DEFAULT, dry_run=DryRun.YES)
    assert (prepared.before, prepared.after, prepared.written) == ("SONY DSC", TEXT, Written.EMBEDDED)
    assert os.listdir(tmp_path) == ["photo.jpg"]
    assert path.stat() == before


@pytest.mark.parametrize("name", ["photo.dng", "photo.CR2", "photo.nef"])
def test_a_persons_caption_inside_camera_raw_is_read_and_kept(tmp_path, name):
    path = tmp_path / name
    text = b"Anna on the beach\0"
    path.write_bytes(files.tiff_block([(270, 2, len(text), text)]))
    assert (read_caption(path).text, read_caption(path).origin) == ("Anna on the beach", Origin.PERSON)
    assert not files.write(path, TEXT).changes_files


@pytest.mark.parametrize("piece_bytes", [1, 3, 1 << 20])
def test_the_end_of_a_picture_is_the_first_end_mark(monkeypatch, piece_bytes):
    monkeypatch.setattr("photocap.formats.jpeg_trailer._PIECE_BYTES", piece_bytes)
    rng = random.Random(1)
    for _ in range(500):
        data = bytes(rng.choices(b"\xff\xd9\x00", k=rng.randrange(30)))
        start = rng.randrange(len(data) + 1)
        place = data.find(b"\xff\xd9", start)
        assert end_of_picture(data, start) == (len(data) if place < 0 else place + 2)
