"""Any text and any bytes: captions survive, damaged files cost nothing but a sidecar."""

from __future__ import annotations

import random
import struct
import sys
import time
import tracemalloc
import zlib
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import metadata_files as files
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from systems import peak_bytes, posix_only
from test_metadata_formats import CASES

from photocap.formats.splice import Edit, splice
from photocap.formats.tiff_ifd import TiffBlock
from photocap.formats.tiff_structure import TiffError
from photocap.metadata.captions import Origin, clean_text
from photocap.metadata.contents import parse_contents
from photocap.metadata.files import Surroundings
from photocap.metadata.iptc import IptcChange, IptcError, captions_in, changed_datasets
from photocap.metadata.plan import CannotEmbed, plan_embed, plan_sidecar
from photocap.metadata.policy import WriteOrder
from photocap.metadata.reader import find_captions
from photocap.metadata.undo import PatchError, matches_after, matches_before, record_write, revert
from photocap.metadata.xml import XmlError
from photocap.metadata.xmp import DESCRIPTION, Packet

TEXTS = st.one_of(
    st.text(st.characters(codec=None), min_size=1, max_size=60),
    st.sampled_from(
        ["]]><![CDATA[", "&amp;&#0;<a>", "a\r\nb\rc", "\ud800", "﻿bom", "x" * 30_000, "é" * 999, "' \" / >"]
    ),
    st.text("ab \n\t&<>\"'\u2028é犬🐕", min_size=1, max_size=3000),
).filter(clean_text)
QUICK = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
SEEDS = [name for name in CASES if name != "pages.tif"]
MAX_SECONDS, MAX_BYTES = 2.0, 64 << 20


def order(text, **more):
    return WriteOrder(text=text, signature=files.MARKING, **more)


def put(name, data, text):
    """Put a caption into bytes; return the new bytes, or None where that is refused."""
    try:
        return plan_embed(parse_contents(Path(name), data), order(text, alt_text=text))
    except CannotEmbed:
        return None


def check_undo(old, new, edits):
    """Make sure that a write is told from what was before it, and can be taken back."""
    record = record_write(Path("photo.jpg"), old, new, edits)
    assert matches_before(record, old)
    assert matches_after(record, new)
    assert matches_after(record, old) == matches_before(record, new) == (old == new)
    assert revert(record, new) == old


@pytest.mark.parametrize("name", ["xmp-before-exif.jpg", "iptc.jpg", "plain.png", "lossy.webp", "plain.tif"])
@QUICK
@given(TEXTS)
def test_any_text_survives_in_a_photo(name, text):
    text = clean_text(text)
    new = put(name, CASES[name], text)
    assert new is not None
    found = find_captions(parse_contents(Path(name), new.data), Surroundings())
    assert (found.text, found.origin, found.agree) == (text, Origin.PHOTOCAP, True)
    check_undo(CASES[name], new.data, new.edits)


@QUICK
@given(TEXTS, TEXTS)
def test_any_text_replaces_any_text_in_a_sidecar(first, second):
    first, second = clean_text(first), clean_text(second)
    once = plan_sidecar(None, order(first))
    twice = plan_sidecar(once.data, order(second))
    assert Packet(twice.data).text(DESCRIPTION) == second
    assert twice.data.count(b"<rdf:Description") == 1
    check_undo(once.data, twice.data, twice.edits)


@QUICK
@given(
    st.permutations(["jfif", "exif", "xmp", "icc", "iptc", "comment", "mpf"]),
    st.integers(0, 7),
    st.sampled_from("<>"),
    st.binary(max_size=40),
)
def test_any_order_of_segments_is_kept(order, count, byte_order, trailer):
    available = {
        "jfif": files.JFIF,
        "exif": files.exif_segment(order=byte_order),
        "xmp": files.xmp_segment(),
        "icc": files.icc_segment(),
        "iptc": files.iptc_segment((2, 5, b"Title")),
        "comment": files.segment(0xFE, b"a comment"),
        "mpf": files.segment(0xE2, b"MPF\0" + files.tiff_block([(0xB000, 7, 4, b"0100")], byte_order)),
    }
    chosen = [available[name] for name in order[:count]]
    data = files.jpeg(*chosen, trailer=trailer)
    new = put("a.jpg", data, "a dog")
    assert new is not None
    left = [s for name, s in zip(order, chosen, strict=False) if name not in ("exif", "xmp", "iptc")]
    at = [new.data.index(segment) for segment in left]
    assert at == sorted(at)
    assert new.data.endswith(data[data.index(b"\xff\xdb") :])


WANTED_EDITS = st.lists(st.tuples(st.integers(0, 200), st.integers(0, 200), st.binary(max_size=9)))


def fitting(data, wanted):
    """Return those of the wanted edits that lie inside the data and do not overlap."""
    edits, at = [], 0
    for start, length, new in sorted(wanted):
        if at <= start and start + length <= len(data):
            edits.append(Edit(start, start + length, new))
            at = start + length
    return edits


@QUICK
@given(st.binary(max_size=200), WANTED_EDITS)
def test_any_edits_can_be_taken_back(data, wanted):
    edits = fitting(data, wanted)
    check_undo(data, splice(data, edits), edits)


@QUICK
@given(st.binary(max_size=200), WANTED_EDITS, st.integers(0, 250), st.integers(0, 2), st.binary(max_size=2))
def test_any_other_change_is_noticed(data, wanted, at, length, put_in):
    edits = fitting(data, wanted)
    new = splice(data, edits)
    record = record_write(Path("photo.jpg"), data, new, edits)
    for known, is_it in ((data, matches_before), (new, matches_after)):
        other = known[:at] + put_in + known[at + length :]
        assert is_it(record, other) == (other == known)


@QUICK
@given(st.binary(max_size=60), WANTED_EDITS, st.binary(max_size=60), st.booleans())
def test_a_write_that_its_record_would_not_take_back_is_refused(data, wanted, other, longer):
    edits = fitting(data, wanted)
    other = splice(data, edits) + other if longer else other
    if other != splice(data, edits):
        with pytest.raises(PatchError, match="could not be taken back"):
            record_write(Path("photo.jpg"), data, other, edits)


@QUICK
@given(st.binary(max_size=60), st.binary(max_size=60).map(lambda raw: struct.pack("<I", len(raw) // 24) + raw))
def test_a_record_that_is_damaged_takes_nothing_back(data, raw):
    for patch in (raw, zlib.compress(raw)):
        record = replace(record_write(Path("photo.jpg"), b"old", b"new", [Edit(0, 3, b"new")]), patch=patch)
        with pytest.raises(PatchError):
            revert(record, data)
        for is_it in (matches_before, matches_after):
            with suppress(PatchError):
                assert not is_it(record, data)


@QUICK
@given(st.binary(max_size=300))
def test_any_bytes_are_parsed_or_refused(data):
    for parse in (
        lambda: Packet(data),
        lambda: TiffBlock(b"II*\0\x08\0\0\0" + data).directories,
        lambda: captions_in(b"\x1c\2\x78" + data),
        lambda: changed_datasets(b"\x1c\2\x05" + data, IptcChange(caption="a dog")),
    ):
        try:
            parse()
        except (XmlError, TiffError, IptcError):
            continue


@pytest.mark.parametrize(
    "bomb",
    [
        b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>',
        b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>',
        b"<a>" * 5000 + b"</a>" * 5000,
        b'<x y="' + b"'" * 100_000,
        "<x/>".encode("utf-16"),
    ],
)
def test_hostile_xml_is_refused_at_once(bomb):
    start = time.process_time()
    with pytest.raises(XmlError):
        Packet(bomb)
    assert time.process_time() - start < 1


def mutated(data, chance):
    """Return bytes with a few of the things that go wrong with files."""
    data = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 5, 20))):
        at = chance.randrange(len(data))
        kind = chance.randrange(7)
        if kind == 0:
            data[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            data[at] = chance.choice((0, 0xFF, 0x7F, 0x80))
        elif kind == 2:
            del data[at : at + chance.randrange(1, 50)]
        elif kind == 3:
            data[at:at] = chance.randbytes(chance.randrange(1, 50))
        elif kind == 4:
            data[at : at + 4] = chance.choice(
                (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f")
            )
        elif kind == 5:
            data[at:] = b""
        else:
            data[at:at] = data[at : at + chance.randrange(200)]
        if not data:
            data = bytearray(b"\xff")
    return bytes(data)


def fuzz(seed, count):
    """Give many damaged files a caption; each is refused, or written so that all of it can be taken back."""
    chance = random.Random(seed)
    slowest, written = 0.0, 0
    for _ in range(count):
        name = chance.choice(SEEDS)
        data = mutated(CASES[name], chance)
        start = time.process_time()
        contents = parse_contents(Path(name), data)
        find_captions(contents, Surroundings())
        new = put(name, data, "a dog on a beach")
        slowest = max(slowest, time.process_time() - start)
        if new is not None:
            written += 1
            check_undo(data, new.data, new.edits)
    return slowest, written


def test_a_sample_of_damaged_files():
    slowest, written = fuzz("sample", 200)
    assert slowest < MAX_SECONDS
    assert 0 < written < 200


@pytest.mark.slow
@posix_only
def test_thousands_of_damaged_files_within_limits():
    before = peak_bytes()
    slowest, written = fuzz("thousands", 3000)
    assert slowest < MAX_SECONDS
    assert 0 < written < 3000
    assert peak_bytes() - before < MAX_BYTES


def test_no_memory_is_taken_for_a_claimed_size():
    claims = [
        b"\x89PNG\r\n\x1a\n" + b"\x7f\xff\xff\xffIDAT",
        b"RIFF\xff\xff\xff\xffWEBPVP8 \xff\xff\xff\xff",
        b"II*\0\x08\0\0\0\xff\xff" + b"\x0e\1\2\0\xff\xff\xff\xff\0\0\0\0" * 3,
        b"II+\0\x08\0\0\0\x10\0\0\0\0\0\0\0" + b"\xff" * 8,
        b"\xff\xd8\xff\xe1\xff\xffExif\0\0II*\0",
    ]
    tracemalloc.start()
    try:
        for name, data in zip(("a.png", "a.webp", "a.tif", "b.tif", "a.jpg"), claims, strict=True):
            assert put(name, data, "a dog") is None
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_a_compressed_packet_that_swells_is_refused():
    packed = zlib.compress(b"<x>" + b" " * (64 << 20), 9)
    data = files.png_with(files.chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + packed))
    assert len(data) < 1 << 20
    assert put("a.png", data, "a dog") is None
    small = zlib.compress(files.xmp_packet())
    data = files.png_with(files.chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + small))
    new = put("a.png", data, "a dog")
    assert new is not None
    check_undo(data, new.data, new.edits)
    assert sys.getsizeof(new.data) < len(data) + 2000
