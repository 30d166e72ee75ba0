"""JPEG XL: upright, of known size before it is decoded, and a clear word where nothing reads it."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from photocap.errors import ReadError
from photocap.photos import decode
from photocap.photos.decode import load_image
from photocap.photos.jxl import jxl_size

pytestmark = pytest.mark.filterwarnings("ignore:Using JPEG reconstruction")
TURNED_BY_90 = 6


def picture(width: int, height: int) -> Image.Image:
    """Return a white picture whose left third is red."""
    image = Image.new("RGB", (width, height), "white")
    ImageDraw.Draw(image).rectangle((0, 0, width // 3, height), fill="red")
    return image


def exif_block() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = TURNED_BY_90
    return exif


@pytest.fixture
def with_decoder() -> None:
    pytest.importorskip("pillow_jxl", reason="pillow-jxl-plugin is not installed")


@pytest.mark.usefixtures("with_decoder")
@pytest.mark.parametrize("size", [(64, 64), (96, 80), (120, 100), (1920, 1080), (63, 64), (5000, 3001), (20, 10)])
def test_the_size_is_known_before_anything_is_decoded(size: tuple[int, int], tmp_path: Path) -> None:
    path = tmp_path / "photo.jxl"
    picture(*size).save(path)
    with path.open("rb") as file:
        assert jxl_size(file) == size
    assert min(load_image(path, 8).size) >= 8


@pytest.mark.usefixtures("with_decoder")
def test_a_packed_jpeg_is_turned_by_its_exif_as_the_jpeg_was(tmp_path: Path) -> None:
    path = tmp_path / "packed.jxl"
    picture(120, 80).save(tmp_path / "photo.jpg", exif=exif_block())
    with Image.open(tmp_path / "photo.jpg") as image:
        image.save(path)
    with path.open("rb") as file:
        assert jxl_size(file) == (120, 80)
    assert load_image(path, 80).size == (80, 120)


@pytest.mark.usefixtures("with_decoder")
def test_a_picture_of_its_own_is_not_turned_twice(tmp_path: Path) -> None:
    path = tmp_path / "own.jxl"
    picture(120, 80).save(path, exif=exif_block().tobytes())
    upright = load_image(path, 80)
    assert upright.size == (120, 80)
    assert upright.getpixel((5, 40)) == pytest.approx((255, 0, 0), abs=8)
    assert upright.getpixel((110, 5)) == pytest.approx((255, 255, 255), abs=8)


@pytest.mark.usefixtures("with_decoder")
def test_a_claimed_size_beyond_the_limit_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    side = 2**29  # in 30 bits, selector 3; ratio 1 makes it square
    bits = 0 | 3 << 1 | (side - 1) << 3 | 1 << 33
    path = tmp_path / "bomb.jxl"
    path.write_bytes(b"\xff\x0a" + bits.to_bytes(8, "little") + bytes(50))
    with pytest.raises(ReadError, match="megapixels"):
        load_image(path, 64)


def test_without_a_decoder_the_way_out_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "_formats", lambda: ("JPEG", "PNG"))
    monkeypatch.setattr(decode, "has_jxl", lambda: False)
    path = tmp_path / "photo.jxl"
    path.write_bytes(b"\xff\x0a" + bytes(range(64)))
    with pytest.raises(ReadError, match=r"pip install 'photocap\[jxl\]'"):
        load_image(path, 64)
