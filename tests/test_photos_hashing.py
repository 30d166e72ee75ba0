"""picture_hash: the same for every edit of metadata, different for every other picture."""

from __future__ import annotations

import io
import os
import random
import re
import shutil
import struct
import subprocess
import zlib
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pytest
from PIL import Image, PngImagePlugin, features

from photocap.errors import ReadError
from photocap.formats import chunk_picture
from photocap.formats.jpeg import Jpeg
from photocap.formats.picture_digest import picture_digest, same_picture
from photocap.formats.spans import NotUnderstood
from photocap.formats.splice import Rewrite
from photocap.photos import picture_hash
from photocap.records import HashKind

pillow_heif.register_heif_opener(thumbnails=False)  # as photocap does, but this file alone does not decode


def noise(seed: int, size: tuple[int, int] = (48, 32)) -> Image.Image:
    values = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(values)


def written(path: Path, seed: int = 0, **options: Any) -> Path:
    noise(seed).save(path, **options)
    return path


NEEDS_AVIF = pytest.mark.skipif(not features.check("avif"), reason="this Pillow was built without AVIF")
SUFFIXES = ["jpg", "png", "webp", "tif", "heic", pytest.param("avif", marks=NEEDS_AVIF)]


def exif_with(text: str) -> Image.Exif:
    exif = Image.Exif()
    exif[0x010E] = text
    return exif


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_metadata_is_left_out(tmp_path: Path, suffix: str) -> None:
    bare = picture_hash(written(tmp_path / f"a.{suffix}"))
    xmp = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"
    with_exif = picture_hash(written(tmp_path / f"b.{suffix}", exif=exif_with("A dog on a beach")))
    assert with_exif == bare
    if suffix in ("jpg", "webp", "heic", "avif"):
        assert picture_hash(written(tmp_path / f"c.{suffix}", xmp=xmp, exif=exif_with("x" * 900))) == bare


@pytest.mark.parametrize("suffix", [*SUFFIXES, "gif", "bmp"])
def test_other_pictures_have_other_hashes(tmp_path: Path, suffix: str) -> None:
    paths = [written(tmp_path / f"{seed}.{suffix}", seed) for seed in range(4)]
    for kind in HashKind:
        hashes = {picture_hash(path, kind=kind) for path in paths}
        assert len(hashes) == 4
        assert all(HashKind.of(found) is kind and len(found) == kind.value and int(found, 16) for found in hashes)


def test_rename_copy_and_touch(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jpg")
    before = picture_hash(path)
    copy = tmp_path / "b.png"  # even under a name that lies
    shutil.copyfile(path, copy)
    os.utime(copy, ns=(1, 1))
    assert picture_hash(copy) == before


def test_jpeg_comments_trailers_and_progressive_scans(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jpg", progressive=True, quality=90)
    before = picture_hash(path)
    data = path.read_bytes()
    comment = b"\xff\xfe\x00\x06\xff\xd9\xff\xda"  # holds what looks like markers
    path.write_bytes(data[:2] + comment + data[2:] + b"MotionPhoto_Data" + data)
    assert picture_hash(path) == before
    middle = data.rindex(b"\xff\xda") + 40
    path.write_bytes(data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :])
    assert picture_hash(path) != before


def test_png_text_time_and_the_cutting_into_chunks(tmp_path: Path) -> None:
    path = written(tmp_path / "a.png")
    before = picture_hash(path)
    text = PngImagePlugin.PngInfo()
    text.add_text("Description", "A dog on a beach")
    text.add_itxt("XML:com.adobe.xmp", "<x/>")
    assert picture_hash(written(tmp_path / "b.png", pnginfo=text)) == before
    path.write_bytes(recut(path.read_bytes()))
    assert picture_hash(path) == before


def recut(png: bytes) -> bytes:
    """Cut every IDAT chunk into two."""
    out, position = png[:8], 8
    while position < len(png):
        length, kind = struct.unpack(">I4s", png[position : position + 8])
        data = png[position + 8 : position + 8 + length]
        for part in (data[:7], data[7:]) if kind == b"IDAT" else (data,):
            out += struct.pack(">I", len(part)) + kind + part + struct.pack(">I", zlib.crc32(kind + part))
        position += 12 + length
    return out


@pytest.mark.parametrize(
    ("mode", "options"),
    [
        ("RGB", {}),
        ("RGB", {"compression": "tiff_lzw"}),
        ("RGB", {"big_tiff": True}),
        ("I;16B", {}),  # written big-endian (Pillow's big-endian BigTIFFs are broken)
    ],
)
def test_tiff_pages(tmp_path: Path, mode: str, options: dict[str, object]) -> None:
    pages = [noise(seed).convert("RGB" if mode == "RGB" else "I;16").convert(mode) for seed in range(3)]

    def hash_of(*chosen: int, **more: Any) -> str:
        path = tmp_path / "a.tif"
        rest = [pages[i] for i in chosen[1:]]
        pages[chosen[0]].save(path, save_all=True, append_images=rest, **(options | more))
        return picture_hash(path)

    assert hash_of(0, 1) == hash_of(0, 1, description="A dog", software="photocap")
    assert len({hash_of(0, 1), hash_of(0, 2), hash_of(0), hash_of(1), hash_of(1, 0)}) == 5


def test_same_data_read_in_another_shape_is_another_picture(tmp_path: Path) -> None:
    for suffix in ("tif", "png", "bmp"):
        flat, tall = tmp_path / f"a.{suffix}", tmp_path / f"b.{suffix}"
        Image.new("L", (32, 16)).save(flat)
        Image.new("L", (16, 32)).save(tall)
        assert picture_hash(flat) != picture_hash(tall)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_damaged_files_are_hashed_whole_and_quickly(tmp_path: Path, suffix: str) -> None:
    chance = random.Random(0)
    whole = written(tmp_path / f"whole.{suffix}").read_bytes()
    path = tmp_path / "fuzzed"
    for _ in range(60):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 8)):
            data[chance.randrange(min(len(data), 400))] = chance.randrange(256)
        path.write_bytes(data[: chance.randint(1, len(data))])
        assert len(picture_hash(path)) == HashKind.BLAKE3.value


def test_tiff_that_points_in_circles_and_everywhere(tmp_path: Path) -> None:
    entries = [(273, 4, 2000, 200), (279, 4, 2000, 200)]
    page = struct.pack("<H", 2) + b"".join(struct.pack("<HHII", *e) for e in entries) + struct.pack("<I", 8)
    path = tmp_path / "a.tif"
    path.write_bytes((b"II*\0" + struct.pack("<I", 8) + page).ljust(200, b"\0") + struct.pack("<I", 8000) * 2000)
    assert len(picture_hash(path)) == HashKind.BLAKE3.value


def test_unreadable(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="no such file"):
        picture_hash(tmp_path / "gone.jpg")
    (tmp_path / "empty.jpg").write_bytes(b"")
    with pytest.raises(ReadError, match="empty"):
        picture_hash(tmp_path / "empty.jpg")


@pytest.mark.skipif(not shutil.which("exiftool"), reason="ExifTool is not installed")
def test_exiftool_edits_on_real_files(tmp_path: Path, shared: Path) -> None:
    """Real files of every kind keep their hash when ExifTool writes tags into them."""
    hashed_whole = ("gif", "md", "truncated_app14.jpg")
    sources = [p for p in (shared / "camera-files").rglob("*") if p.is_file() and not p.name.endswith(hashed_whole)]
    sources = sorted(p for p in sources if 1000 < p.stat().st_size < 2_000_000)[::6]
    copies = [Path(shutil.copyfile(p, tmp_path / f"{i:03d}{p.suffix}")) for i, p in enumerate(sources)]
    before = {path: picture_hash(path) for path in copies}
    old = {path: path.read_bytes() for path in copies}
    tags = ["-ImageDescription=A dog", "-XMP:Description=A dog", "-XMP:Rating=4"]
    subprocess.run(["exiftool", "-q", "-q", "-overwrite_original", *tags, *copies], capture_output=True, check=False)
    edited = [path for path in copies if path.read_bytes() != old[path]]
    assert len(edited) > 60
    assert [path.name for path in edited if picture_hash(path) != before[path]] == []


@pytest.mark.parametrize("piece_bytes", [1, 3, 1 << 17])
def test_a_scan_ends_before_the_first_marker(monkeypatch: pytest.MonkeyPatch, piece_bytes: int) -> None:
    monkeypatch.setattr(chunk_picture, "_PIECE_BYTES", piece_bytes)
    marker = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
    chance = random.Random(1)
    for _ in range(500):
        data = bytes(chance.choices(b"\xff\xff\xff\x00\x01\xcf\xd0\xd7\xd8\xd9\xfe", k=chance.randrange(12)))
        start = chance.randrange(len(data) + 1)
        found = marker.search(data, start)
        expected = found.start() if found else len(data)
        spans = list(chunk_picture._scan(io.BytesIO(data), start, len(data)))
        *starts, end = accumulate((span.length for span in spans), initial=start)
        assert [span.start for span in spans] == starts
        assert end == expected


def test_the_same_picture_is_the_one_with_the_same_digest() -> None:
    """Of two files with equal ends not everything is looked at; what comes out must be the same for any two."""
    buffer = io.BytesIO()
    noise(1).save(buffer, "JPEG", progressive=True, exif=exif_with("a dog"), comment=b"a dog")
    base, chance = buffer.getvalue(), random.Random(2)
    outcomes = []
    for _ in range(400):
        old, new = (_slightly_changed(base, chance) for _ in range(2))
        digests = [digest_of(data) for data in (old, new)]
        if None in digests:
            with pytest.raises(NotUnderstood):
                same_picture(Rewrite(old, new), Jpeg())
        else:
            assert same_picture(Rewrite(old, new), Jpeg()) is (digests[0] == digests[1])
        outcomes.append(None if None in digests else digests[0] == digests[1])
    assert all(outcomes.count(outcome) > 20 for outcome in (True, False))


def digest_of(data: bytes) -> str | None:
    """Return the digest of a JPEG; None for one that is hashed whole."""
    try:
        return picture_digest(io.BytesIO(data), Jpeg())
    except NotUnderstood:
        return None


def _slightly_changed(data: bytes, chance: random.Random) -> bytes:
    """Return a JPEG with a comment more or less, and now and then with a byte of its picture or its end changed."""
    if chance.random() < 0.7:
        comment = bytes(chance.randrange(9))
        data = data[:2] + b"\xff\xfe" + struct.pack(">H", len(comment) + 2) + comment + data[2:]
    if chance.random() < 0.2:
        at = chance.randrange(len(data) // 4, len(data))
        data = data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]
    if chance.random() < 0.2:
        data += bytes(3)
    return data
