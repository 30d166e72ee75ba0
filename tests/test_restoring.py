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
from photocap.metadata import DryRun, Extras, MetadataMode, Origin, WritePolicy, prepare_write, read_caption, revert
from photocap.photos import picture_hash
from photocap.records import Written

SIDECAR = WritePolicy(mode=MetadataMode.SIDECAR)


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
        record = PhotoRecord(
            path=path, size_bytes=stat.st_size, mtime_ns=stat.st_mtime_ns, inode=stat.st_ino, written=prepared.written
        )
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
    policy = WritePolicy(mode=MetadataMode.SIDECAR, sidecar_dir=tmp_path / "sidecars")
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
    assert not result.is_restored
    assert result.reason.startswith(reason)
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
                "UPDATE undo SET blake3_kept = NULL, sha256_before = ?, sha256_after = ? WHERE id = ?",
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
        "author     photocap (base)",
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


def move(library, photo, new, *, folder=False):
    """Move a photo, or its whole folder, behind the index's back."""
    new = library.folder / new
    new.parent.mkdir(parents=True, exist_ok=True)
    (photo.parent if folder else photo).rename(new)
    return new / photo.name if folder else new


@pytest.mark.parametrize("by", ["photo", "folder"])
def test_restore_follows_a_photo_that_was_moved_or_renamed(library, by):
    (library.folder / "old").mkdir()
    photo = library.photo("old/a.jpg")
    library.write(photo, "a dog")
    record(library, photo)
    before = library.originals[photo]
    new = move(library, photo, "new/b.jpg" if by == "photo" else "renamed", folder=by == "folder")
    assert library.restore()["a.jpg"].reason.startswith("it is gone; if it was moved, name its new place")
    results = library.restore(new if by == "photo" else new.parent)
    assert {(name, r.is_restored, r.path) for name, r in results.items()} == {(new.name, True, new)}
    assert new.read_bytes() == before
    assert list(library.index.undo.rows()) == []


def record(library, photo):
    """Let the index know a photo by its picture, as a run does."""
    stat = photo.stat()
    row = PhotoRecord(
        path=photo,
        size_bytes=stat.st_size,
        mtime_ns=stat.st_mtime_ns,
        inode=stat.st_ino,
        picture_hash=picture_hash(photo),
        written=Written.EMBEDDED,
    )
    library.index.record_batch(library.index.runs.start("index"), [row])


def test_a_copy_is_restored_and_the_original_can_be_too(library):
    photo = library.photo("a.jpg")
    library.write(photo, "a dog")
    record(library, photo)
    copy = library.folder / "copy.jpg"
    copy.write_bytes(photo.read_bytes())
    assert library.restore(copy)["copy.jpg"].is_restored
    assert copy.read_bytes() == library.originals[photo]
    assert library.restore(photo)["a.jpg"].is_restored
    assert photo.read_bytes() == library.originals[photo]


@pytest.mark.parametrize("is_moved_along", [True, False])
def test_a_sidecar_is_found_moved_along_or_left_behind(library, is_moved_along):
    photo = library.photo("a.jpg")
    library.write(photo, "a dog", SIDECAR)
    record(library, photo)
    new = move(library, photo, "new/b.jpg")
    sidecar = library.folder / "a.jpg.xmp"
    if is_moved_along:
        sidecar = sidecar.rename(new.with_name("b.jpg.xmp"))
    assert library.restore(new)[sidecar.name].is_restored
    assert not sidecar.exists()


def test_the_journal_follows_a_photo_that_a_run_finds_again(library):
    photo = library.photo("a.jpg")
    library.write(photo, "a dog")
    record(library, photo)
    new = move(library, photo, "b.jpg")
    stat = new.stat()
    row = PhotoRecord(
        path=new,
        size_bytes=stat.st_size,
        mtime_ns=stat.st_mtime_ns,
        inode=stat.st_ino,
        picture_hash=picture_hash(new),
        moved_from=photo,
    )
    library.index.record_batch(library.index.runs.start("index"), [row])
    assert {r.record.path for r in library.index.undo.rows()} == {new}
    assert library.restore()["b.jpg"].is_restored
    assert new.read_bytes() == library.originals[photo]


def test_an_index_that_never_saw_the_file_offers_what_the_mark_allows(library, cli):
    photo = library.photo("a.jpg")
    files.write(photo, "a dog", WritePolicy(alt_text=True))
    person = library.photo("b.jpg", jpeg(files.exif_segment(description=b"Anna")))
    library.index.close()
    offered = cli("restore", "--db", library.db, library.folder)
    assert offered.exit_code == 3
    assert "--by-mark takes out what bears it, though not byte for byte" in offered.stdout
    assert read_caption(photo).text == "a dog"
    done = cli("restore", "--db", library.db, "--by-mark", library.folder)
    assert (done.exit_code, done.stderr) == (0, "1 restored, 0 left alone\n")
    assert "not byte for byte" in done.stdout
    found = read_caption(photo)
    assert (found.text, found.origin) == (None, Origin.NOBODY)
    assert b"photocap" not in photo.read_bytes()
    assert person.read_bytes() == library.originals[person]
    again = cli("restore", "--db", library.db, photo)  # this write is in the journal
    assert (again.exit_code, read_caption(photo).text) == (0, "a dog")


def test_the_mark_of_keywords_and_alternative_text_beside_a_persons_caption(library, cli):
    subject = "<dc:subject><rdf:Bag><rdf:li>Mia</rdf:li></rdf:Bag></dc:subject>"
    photo = library.photo("a.jpg", jpeg(files.xmp_segment(properties=files.description_property("Anna") + subject)))
    raw = library.photo("b.gif", files.encoded("GIF"))
    sidecar = library.photo("b.gif.xmp", xmp_packet(files.description_property("Anna") + subject))
    policy = WritePolicy(alt_text=True, keywords=True)
    for path in (photo, raw):
        written = prepare_write(path, "Anna", marking=None, policy=policy, extras=Extras(keywords=("dog",)))
        written.commit()
    assert all(b"AltText" in path.read_bytes() and b">dog<" in path.read_bytes() for path in (photo, sidecar))
    library.index.close()
    done = cli("restore", "--db", library.db, "--by-mark", library.folder)
    assert (done.exit_code, done.stderr) == (0, "2 restored, 0 left alone\n")
    for path in (photo, sidecar):
        assert b"photocap" not in path.read_bytes()
        assert b"AltText" not in path.read_bytes()
        assert b">dog<" not in path.read_bytes()
        assert b">Mia<" in path.read_bytes()
    assert read_caption(photo).text == read_caption(raw).text == "Anna"


def test_nothing_done_is_no_success(library, cli):
    photo = library.photo("a.jpg")
    library.index.close()
    done = cli("restore", "--db", library.db, photo)
    assert (done.exit_code, done.stdout) == (3, "")
    assert "nothing to restore" in done.stderr


def test_each_of_several_moved_photos_of_one_picture_has_its_own_writes(library):
    photos = [library.photo(f"{name}.jpg") for name in "abc"]
    for photo in photos:
        library.write(photo, "a dog")
        record(library, photo)
    places = [move(library, photo, f"new/{photo.name}") for photo in photos[:2]]
    results = library.restore(library.folder)
    assert {name: r.is_restored for name, r in results.items()} == dict.fromkeys(["a.jpg", "b.jpg", "c.jpg"], True)
    assert {place.read_bytes() for place in [*places, photos[2]]} == {library.originals[photos[0]]}
    assert list(library.index.undo.rows()) == []


def test_a_moved_photo_does_not_claim_the_sidecar_of_another_with_the_same_picture(library):
    other, photo = library.photo("a.jpg"), library.photo("b.jpg", jpeg(files.exif_segment(), trailer=b"video"))
    for place, policy in ((other, SIDECAR), (photo, files.DEFAULT)):
        library.write(place, "a dog", policy)
        record(library, place)
    new = move(library, photo, "new/c.jpg")
    assert {name: r.is_restored for name, r in library.restore(new).items()} == {"c.jpg": True}
    assert new.read_bytes() == library.originals[photo]
    assert (library.folder / "a.jpg.xmp").exists()
