"""Names in a folder may stand for pipes, devices and endless files: nothing waits for them, nothing reads them."""

from __future__ import annotations

import os
import random
import threading
import time

import metadata_files as files
import pytest
from fakes import FakeCaptioner
from pathspec import GitIgnoreSpec

from photocap.errors import ReadError
from photocap.index import PhotoIndex
from photocap.library.indexing import index_photos
from photocap.library.report import Outcome
from photocap.library.restore import restore
from photocap.metadata import read_caption
from photocap.photos import find_photos, picture_hash
from photocap.photos.dates import date_in_takeout
from photocap.photos.ignore import IGNORE_FILE, _spec
from photocap.records import Written
from photocap.system import regularfile
from photocap.system.regularfile import MAX_PHOTO_BYTES, MAX_SIDECAR_BYTES, open_regular, read_regular

posix_only = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")


@pytest.fixture
def library(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(files.encoded("JPEG"))
    (folder / "z.png").write_bytes(files.encoded("PNG"))
    return folder


def index(folder, tmp_path):
    """Index a folder in a thread, since what it must not do is wait for ever; return the results by name."""
    results = {}

    def run():
        with PhotoIndex.open(tmp_path / "index.db", create=True) as opened:
            index_photos([folder], opened, FakeCaptioner, on_result=lambda r: results.update({r.path.name: r}))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(20)
    assert not thread.is_alive()
    return results


def sparse(path, size_bytes, start=b""):
    with path.open("wb") as file:
        file.write(start)
        file.truncate(size_bytes)


@posix_only
@pytest.mark.parametrize("name", ["m.jpg", "a.jpg.xmp", "a.xmp", IGNORE_FILE])
@pytest.mark.parametrize("kind", ["pipe", "link to a pipe", "link to a device", "link to itself", "folder"])
def test_special_files_neither_hang_nor_fill(name, kind, library, tmp_path):
    path = library / name
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "link to a pipe":
        os.mkfifo(tmp_path / "pipe")
        path.symlink_to(tmp_path / "pipe")
    elif kind == "link to a device":
        path.symlink_to("/dev/zero")
    elif kind == "link to itself":
        path.symlink_to(path)
    else:
        path.mkdir()
    results = index(library, tmp_path)
    if name == IGNORE_FILE:
        assert results["photos"].outcome is Outcome.FAILED  # an unreadable rule may have protected something
        assert IGNORE_FILE in results["photos"].error
    else:
        assert results["z.png"].outcome is Outcome.CAPTIONED
        assert results["a.jpg"].outcome in (Outcome.CAPTIONED, Outcome.FAILED)


@posix_only
def test_a_photo_that_turned_into_a_pipe_is_left_alone_by_restore(library, tmp_path):
    index(library, tmp_path)
    os.remove(library / "a.jpg")
    os.mkfifo(library / "a.jpg")
    with PhotoIndex.open(tmp_path / "index.db") as opened:
        outcome = {restored.path.name: restored for restored in restore(opened)}
    assert not outcome["a.jpg"].is_restored
    assert "regular file" in outcome["a.jpg"].reason
    assert outcome["z.png"].is_restored


@pytest.mark.parametrize(("name", "size"), [("m.jpg", 30 << 30), ("a.jpg.xmp", 30 << 30), (IGNORE_FILE, 1 << 30)])
def test_sizes_are_asked_before_reading(name, size, library, tmp_path):
    sparse(library / name, size, b"\xff\xd8\xff\xe0")
    begin = time.process_time()
    results = index(library, tmp_path)
    assert time.process_time() - begin < 5
    culprit = {"a.jpg.xmp": "a.jpg", IGNORE_FILE: "photos"}.get(name, name)
    assert f"{size:,} bytes" in results[culprit].error
    if name == "a.jpg.xmp":  # it may hold a person's words, so the photo's stay as they are
        assert results[culprit].written is Written.NONE
    else:
        assert results[culprit].outcome is Outcome.FAILED
    if name != IGNORE_FILE:
        assert results["z.png"].outcome is Outcome.CAPTIONED


def test_limits_of_each_reader(tmp_path):
    photo = tmp_path / "a.jpg"
    sparse(photo, MAX_PHOTO_BYTES + 1, b"\xff\xd8\xff")
    for read in (read_caption, picture_hash):
        with pytest.raises(ReadError, match="at most"):
            read(photo)
    photo.write_bytes(files.encoded("JPEG"))
    sparse(tmp_path / "a.jpg.xmp", MAX_SIDECAR_BYTES + 1)
    assert "a.jpg.xmp cannot be read" in read_caption(photo).problem


def test_a_file_at_the_limit_is_read_and_one_that_grows_is_not(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    assert read_regular(path, limit_bytes=5)[0] == b"12345"
    monkeypatch.setattr(regularfile, "_check", lambda *_: None)
    with pytest.raises(OSError, match="at most 4"):
        read_regular(path, limit_bytes=4)
    real = os.fstat
    monkeypatch.setattr(os, "fstat", lambda descriptor: os.stat_result((*real(descriptor)[:6], 2, 0, 0, 0)))
    assert read_regular(path, limit_bytes=5)[0] == b"12345"  # it had 2 bytes when it was opened
    with pytest.raises(OSError, match="at most 4"):
        read_regular(path, limit_bytes=4)


def test_folders_are_named_as_such(tmp_path):
    with pytest.raises(IsADirectoryError):
        open_regular(tmp_path)


@pytest.mark.parametrize(
    "pattern", ["a*a*a*a*a*a*a*a*b", "*a" * 50 + "b", "[ab]*" * 30 + "c", "?*?*?*?*?*?*x", "/d/*a*a*a*b"]
)
def test_patterns_are_no_regex_bombs(pattern):
    spec = _spec([pattern])
    begin = time.process_time()
    for name in ("a" * 200, "a" * 200 + "/" + "a" * 200, "d/" + "a" * 200):
        assert not spec.match_file(name)
    assert time.process_time() - begin < 0.5


def test_deep_stars_and_long_files_are_refused():
    with pytest.raises(ValueError, match=r"\*\*"):
        _spec(["a/**/b/**/c/**/d/**/e/**/f"])
    with pytest.raises(ValueError, match="lines"):
        _spec(["a"] * 501)
    with pytest.raises(ValueError, match="characters"):
        _spec(["a" * 4097])
    with pytest.raises(ValueError, match="no pattern"):
        _spec(["[z-a]*"])


def test_the_linear_form_matches_what_pathspec_matches():
    chance = random.Random("patterns")
    alphabet = ["a", "b", "*", "**", "/", "?", "[ab]", "!", ".", "\\*", "c"]
    names = ["".join(chance.choice("abc./*") for _ in range(chance.randrange(1, 9))) for _ in range(150)]
    tried = 0
    for _ in range(1500):
        pattern = "".join(chance.choice(alphabet) for _ in range(chance.randrange(1, 9)))
        try:
            linear = _spec([pattern])
        except ValueError:
            continue
        plain = GitIgnoreSpec.from_lines([pattern])
        for name in names:
            tried += 1
            assert linear.match_file(name) == plain.match_file(name), (pattern, name)
    assert tried > 100_000


def test_a_good_ignore_file_still_works(library):
    (library / IGNORE_FILE).write_text("*.p*g\n")
    assert [photo.path.name for photo in find_photos([library])] == ["a.jpg"]


@posix_only
@pytest.mark.parametrize(("place", "is_followed"), [("photos/xmp", True), ("elsewhere", False)])
def test_a_sidecar_that_leads_out_of_the_library_is_not_written_through(place, is_followed, library, tmp_path):
    target = tmp_path / place / "a.xmp"
    target.parent.mkdir()
    target.write_bytes(files.xmp_packet(files.description_property("a person's words")))
    (library / "album").mkdir()
    photo = library / "album" / "a.jpg"
    photo.write_bytes(files.encoded("JPEG", quality=40))
    photo.with_name("a.jpg.xmp").symlink_to(target)
    before = target.read_bytes(), photo.read_bytes()
    results = index(library, tmp_path)
    assert (target.read_bytes(), photo.read_bytes()) == before
    if is_followed:
        assert results["a.jpg"].caption == "a person's words"
    else:
        assert "outside the library" in results["a.jpg"].error
        assert results["a.jpg"].written is Written.NONE


@posix_only
def test_takeouts_json_is_read_as_a_regular_file_of_bounded_size(library):
    photo = library / "a.jpg"
    os.mkfifo(library / "a.jpg.json")
    assert date_in_takeout(photo) is None
    os.remove(library / "a.jpg.json")
    (library / "a.jpg.json").write_bytes(b"[" * (2 << 20))
    assert date_in_takeout(photo) is None
    assert "a.jpg.json cannot be read" in read_caption(photo).problem
