"""Writes into files and what the index says about them, whoever wrote: index, edit, reject or restore."""

import os
import sqlite3
from pathlib import Path

import pytest
from fakes import FakeCaptioner
from metadata_files import xmp_packet
from PIL import Image

from photocap.index import PhotoIndex
from photocap.index.undo_photos import name_photos_of_undo
from photocap.library.edit import correct
from photocap.library.indexing import IndexOptions, index_photos
from photocap.library.reject import reject
from photocap.library.report import Outcome
from photocap.library.restore import restore
from photocap.metadata import MetadataMode, WritePolicy, read_caption
from photocap.records import Verdict, Written

BESIDE = WritePolicy(mode=MetadataMode.SIDECAR)


class Library:
    """One photo, its index and the commands on it."""

    def __init__(self, folder):
        self.folder = folder
        self.photo = folder / "IMG.jpg"
        Image.new("RGB", (40, 30), "red").save(self.photo)
        self.index = PhotoIndex.open(folder / "index.db", create=True)

    def run(self, policy):
        """Index the photo and return what became of it."""
        results = []
        options = IndexOptions(policy=policy, workers=2)
        index_photos([self.photo], self.index, FakeCaptioner, options, on_result=results.append)
        return results[0].outcome

    def edit(self, text, policy):
        (picture_hash,) = {row.picture_hash for row in self.index.photos.all()}
        return correct(self.index, self.index.runs.start("edit"), picture_hash, text, policy, verdict=Verdict.EDITED)

    @property
    def written(self):
        return self.index.photos.get(self.photo).written


@pytest.fixture
def library(tmp_path):
    library = Library(tmp_path)
    yield library
    library.index.close()


@pytest.mark.parametrize("kind", ["beside", "of a folder of its own", "Adobe's"])
def test_after_a_restore_the_next_run_writes_the_sidecar_again(library, tmp_path, kind):
    policy = BESIDE
    if kind == "of a folder of its own":
        policy = WritePolicy(mode=MetadataMode.SIDECAR, sidecar_dir=tmp_path / "sidecars")
    if kind == "Adobe's":
        (tmp_path / "IMG.xmp").write_bytes(xmp_packet())
    assert library.run(policy) is Outcome.CAPTIONED
    assert (library.written, library.run(policy)) == (Written.SIDECAR, Outcome.UNCHANGED)
    (restored,) = restore(library.index, [library.photo])
    assert restored.is_restored
    assert library.written is Written.NONE
    assert library.run(policy) is Outcome.CAPTIONED
    assert read_caption(library.photo, sidecar_dir=policy.sidecar_dir).text == "a red photo 40 by 30"


@pytest.mark.parametrize("adobe", [False, True])
def test_after_an_edit_into_a_sidecar_the_photo_is_not_opened_again(library, tmp_path, adobe, monkeypatch):
    if adobe:
        (tmp_path / "IMG.xmp").write_bytes(xmp_packet())
    library.run(BESIDE)
    assert [file.written for file in library.edit("Anna's red wall", BESIDE)] == [Written.SIDECAR]
    os.utime(library.photo, ns=(1, library.photo.stat().st_mtime_ns))  # reading times do not matter
    monkeypatch.setattr("photocap.library.indexing.pipeline.examine", lambda *_, **__: pytest.fail("it was opened"))
    assert library.run(BESIDE) is Outcome.UNCHANGED


def test_what_another_program_changed_before_an_edit_is_still_noticed(library):
    library.run(BESIDE)
    Image.new("RGB", (40, 30), "blue").save(library.photo)
    library.edit("Anna's red wall", BESIDE)
    hashes = {row.picture_hash for row in library.index.photos.all()}
    assert library.run(BESIDE) is not Outcome.UNCHANGED
    assert hashes != {row.picture_hash for row in library.index.photos.all()}


def test_taking_the_last_write_back_leaves_the_earlier_one(library):
    library.run(WritePolicy())
    library.edit("Anna's red wall", BESIDE)
    assert library.written is Written.SIDECAR
    last = library.index.runs.latest()[0].id
    assert [result.is_restored for result in restore(library.index, [library.photo], run_id=last)] == [True]
    assert library.written is Written.EMBEDDED
    assert read_caption(library.photo).text == "a red photo 40 by 30"


def test_a_rejected_caption_leaves_files_and_index(library):
    original = library.photo.read_bytes()
    library.run(WritePolicy())
    (picture_hash,) = {row.picture_hash for row in library.index.photos.all()}
    assert [result.is_restored for result in reject(library.index, picture_hash)] == [True]
    assert library.photo.read_bytes() == original
    assert library.index.photos.get(library.photo).caption is None
    assert library.run(WritePolicy()) is Outcome.UNCHANGED
    assert library.index.captions.history(picture_hash)[-1].verdict is Verdict.REJECTED


def test_rejecting_an_unknown_picture_touches_nothing(library):
    library.run(WritePolicy())
    assert reject(library.index, "another") == []
    assert library.written is Written.EMBEDDED


def test_a_failed_commit_is_told_and_can_still_be_recovered(library, monkeypatch):
    library.run(BESIDE)
    monkeypatch.setattr("photocap.metadata.PreparedWrite.commit", lambda _: (_ for _ in ()).throw(OSError("no disk")))
    (file,) = library.edit("Anna's red wall", BESIDE)
    assert (file.written, file.error) == (Written.NONE, "no disk")
    assert len(library.index.undo.open_rows()) == 1
    assert [path.name for path in library.folder.iterdir() if "photocap" in path.name] == []


@pytest.mark.parametrize(
    ("sidecar", "photo"),
    [
        ("/p/a.jpg", "/p/a.jpg"),
        ("/p/a.jpg.xmp", "/p/a.jpg"),
        ("/side/cars/p/a.jpg.xmp", "/p/a.jpg"),
        ("/p/b.xmp", "/p/b.tif"),
        ("/p/c.xmp", None),  # of two photos
        ("/p/gone.jpg.xmp", None),
        ("/elsewhere/gone.jpg", None),
    ],
)
def test_records_of_an_older_index_learn_their_photo(library, sidecar, photo):
    connection = sqlite3.connect(library.index.path)
    run = library.index.runs.start("index")
    for path in ("/p/a.jpg", "/p/b.tif", "/p/c.jpg", "/p/c.png", "/p/b.more.jpg"):
        connection.execute(
            "INSERT INTO photo (path, size_bytes, mtime_ns, inode, device, written) VALUES (?, 1, 1, 1, 1, 'sidecar')",
            (path,),
        )
    connection.execute(
        "INSERT INTO undo (run_id, path, state, created, sha256_after, patch) VALUES (?, ?, 'written', '', '', X'')",
        (run, sidecar),
    )
    name_photos_of_undo(connection)
    connection.commit()
    connection.close()
    assert [row.record.photo for row in library.index.undo.rows()] == [Path(photo) if photo else None]
