"""Names of files are data: they never become options, commands or programs to start."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import metadata_files as files
import pillow_heif
import pytest
from fakes import FakeCaptioner
from PIL import features

from photocap.cli import viewer
from photocap.errors import ReadError
from photocap.index import PhotoIndex
from photocap.library.indexing import index_photos
from photocap.metadata import Origin, read_caption
from photocap.metadata.exiftool import ExifToolError, _argument_lines
from photocap.photos import raw_preview

needs_exiftool = pytest.mark.skipif(not shutil.which("exiftool"), reason="needs exiftool")
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names")
# Each line would be an argument of its own; -if runs Perl, and so anything.
HOSTILE = 'x.h\n-if\nsystem("touch PWNED")\nphoto'


def heic():
    buffer = io.BytesIO()
    pillow_heif.from_pillow(files.picture(size=(64, 48))).save(buffer)
    return buffer.getvalue()


CONTENTS = {"heic": heic, "jpeg": lambda: files.encoded("JPEG")}
if features.check("avif"):  # not every Pillow is built with it
    CONTENTS["avif"] = lambda: files.encoded("AVIF")


@posix_only
@needs_exiftool
@pytest.mark.parametrize("kind", CONTENTS)
def test_a_name_that_holds_options_runs_nothing(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    photo, beside = tmp_path / HOSTILE, tmp_path / "good.jpg"
    photo.write_bytes(CONTENTS[kind]())
    beside.write_bytes(files.encoded("JPEG"))
    with PhotoIndex.open(tmp_path / "index.db", create=True) as index:
        report = index_photos([photo, beside], index, FakeCaptioner)
    assert report.exit_code == 0
    assert not [name for name in os.listdir(tmp_path) if name.startswith("PWNED")]
    assert read_caption(photo).origin is Origin.PHOTOCAP
    assert sorted(os.listdir(tmp_path)) == sorted([HOSTILE, "good.jpg", "index.db", "index.db.lock"])


@pytest.mark.parametrize("character", ["\r", "\n", "\0"])
def test_arguments_with_line_breaks_never_reach_exiftool(character):
    with pytest.raises(ExifToolError, match="line break"):
        _argument_lines(["-o", f"/tmp/new{character}-if"])


@posix_only
@pytest.mark.parametrize("name", ["-delete_original.nef", "a\n-if.nef", "a|.nef", "--.NEF"])
def test_a_raw_photo_is_shown_to_exiftool_under_a_name_of_ours(name, tmp_path, monkeypatch):
    path = tmp_path / name
    path.write_bytes(b"raw")
    asked = []

    def run(command, **_options):
        asked.append(command)
        assert Path(command[-1]).read_bytes() == b"raw"
        return subprocess.CompletedProcess(command, 0, b"8" if "-Orientation" in command else b"preview")

    monkeypatch.setattr(raw_preview.subprocess, "run", run)
    monkeypatch.setattr(raw_preview.shutil, "which", lambda _name: "exiftool")
    assert raw_preview._with_exiftool(path).orientation == 8
    assert {Path(command[-1]).name for command in asked} == {"photo.nef"}


@pytest.mark.parametrize("name", ["run.desktop", "run.exe", "run.sh", "photo", "a\nb.jpg", "gone.jpg"])
def test_the_viewer_gets_only_what_is_named_as_a_photo(name, tmp_path, monkeypatch):
    started = []
    monkeypatch.setattr(viewer.click, "launch", started.append)
    if name != "gone.jpg" and not (sys.platform == "win32" and "\n" in name):
        (tmp_path / name).write_bytes(b"x")
    for path in (tmp_path / name, Path("https://example.org/a.jpg"), Path("-a.jpg")):
        with pytest.raises(ReadError):
            viewer.open_photo_in_viewer(path)
    assert started == []
    (tmp_path / "good.jpg").write_bytes(b"x")
    viewer.open_photo_in_viewer(tmp_path / "good.jpg")
    assert started == [str(tmp_path / "good.jpg")]
