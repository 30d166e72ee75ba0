"""`photocap gallery`: a folder that opens from the disk."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image
from web_site import index_folder


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """Return a folder of three small photos, indexed in index.db beside it."""
    folder = tmp_path / "secret place"
    folder.mkdir()
    for name, colour in (("a.png", "red"), ("b.png", "blue"), ("<script><b>.png", "lime")):
        Image.new("RGB", (40, 30), colour).save(folder / name)
    index_folder(folder, tmp_path / "index.db")
    return folder


@pytest.mark.usefixtures("library")
def test_a_gallery_holds_what_a_query_finds_and_no_folders(cli, tmp_path):
    out = tmp_path / "out"
    done = cli("gallery", "--out", out, "--db", tmp_path / "index.db", "red", "photo")
    assert done.exit_code == 0, done.output
    records = json.loads((out / "photos.json").read_text())
    assert [record["caption"] for record in records] == ["a red photo 40 by 30"]
    assert {path.name for path in out.iterdir()} == {
        "index.html", "photos.json", "photos.js", "gallery.js", "photocap.css", "icon.svg", "pictures",
    }  # fmt: skip
    assert not [path for path in out.rglob("*") if path.is_file() and b"secret place" in path.read_bytes()]


def test_it_is_written_anew_in_its_own_folder_only(cli, library, tmp_path):
    out, db = tmp_path / "out", tmp_path / "index.db"
    cli("gallery", "--out", out, "--db", db)
    assert len(list((out / "pictures").iterdir())) == 3
    cli("gallery", "--out", out, "--db", db, "red")
    assert len(list((out / "pictures").iterdir())) == 1
    refused = cli("gallery", "--out", library, "--db", db)
    assert refused.exit_code == 1
    assert "is no gallery of photocap's" in refused.stderr
    assert len(list(library.iterdir())) == 3


def test_a_photo_that_cannot_be_read_is_named_and_the_others_are_there(cli, library, tmp_path):
    (library / "a.png").write_bytes(b"gone bad")
    done = cli("gallery", "--out", tmp_path / "out", "--db", tmp_path / "index.db")
    assert done.exit_code == 3
    assert "a.png" in done.stderr
    assert len(json.loads((tmp_path / "out" / "photos.json").read_text())) == 2
