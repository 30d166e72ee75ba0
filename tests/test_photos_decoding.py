"""load_image: small, upright, RGB; and one clear reason for everything that is no picture."""

from __future__ import annotations

import io
import os
import shutil
import struct
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile
from raw_files import write_dng
from systems import posix_only

from photocap.errors import ReadError
from photocap.photos import load_image
from photocap.photos.decode import MAX_PIXELS
from photocap.photos.decode_memory import MAX_WHOLE_PIXELS, allow_pixels

LOSSY_TOLERANCE = 40


def save(path: Path, image: Image.Image, **options: Any) -> Path:
    image.save(path, **options)
    return path


def quarters(width: int, height: int) -> Image.Image:
    """A picture whose corners tell how it is turned: red, green, blue, white."""
    image = Image.new("RGB", (width, height))
    half = (width // 2, height // 2)
    for corner, colour in zip(
        [(0, 0), (half[0], 0), (0, half[1]), half], ["red", "lime", "blue", "white"], strict=True
    ):
        image.paste(colour, (*corner, corner[0] + half[0], corner[1] + half[1]))
    return image


def corners(image: Image.Image) -> list[tuple[int, ...]]:
    w, h = image.size
    places = [(w // 4, h // 4), (3 * w // 4, h // 4), (w // 4, 3 * h // 4), (3 * w // 4, 3 * h // 4)]
    return [tuple(round(v / 255) * 255 for v in image.getpixel(place)) for place in places]


UPRIGHT = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)]


def test_a_decoder_gets_a_photo_in_a_few_large_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 256, (900, 1200, 3), dtype=np.uint8))
    path = save(tmp_path / "a.jpg", noise, quality=90)
    pieces: list[int] = []
    read = JpegImageFile.load_read

    def load_read(image: JpegImageFile, read_bytes: int) -> bytes:
        piece = read(image, read_bytes)
        pieces.append(len(piece))
        return piece

    monkeypatch.setattr(JpegImageFile, "load_read", load_read)
    load_image(path, 224, path.read_bytes())
    assert len(pieces) <= 2 < path.stat().st_size / 65_536  # Pillow's own pieces, with a wait for Python's lock each


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif", "avif", "heic", "bmp", "gif", "jp2"])
def test_formats_decode_out_of_the_box(tmp_path: Path, suffix: str) -> None:
    image = load_image(save(tmp_path / f"a.{suffix}", quarters(96, 64)), 64)
    assert image.mode == "RGB"
    assert image.size == (96, 64)
    assert corners(image) == UPRIGHT


# Where the upper left quarter of the upright picture lies in the file, for each orientation (Exif 2.32, 4.6.4).
STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif", "avif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_comes_out_upright(tmp_path: Path, suffix: str, orientation: int) -> None:
    stored = quarters(96, 64)
    if STORED[orientation] is not None:
        stored = stored.transpose(STORED[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = load_image(save(tmp_path / f"a.{suffix}", stored, exif=exif), 32)
    assert image.size == (48, 32)
    assert corners(image) == UPRIGHT


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_impossible_orientation_is_no_orientation(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert corners(load_image(save(tmp_path / "a.jpg", quarters(96, 64), exif=exif), 64)) == UPRIGHT


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_broken_exif_costs_nothing(tmp_path: Path) -> None:
    path = save(tmp_path / "a.jpg", quarters(96, 64), exif=b"Exif\0\0II*\0\xff\xff\xff\x7fgarbage")
    assert corners(load_image(path, 64)) == UPRIGHT


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
@pytest.mark.parametrize("size", [(64, 64), (127, 200), (128, 128), (1000, 700), (4000, 300), (3000, 2000)])
def test_result_is_scaled_to_less_than_twice_the_side_asked_for(
    tmp_path: Path, suffix: str, size: tuple[int, int]
) -> None:
    image = load_image(save(tmp_path / f"a.{suffix}", quarters(*size)), 64)
    assert 64 <= min(image.size) < 128
    assert image.width / image.height == pytest.approx(size[0] / size[1], rel=0.02)
    assert corners(image) == UPRIGHT


def test_small_photos_are_not_enlarged(tmp_path: Path) -> None:
    assert load_image(save(tmp_path / "a.png", quarters(10, 6)), 64).size == (10, 6)


def test_large_jpegs_are_decoded_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import JpegImagePlugin

    decoded = []
    original = JpegImagePlugin.JpegImageFile.load

    def load(self: Image.Image) -> object:
        decoded.append(self.size)
        return original(self)

    monkeypatch.setattr(JpegImagePlugin.JpegImageFile, "load", load)
    load_image(save(tmp_path / "a.jpg", quarters(4096, 2048)), 256)
    assert decoded[0] == (512, 256)


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("L", 200, (200, 200, 200)),
        ("1", 1, (255, 255, 255)),
        ("P", 0, (0, 0, 0)),
        ("RGBA", (255, 0, 0, 0), (255, 255, 255)),
        ("RGBA", (255, 0, 0, 255), (255, 0, 0)),
        ("LA", (9, 0), (255, 255, 255)),
        ("I;16", 0x8000, (128, 128, 128)),
    ],
)
def test_modes_become_rgb_and_transparency_white(
    tmp_path: Path, mode: str, colour: object, expected: tuple[int, ...]
) -> None:
    path = save(tmp_path / "a.png", Image.new(mode, (64, 64), colour))
    assert load_image(path, 16).getpixel((3, 3)) == expected


def test_float_pictures_are_stretched(tmp_path: Path) -> None:
    values = np.linspace(-3.0, 5.0, 64 * 64, dtype=np.float32).reshape(64, 64)
    image = load_image(save(tmp_path / "a.tif", Image.fromarray(values)), 64)
    assert image.getpixel((0, 0)) == (0, 0, 0)
    assert image.getpixel((63, 63)) == (255, 255, 255)


def test_cmyk_jpeg(tmp_path: Path) -> None:
    image = load_image(save(tmp_path / "a.jpg", quarters(96, 64).convert("CMYK")), 64)
    assert corners(image)[3] == (255, 255, 255)


def test_first_picture_of_an_animation(tmp_path: Path) -> None:
    red, blue = Image.new("RGB", (40, 40), "red"), Image.new("RGB", (40, 40), "blue")
    for suffix in ("gif", "png", "webp", "tif"):
        path = save(tmp_path / f"a.{suffix}", red, save_all=True, append_images=[blue])
        got = load_image(path, 20).getpixel((5, 5))
        assert np.allclose(got, (255, 0, 0), atol=LOSSY_TOLERANCE)


def test_content_counts_not_the_name(tmp_path: Path) -> None:
    path = save(tmp_path / "really.png", quarters(96, 64), format="JPEG")
    assert corners(load_image(path, 64)) == UPRIGHT


def bomb(path: Path) -> Path:
    """A small PNG that claims 30,000 x 30,000 pixels."""
    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(1 << 16))), (b"IEND", b"")]
    parts = [struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
    return path


def jpeg_bytes() -> bytes:
    buffer = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (200, 300, 3), dtype=np.uint8)
    Image.fromarray(noise).save(buffer, "JPEG")
    return buffer.getvalue()


BAD_FILES = {
    "empty.jpg": (b"", "is empty"),
    "text.jpg": (b"Dear diary,\ntoday ...\n", "text file"),
    "latin1.jpg": ("Grüße aus Köln\n".encode("latin-1"), "text file"),
    "zeros.jpg": (bytes(5000), "only zeros"),
    "noise.jpg": (bytes(range(256)) * 8, "not a picture"),
    "cut.jpg": (jpeg_bytes()[:5000], "truncated"),
    "head.jpg": (jpeg_bytes()[:3], "damaged"),
    "cut.png": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "damaged"),
    "photo.jxl": (b"\xff\x0a" + bytes(range(64)), "damaged|JPEG XL needs"),  # as the decoder is there or not
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_files_get_one_clear_reason(tmp_path: Path, name: str) -> None:
    content, reason = BAD_FILES[name]
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ReadError, match=reason) as caught:
        load_image(path, 64)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_decompression_bomb_is_refused_by_its_header(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=f"{MAX_PIXELS // 1_000_000} megapixels"):
        load_image(bomb(tmp_path / "bomb.png"), 64)


@pytest.fixture
def small_limit() -> Iterator[None]:
    allow_pixels(10_000)
    yield
    allow_pixels(MAX_WHOLE_PIXELS)


@pytest.mark.usefixtures("small_limit")
def test_a_picture_above_the_limit_is_refused_unless_it_is_scaled_while_it_is_decoded(tmp_path: Path) -> None:
    picture = quarters(200, 100)
    with pytest.raises(ReadError, match=r"0 megapixels.*--max-pixels"):
        load_image(save(tmp_path / "large.png", picture), 16)
    assert load_image(save(tmp_path / "large.jpg", picture), 16).height >= 16
    assert load_image(save(tmp_path / "small.png", quarters(100, 100)), 16).height >= 16
    allow_pixels(20_000)
    assert load_image(tmp_path / "large.png", 16).height >= 16


@posix_only
def test_folder_pipe_and_nothing(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=r"directory|not a regular file"):
        load_image(tmp_path, 64)
    with pytest.raises(ReadError, match="no such file"):
        load_image(tmp_path / "gone.jpg", 64)
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(ReadError, match="not a regular file"):
        load_image(tmp_path / "pipe.jpg", 64)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_no_permission(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", quarters(10, 10))
    path.chmod(0)
    with pytest.raises(ReadError, match="no permission"):
        load_image(path, 64)


def test_awkward_names(tmp_path: Path) -> None:
    for name in (b"a\nb.jpg", b"caf\xe9.jpg", "\N{CAT FACE} und so.jpg".encode()):
        path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
        save(path, quarters(96, 64))
        assert corners(load_image(path, 64)) == UPRIGHT
    empty = Path(os.fsdecode(os.fsencode(tmp_path) + b"/x\n\xe9.jpg"))
    empty.write_bytes(b"")
    with pytest.raises(ReadError) as caught:
        load_image(empty, 64)
    message = str(caught.value)
    assert "\\n\\xe9.jpg" in message
    assert message.isprintable()


def test_raw_without_a_reader_names_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rawpy", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    path = tmp_path / "a.nef"
    path.write_bytes(b"II*\0" + bytes(100))
    with pytest.raises(ReadError, match=r"photocap\[raw\].*ExifTool"):
        load_image(path, 64)


@pytest.mark.parametrize("reader", ["rawpy", "exiftool"])
def test_preview_of_a_raw_file_is_turned_as_the_raw_file_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reader: str
) -> None:
    if reader == "rawpy":
        pytest.importorskip("rawpy")
    else:
        monkeypatch.setitem(sys.modules, "rawpy", None)
        if not shutil.which("exiftool"):
            pytest.skip("ExifTool is not installed")
    preview = io.BytesIO()
    quarters(96, 64).save(preview, "JPEG")
    for orientation, size in ((1, (96, 64)), (6, (64, 96))):
        path = write_dng(tmp_path / f"{orientation}.dng", preview.getvalue(), (96, 64), orientation)
        image = load_image(path, 64)
        assert image.size == size
        turned = UPRIGHT if orientation == 1 else [UPRIGHT[2], UPRIGHT[0], UPRIGHT[3], UPRIGHT[1]]
        assert corners(image) == turned
