"""Pillow opens what photocap promises and nothing else: some of its formats start other programs."""

from __future__ import annotations

import io
import os
import stat
import sys
import time

import metadata_files as files
import pytest
from PIL import Image, features

from photocap.errors import ReadError
from photocap.photos import load_image, read_facts, render_jpeg

POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n(PWNED) (w) file\n{} loop\n%%EOF\n"


@pytest.fixture
def ghostscript(tmp_path, monkeypatch):
    """Put programs of Ghostscript's names first on the PATH; return the file that shows that one was started."""
    started = tmp_path / "started"
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("gs", "gswin32c", "gswin64c"):
        program = folder / name
        program.write_text(f"#!/bin/sh\ntouch '{started}'\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return started


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script stands for Ghostscript")
@pytest.mark.parametrize("name", ["photo.jpg", "photo.eps", "photo", "photo.tif"])
def test_postscript_is_never_run(name, ghostscript, tmp_path):
    path = tmp_path / name
    path.write_bytes(POSTSCRIPT)
    begin = time.monotonic()
    for read in (lambda: load_image(path, 64), lambda: read_facts(path)):
        with pytest.raises(ReadError, match="not a picture"):
            read()
    with pytest.raises(ReadError):
        render_jpeg(path, 64)  # as of an upload
    assert not ghostscript.exists()
    assert time.monotonic() - begin < 2


@pytest.mark.parametrize("kind", ["PCX", "TGA", "ICO", "DDS", "SGI", "ICNS", "EPS", "PDF"])
def test_formats_that_are_not_promised_are_not_opened(kind, tmp_path):
    buffer = io.BytesIO()
    files.picture(size=(32, 32)).save(buffer, kind)
    path = tmp_path / "photo.jpg"
    path.write_bytes(buffer.getvalue())
    with pytest.raises(ReadError):
        load_image(path, 16)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {}),
        ("MPO", {}),
        ("PNG", {}),
        ("WEBP", {}),
        ("TIFF", {}),
        ("TIFF", {"big_tiff": True}),
        ("GIF", {}),
        ("BMP", {}),
        pytest.param("AVIF", {}, marks=pytest.mark.skipif(not features.check("avif"), reason="Pillow without AVIF")),
        ("HEIF", {}),
        ("JPEG2000", {}),
    ],
)
def test_formats_that_are_promised_are_opened(kind, options, tmp_path):
    path = tmp_path / "photo"
    with path.open("wb") as file:
        files.picture(size=(48, 32)).save(file, kind, **options)
    assert load_image(path, 16).size == (48 * 16 // 32, 16)
    assert read_facts(path).width_px == 48


def test_the_check_of_a_write_lets_no_decoder_near_a_photo_but_its_own(tmp_path, monkeypatch):
    path, asked, real = tmp_path / "photo.jpg", [], Image.open

    def opened(file, **options):
        asked.append(options["formats"])
        return real(file, **options)

    path.write_bytes(files.jpeg())
    monkeypatch.setattr(Image, "open", opened)
    assert files.write(path, "a dog").changes_files
    assert set(asked) == {("JPEG",)}
