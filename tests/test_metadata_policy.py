"""What may be written where: whose words stay, which sidecar is used, what a replaced file keeps."""

from __future__ import annotations

import os
from hashlib import md5

import metadata_files as files
import pytest
from metadata_files import exif_segment, jpeg, write, xmp_segment
from systems import needs_byte_names, posix_only

from photocap.errors import ReadError, WriteError
from photocap.metadata import (
    MetadataMode,
    Mtime,
    Origin,
    Overwrite,
    Place,
    Signature,
    WritePolicy,
    prepare_write,
    read_caption,
    revert,
    undo,
)
from photocap.metadata.captions import clean_text
from photocap.records import Written

ALL = WritePolicy(overwrite=Overwrite.ALL)
SIDECAR = WritePolicy(mode=MetadataMode.SIDECAR)


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "IMG_1.jpg"
    path.write_bytes(jpeg(exif_segment()))
    return path


def described(path, text, place="xmp"):
    """Give a photo a description that somebody else wrote."""
    if place == "xmp":
        path.write_bytes(jpeg(exif_segment(), xmp_segment(properties=files.description_property(text))))
    else:
        path.write_bytes(jpeg(exif_segment(description=text.encode())))


@pytest.mark.parametrize("place", ["xmp", "exif"])
@pytest.mark.parametrize("overwrite", Overwrite)
@pytest.mark.parametrize(("text", "needed"), [("Anna at home", Overwrite.ALL), ("SONY DSC", Overwrite.JUNK)])
def test_whose_words_may_be_replaced(photo, place, overwrite, text, needed):
    described(photo, text, place)
    if place == "xmp":  # where no camera writes by itself
        needed = Overwrite.ALL
    before = photo.read_bytes()
    order = list(Overwrite)
    prepared = write(photo, "a dog", WritePolicy(overwrite=overwrite))
    if order.index(overwrite) >= order.index(needed):
        assert read_caption(photo).text == "a dog"
    else:
        assert (prepared.written, prepared.after) == (Written.NONE, text)
        assert prepared.reason
        assert photo.read_bytes() == before


def test_an_earlier_caption_of_photocap_is_replaced_by_default_but_not_with_none(photo):
    write(photo, "a dog")
    assert not write(photo, "a cat", WritePolicy(overwrite=Overwrite.NONE)).changes_files
    assert read_caption(photo).text == "a dog"
    write(photo, "a cat", marking=Signature("better", "1.1", None, "2026-02-02T00:00:00Z"))
    found = read_caption(photo)
    assert (found.text, found.model_id, found.origin) == ("a cat", "better", Origin.PHOTOCAP)


def test_a_person_who_edits_photocaps_caption_is_noticed(photo):
    write(photo, "a dog on a beach")
    edited = photo.read_bytes().replace(b"a dog on a beach", b"Bello on a beach")
    photo.write_bytes(edited)
    found = read_caption(photo)
    assert (found.text, found.origin, found.model_id) == ("Bello on a beach", Origin.PERSON, None)
    assert not write(photo, "a dog").changes_files
    assert photo.read_bytes() == edited


def test_a_person_who_edits_one_copy_only_is_noticed(photo):
    write(photo, "a dog on a beach")
    data = photo.read_bytes()
    at = data.rindex(b"a dog on a beach")
    photo.write_bytes(data[:at] + b"Bello on a beach" + data[at + 16 :])
    found = read_caption(photo)
    assert (found.text, found.origin, found.agree) == ("Bello on a beach", Origin.PERSON, False)
    assert not write(photo, "a dog").changes_files


def test_a_person_who_deletes_photocaps_caption_is_obeyed(photo):
    write(photo, "a dog on a beach")
    photo.write_bytes(photo.read_bytes().replace(b"a dog on a beach", b" " * 16))
    assert (read_caption(photo).text, read_caption(photo).origin) == ("", Origin.PERSON)
    assert write(photo, "a dog").reason == "a person deleted the caption"


def test_a_persons_caption_writer_and_alternative_text_stay(photo):
    core = "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/"
    alt = f'<x:AltTextAccessibility xmlns:x="{core}">for Anna</x:AltTextAccessibility>'
    photo.write_bytes(
        jpeg(
            xmp_segment(
                properties=alt,
                attributes=' xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" photoshop:CaptionWriter="Otto"',
            )
        )
    )
    write(photo, "a dog", WritePolicy(alt_text=True))
    data = photo.read_bytes()
    assert b'photoshop:CaptionWriter="Otto"' in data
    assert alt.encode() in data
    assert read_caption(photo).text == "a dog"


def test_the_alternative_text_is_written_on_request_shortened_and_kept_up_to_date(photo):
    text = "a dog " * 60
    assert b"AltTextAccessibility" not in jpeg()
    write(photo, text, WritePolicy(alt_text=True))
    shown = photo.read_text("utf-8", "ignore").split("<Iptc4xmpCore:AltTextAccessibility>")[1].split("</rdf:li>")[0]
    words = shown.split(">")[-1]
    assert text.startswith(words.removesuffix("…") + " ")
    assert 240 < len(words) <= 250
    write(photo, "a cat", WritePolicy(alt_text=True))
    assert photo.read_bytes().count(b">a cat<") == 2


def test_languages_of_others_stay_and_the_one_that_said_the_same_goes_along(photo):
    items = "".join(
        f'<rdf:li xml:lang="{language}">{text}</rdf:li>'
        for language, text in (("x-default", "SONY DSC"), ("en", "SONY DSC"), ("de", "Anna am Meer"))
    )
    photo.write_bytes(jpeg(xmp_segment(properties=f"<dc:description><rdf:Alt>{items}</rdf:Alt></dc:description>")))
    write(photo, "a dog", ALL)
    data = photo.read_bytes()
    assert data.count(b">a dog</rdf:li>") == 2
    assert b'xml:lang="de">Anna am Meer<' in data


def test_iptc_is_updated_with_its_digest_only_where_it_is(photo):
    title, city = (2, 5, "Tür".encode("latin-1")), (2, 90, b"Rome")
    digest = files.resource(0x0425, b"old digest here!")
    photo.write_bytes(jpeg(exif_segment(), files.iptc_segment(title, (2, 120, b"SONY DSC"), city, extra=digest)))
    write(photo, "a dog, ä cat", ALL)
    new = files.iim(title, city, (2, 120, "a dog, ä cat".encode("cp1252")))
    ordered = files.iim(title, (2, 120, "a dog, ä cat".encode("cp1252")), city)
    data = photo.read_bytes()
    (stored,) = [iim for iim in (new, ordered) if iim in data]
    assert md5(stored).digest() in data
    assert [copy.text for copy in read_caption(photo).copies if copy.place is Place.IPTC] == ["a dog, ä cat"]
    write(photo, "犬")  # has no place in Latin-1, where the title is: IPTC then says nothing
    assert "Tür".encode("latin-1") in photo.read_bytes()
    assert Place.IPTC not in {copy.place for copy in read_caption(photo).copies}
    assert read_caption(photo).agree


def test_iptc_of_ascii_becomes_utf8_where_the_caption_needs_it(photo):
    photo.write_bytes(jpeg(files.iptc_segment((2, 5, b"Title"))))
    write(photo, "犬")
    assert b"\x1c\1\x5a\0\3\x1b%G" in photo.read_bytes()
    assert Place.IPTC in {copy.place for copy in read_caption(photo).copies}
    write(photo, "a long story " * 300)
    assert read_caption(photo).agree


@pytest.mark.parametrize("text", ["", "   ", "\n\t", "\x00\x01"])
def test_an_empty_caption_is_not_written(photo, text):
    before = photo.read_bytes()
    assert write(photo, text, ALL).reason == "the caption is empty"
    assert photo.read_bytes() == before


def test_a_caption_too_long_for_jpeg_gets_a_sidecar(photo):
    before = photo.read_bytes()
    prepared = write(photo, "long " * 20_000)
    assert prepared.written is Written.SIDECAR
    assert "longer than this format allows" in prepared.reason
    assert photo.read_bytes() == before
    assert len(read_caption(photo).text) == 99_999


def test_metadata_none_writes_nothing(photo):
    before = photo.read_bytes()
    assert write(photo, "a dog", WritePolicy(mode=MetadataMode.NONE)).written is Written.NONE
    assert photo.read_bytes() == before
    assert os.listdir(photo.parent) == [photo.name]


def test_a_sidecar_is_merged_never_replaced(photo):
    sidecar = photo.with_name("IMG_1.jpg.xmp")
    sidecar.write_bytes(files.xmp_packet(properties="<my:rating>5</my:rating>"))
    before = sidecar.read_bytes()
    prepared = write(photo, "a dog", SIDECAR)
    assert b"<my:rating>5</my:rating>" in sidecar.read_bytes()
    assert read_caption(photo).copies[0].place is Place.SIDECAR
    assert revert(prepared.undo[0], sidecar.read_bytes()) == before


def test_a_sidecar_that_holds_a_description_is_updated_when_the_photo_is(photo):
    write(photo, "a dog", SIDECAR)
    prepared = write(photo, "a cat")
    assert prepared.written is Written.EMBEDDED
    assert len(prepared.undo) == 2
    assert {copy.text for copy in read_caption(photo).copies} == {"a cat"}


def test_which_sidecar_is_used(photo):
    adobe = photo.with_suffix(".xmp")
    adobe.write_bytes(files.xmp_packet())
    write(photo, "a dog", SIDECAR)
    assert b"a dog" in adobe.read_bytes()
    raw = photo.with_suffix(".CR2")
    raw.write_bytes(b"raw")  # now IMG_1.xmp is the raw's
    write(photo, "a cat", SIDECAR)
    assert b"a cat" in photo.with_name("IMG_1.jpg.xmp").read_bytes()
    assert b"a dog" in adobe.read_bytes()


def test_a_write_that_could_not_be_taken_back_is_not_made(photo, monkeypatch):
    before, real = photo.read_bytes(), undo._patch
    monkeypatch.setattr(undo, "_patch", lambda old, edits: real(bytes(len(old)), edits))  # keeps the wrong bytes
    prepared = write(photo, "a dog")
    assert prepared.written is Written.SIDECAR
    assert "could not be taken back" in prepared.reason
    sidecar = photo.with_name("IMG_1.jpg.xmp")
    first = sidecar.read_bytes()
    with pytest.raises(WriteError, match=r"IMG_1\.jpg\.xmp.*could not be taken back"):
        write(photo, "a cat", SIDECAR)
    assert (photo.read_bytes(), sidecar.read_bytes()) == (before, first)
    assert len(os.listdir(photo.parent)) == 2


def test_sidecars_under_a_folder_of_their_own_cannot_collide(tmp_path):
    policy = WritePolicy(mode=MetadataMode.SIDECAR, sidecar_dir=tmp_path / "sidecars")
    for folder in ("a", "b"):
        path = tmp_path / folder / "IMG.jpg"
        path.parent.mkdir()
        path.write_bytes(jpeg())
        write(path, f"a dog in {folder}", policy)
        assert read_caption(path, sidecar_dir=policy.sidecar_dir).text == f"a dog in {folder}"
        assert os.listdir(path.parent) == ["IMG.jpg"]


def test_a_broken_sidecar_may_hold_words_and_stays(photo):
    sidecar = photo.with_name("IMG_1.jpg.xmp")
    sidecar.write_bytes(b"<not xml")
    for policy in (SIDECAR, files.DEFAULT):
        prepared = write(photo, "a dog", policy)
        assert (prepared.written, prepared.changes_files) == (Written.NONE, False)
        assert "may hold a person's words: its sidecar IMG_1.jpg.xmp cannot be read" in prepared.reason
    with pytest.raises(WriteError, match="this sidecar cannot be changed"):  # a person's words must not get lost
        write(photo, "Anna", WritePolicy(mode=MetadataMode.SIDECAR, overwrite=Overwrite.ALL), marking=None)
    assert sidecar.read_bytes() == b"<not xml"


def test_links_are_followed_and_stay_links(photo, tmp_path):
    link = tmp_path / "link.jpg"
    link.symlink_to(photo)
    prepared = write(link, "a dog")
    assert link.is_symlink()
    assert prepared.undo[0].path == photo
    assert read_caption(photo).text == "a dog"


def test_hard_links_get_a_sidecar(photo, tmp_path):
    os.link(photo, tmp_path / "other.jpg")
    prepared = write(photo, "a dog")
    assert (prepared.written, prepared.reason) == (Written.SIDECAR, "it has 2 hard links")
    assert photo.stat().st_nlink == 2


def test_read_only_photos_get_a_sidecar(photo):
    photo.chmod(0o444)
    prepared = write(photo, "a dog")
    assert (prepared.written, prepared.reason) == (Written.SIDECAR, "it is read-only")


def test_a_folder_that_takes_no_files_leaves_the_sidecar_folder(photo, tmp_path, monkeypatch):
    real = os.open

    def refusing(path, flags, *rest):
        if flags & os.O_CREAT and os.path.dirname(path) == str(photo.parent):
            raise PermissionError(13, "Permission denied")
        return real(path, flags, *rest)

    monkeypatch.setattr(os, "open", refusing)
    prepared = write(photo, "a dog", WritePolicy(sidecar_dir=tmp_path / "sidecars"))
    assert (prepared.written, prepared.reason) == (Written.SIDECAR, "Permission denied")
    with pytest.raises(WriteError, match="--sidecar-dir"):
        write(photo, "a dog")


@posix_only
def test_mode_attributes_and_time_are_kept(photo):
    photo.chmod(0o640)
    os.utime(photo, ns=(1_500_000_000_123_456_789, 1_500_000_000_987_654_321))
    try:
        os.setxattr(photo, "user.tags", b"holiday")
        kept = b"holiday"
    except (OSError, AttributeError):  # macOS has other calls for them
        kept = None
    prepared = prepare_write(photo, "a dog", marking=files.MARKING, policy=files.DEFAULT)
    stat = prepared.commit()
    assert (stat.st_mode & 0o777, stat.st_mtime_ns) == (0o640, 1_500_000_000_987_654_321)
    assert (stat.st_ino, stat.st_size) == (photo.stat().st_ino, photo.stat().st_size)
    if kept:
        assert os.getxattr(photo, "user.tags") == kept


def test_mtime_touch_shows_the_change(photo):
    os.utime(photo, ns=(0, 0))
    write(photo, "a dog", WritePolicy(mtime=Mtime.TOUCH))
    assert photo.stat().st_mtime_ns > 10**18


def test_a_discarded_write_leaves_nothing(photo):
    before = photo.read_bytes()
    prepared = prepare_write(photo, "a dog", marking=files.MARKING, policy=files.DEFAULT)
    assert len(os.listdir(photo.parent)) == 2
    prepared.discard()
    prepared.discard()
    assert os.listdir(photo.parent) == [photo.name]
    assert photo.read_bytes() == before


@pytest.mark.parametrize("name", ["missing.jpg", "."])
def test_what_is_no_file_is_a_read_error(tmp_path, name):
    with pytest.raises(ReadError):
        write(tmp_path / name, "a dog")
    with pytest.raises(ReadError):
        read_caption(tmp_path / name)


@needs_byte_names
def test_odd_names_work(tmp_path):
    path = tmp_path / os.fsdecode(b"new\nline \xff.jpg")
    path.write_bytes(jpeg())
    path.chmod(0o444)
    assert write(path, "a dog").written is Written.SIDECAR
    path.chmod(0o644)
    assert write(path, "a cat").written is Written.EMBEDDED
    assert {copy.text for copy in read_caption(path).copies} == {"a cat"}


def test_clean_text_knows_one_kind_of_line_break():
    assert clean_text(" a\r\nb\rc\u2028d\x00\ud800 ") == "a\nb\nc\nd \ufffd"
