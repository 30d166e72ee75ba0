"""Taking back what photocap wrote: byte for byte where nobody changed it since, hands off where somebody did."""

from __future__ import annotations

import json
import os
from hashlib import sha256

import metadata_files as files
import pytest
from metadata_files import jpeg, xmp_packet

from photocap.index import PhotoIndex, PhotoRecord
from photocap.library.recovery import recover_interrupted_writes
from photocap.library.restore import restore
from photocap.metadata import DryRun, MetadataMode, WritePolicy, prepare_write, read_caption, revert
from photocap.records import Written

SIDECAR = WritePolicy(MetadataMode.SIDECAR)


class Library:
    """Photos and their index, written to as indexing does it."""

    def __init__(self, folder):
        self.folder = folder
        self.db = folder / "index.db"
        self.index = PhotoIndex.open(self.db, create=True)
        self.originals = {}

    def photo(self, name, data=None):
        path = self.folder / name
        path.write_bytes(data or jpeg(files.exif_segment()))
        self.originals[path] = path.read_bytes()
        return path

    def write(self, path, text, policy=files.DEFAULT, *, stop_before=""):
        """Write a caption in a run of its own; perhaps be killed on the way."""
        run = self.index.runs.start("index")
        prepared = prepare_write(path, text, marking=files.MARKING, policy=policy)
        ids = self.index.undo.begin(run, prepared.undo)
        if stop_before == "commit":
            prepared.discard()
            return run
        stat = prepared.commit()
        if stop_before == "record":
            return run
        record = PhotoRecord(path, stat.st_size, stat.st_mtime_ns, stat.st_ino, written=prepared.written)
        self.index.record_batch(run, [record], settled=ids)
        return run

    def restore(self, *paths, **options):
        return {result.path.name: result for result in restore(self.index, paths, **options)}


@pytest.fixture
def library(tmp_path):
    library = Library(tmp_path)
    yield library
    library.index.close()


def test_every_file_is_as_it_was(library):
    photos = [library.photo("a.jpg"), library.photo("b.png", files.encoded("PNG")), library.photo("c.jpg")]
    os.utime(photos[0], ns=(5, 1_000_000_007))
    for photo in photos:
        library.write(photo, "a dog")
        library.write(photo, "a cat on a mat")
    results = library.restore()
    assert {(name, r.is_restored, r.writes, r.reason) for name, r in results.items()} == {
        (photo.name, True, 2, "") for photo in photos
    }
    for photo in photos:
        assert photo.read_bytes() == library.originals[photo]
    assert photos[0].stat().st_mtime_ns == 1_000_000_007
    assert library.restore() == {}
    stamp = library.index.photos.file_state(photos[0])
    assert (stamp.size_bytes, stamp.mtime_ns, stamp.written) == (
        photos[0].stat().st_size,
        photos[0].stat().st_mtime_ns,
        Written.NONE,
    )


def test_a_file_that_somebody_changed_is_left_alone_and_costs_the_others_nothing(library):
    changed, other = library.photo("changed.jpg"), library.photo("other.jpg")
    for photo in (changed, other):
        library.write(photo, "a dog")
    changed.write_bytes(changed.read_bytes() + b"\0")
    before = changed.read_bytes()
    results = library.restore()
    assert (results["changed.jpg"].is_restored, results["changed.jpg"].reason) == (
        False,
        "somebody changed it after photocap wrote to it",
    )
    assert changed.read_bytes() == before
    assert other.read_bytes() == library.originals[other]


def test_one_run_is_taken_back_only_when_it_was_the_last(library):
    photo = library.photo("a.jpg")
    first, second = library.write(photo, "a dog"), library.write(photo, "a cat")
    assert library.restore(run_id=first)["a.jpg"].reason == f"run {second} wrote to it later; take that back first"
    assert library.restore(run_id=second)["a.jpg"].is_restored
    assert read_caption(photo).text == "a dog"
    assert library.restore(run_id=first)["a.jpg"].is_restored
    assert photo.read_bytes() == library.originals[photo]


def test_paths_choose_files_folders_and_their_sidecars(library):
    (library.folder / "in").mkdir()
    inside, outside = library.photo("in/a.jpg"), library.photo("b.jpg")
    merged = library.folder / "in" / "a.jpg.xmp"
    merged.write_bytes(xmp_packet())
    library.write(inside, "a dog", SIDECAR)
    library.write(outside, "a dog", SIDECAR)
    fresh = library.folder / "b.jpg.xmp"
    assert set(library.restore(inside)) == {"a.jpg.xmp"}
    assert merged.read_bytes() == xmp_packet()
    assert fresh.exists()
    assert set(library.restore(library.folder)) == {"b.jpg.xmp"}
    assert not fresh.exists()


def test_sidecars_in_a_folder_of_their_own_are_found_from_the_photo(library, tmp_path):
    policy = WritePolicy(MetadataMode.SIDECAR, sidecar_dir=tmp_path / "sidecars")
    photo = library.photo("a.jpg")
    library.write(photo, "a dog", policy)
    assert library.restore(photo)["a.jpg.xmp"].is_restored
    assert not list((tmp_path / "sidecars").rglob("*.xmp"))


def test_a_dry_run_lists_and_changes_nothing(library):
    photo = library.photo("a.jpg")
    library.write(photo, "a dog")
    before = photo.read_bytes()
    assert library.restore(dry_run=DryRun.YES)["a.jpg"].is_restored
    assert photo.read_bytes() == before
    assert len(list(library.index.undo.rows())) == 1


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        (lambda photo: photo.unlink(), "it is gone"),
        (lambda photo: photo.chmod(0o444), "it is read-only"),
        (lambda photo: os.link(photo, photo.with_name("other")), "it has 2 hard links"),
    ],
)
def test_what_cannot_be_restored_is_named(library, trouble, reason):
    photo = library.photo("a.jpg")
    library.write(photo, "a dog")
    trouble(photo)
    result = library.restore()["a.jpg"]
    assert (result.is_restored, result.reason) == (False, reason)
    assert len(list(library.index.undo.rows())) == 1


def test_a_damaged_record_restores_nothing(library):
    photo = library.photo("a.jpg")
    library.write(photo, "a dog")
    before = photo.read_bytes()
    row = next(iter(library.index.undo.rows()))
    library.index._database.connection.execute("UPDATE undo SET patch = ? WHERE id = ?", (b"junk", row.id))
    assert "does not fit" in library.restore()["a.jpg"].reason
    assert photo.read_bytes() == before


def test_records_of_an_index_of_version_1_hold(library):
    photo, changed = library.photo("a.jpg"), library.photo("b.jpg")
    for path in (photo, changed):
        library.write(path, "a dog")
        library.write(path, "a cat on a mat")
    for path in (photo, changed):  # version 1 hashed the whole file before and after
        content = path.read_bytes()
        for row in library.index.undo.rows([path]):
            old = revert(row.record, content)
            library.index._database.connection.execute(
                "UPDATE undo SET sha256_kept = NULL, sha256_before = ?, sha256_after = ? WHERE id = ?",
                (sha256(old).hexdigest(), sha256(content).hexdigest(), row.id),
            )
            content = old
        assert content == library.originals[path]
    changed.write_bytes(changed.read_bytes() + b"\0")
    results = library.restore()
    assert results["a.jpg"].writes == 2
    assert photo.read_bytes() == library.originals[photo]
    assert results["b.jpg"].reason == "somebody changed it after photocap wrote to it"


def test_a_damaged_record_of_a_killed_run_is_forgotten(library):
    photo = library.photo("a.jpg")
    library.write(photo, "a dog", stop_before="record")
    library.index._database.connection.execute("UPDATE undo SET patch = ?", (b"junk",))
    assert recover_interrupted_writes(library.index) == 0
    assert library.index.undo.open_rows() == []


def test_a_run_killed_before_a_rename_leaves_nothing_to_take_back(library):
    photo = library.photo("a.jpg")
    library.write(photo, "a dog", stop_before="commit")
    assert recover_interrupted_writes(library.index) == 0
    assert library.index.undo.open_rows() == []
    assert photo.read_bytes() == library.originals[photo]


def test_a_run_killed_after_a_rename_can_be_taken_back(library):
    photo = library.photo("a.jpg")
    library.write(photo, "a dog", stop_before="record")
    assert recover_interrupted_writes(library.index) == 1
    assert library.restore()["a.jpg"].is_restored
    assert photo.read_bytes() == library.originals[photo]


def test_a_restore_killed_before_it_was_noted_goes_on(library):
    photo = library.photo("a.jpg")
    library.write(photo, "a dog")
    photo.write_bytes(library.originals[photo])  # the file was put back, then the lights went out
    assert library.restore()["a.jpg"].is_restored
    assert list(library.index.undo.rows()) == []


def test_thousands_of_paths_are_no_trouble(library):
    photo = library.photo("a.jpg")
    library.write(photo, "a dog")
    many = [library.folder / f"{i}.jpg" for i in range(1500)]
    assert set(library.restore(*many, photo)) == {"a.jpg"}


def test_the_command_restores_and_tells(library, cli):
    photo, changed = library.photo("a.jpg"), library.photo("b.jpg")
    for path in (photo, changed):
        library.write(path, "a dog")
    changed.write_bytes(changed.read_bytes() + b"\0")
    library.index.close()
    dry = cli("restore", "--dry-run", "--db", library.db, photo)
    assert (dry.exit_code, dry.stdout) == (0, f"{photo}  would be restored\n")
    done = cli("restore", "--db", library.db, "--json")
    assert done.exit_code == 3
    outcomes = {record["path"]: record for record in map(json.loads, done.stdout.splitlines())}
    assert outcomes[str(photo)] == {"path": str(photo), "outcome": "restored", "reason": None}
    assert outcomes[str(changed)]["outcome"] == "left alone"
    assert done.stderr == "1 restored, 1 left alone\n"
    assert photo.read_bytes() == library.originals[photo]


def test_the_command_shows_what_is_in_a_photo(library, cli):
    photo = library.photo("a.jpg")
    nobody = cli("show", photo, "--db", library.db)
    assert "caption    none" in nobody.stdout
    library.write(photo, "a dog, or a cat")
    shown = cli("show", photo, "--db", library.db).stdout
    for line in (
        "caption    a dog, or a cat",
        "words of   photocap (base)",
        "copy       EXIF ImageDescription: the same",
    ):
        assert line in shown
    record = json.loads(cli("show", photo, "--db", library.db, "--json").stdout)
    assert (record["caption"], record["origin"], record["model_id"], record["agree"]) == (
        "a dog, or a cat",
        "photocap",
        "base",
        True,
    )
    assert [copy["place"] for copy in record["copies"]] == ["EXIF ImageDescription", "XMP dc:description"]
    assert record["index"]["written"] == "embedded"
    missing = cli("show", library.folder / "missing.jpg")
    assert missing.exit_code == 1
    assert missing.stderr.count("\n") == 1
