"""Other commands that write while a run indexes: they get in between its batches, and a person's word is the last."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from fakes import FakeCaptioner
from PIL import Image
from test_indexing import NO_FILES, RED, Library, library  # noqa: F401 - a fixture
from test_indexing_crashes import command, environment, make_library, run

from photocap.index import CaptionVersion, PhotoIndex
from photocap.library.edit import correct
from photocap.library.indexing import Recaption
from photocap.library.reject import reject
from photocap.metadata import MetadataMode, Origin, Overwrite, WritePolicy, read_caption
from photocap.records import Caption, CaptionSource, Verdict, Written

WORDS = "Anna at the lake"
ANEW = Recaption("another model")
OVER_ALL = WritePolicy(overwrite=Overwrite.ALL)


class Interrupted(FakeCaptioner):
    """Lets somebody else write while it has a batch in hand."""

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        super().__init__()
        self._meanwhile = meanwhile

    def caption_batch(self, images: Sequence[Image.Image]) -> list[Caption]:
        self._meanwhile()
        return super().caption_batch(images)


def edit_in_a_process(db: Path, photo: Path) -> Callable[[], object]:
    def meanwhile() -> None:
        done = run("edit", photo, WORDS, "--db", db)
        assert done.returncode == 0, done.stderr

    return meanwhile


def edit_here(db: Path, photo: Path, policy: WritePolicy) -> Callable[[], object]:
    def meanwhile() -> None:
        with PhotoIndex.open(db) as index:
            row = index.photos.get(photo)
            assert row is not None
            assert row.picture_hash is not None
            correct(index, index.runs.start("edit"), row.picture_hash, WORDS, policy, verdict=Verdict.EDITED)

    return meanwhile


def reject_here(db: Path, photo: Path) -> Callable[[], object]:
    def meanwhile() -> None:
        with PhotoIndex.open(db) as index:
            row = index.photos.get(photo)
            assert row is not None
            reject(index, row.picture_hash or "")

    return meanwhile


def check_that_words_stand(library: Library, *photos: Path) -> None:  # noqa: F811
    with PhotoIndex.open(library.db, read_only=True) as index:
        for photo in photos:
            row = index.photos.get(photo)
            assert row is not None
            assert (row.caption, row.source) == (WORDS, CaptionSource.PERSON)
        assert index.undo.open_rows() == []


def check_that_all_can_be_taken_back(library: Library, originals: dict[Path, bytes]) -> None:  # noqa: F811
    assert run("restore", "--db", library.db).returncode == 0
    assert {path: path.read_bytes() for path in originals} == originals
    assert set(library.root.iterdir()) == set(originals)


def test_a_photo_that_is_edited_while_it_is_captioned_anew_keeps_the_persons_words(library: Library) -> None:  # noqa: F811
    photo, other = library.photo("a.jpg"), library.photo("b.jpg", "blue")
    originals = {path: path.read_bytes() for path in (photo, other)}
    library.run()
    library.captioner = Interrupted(edit_in_a_process(library.db, photo))
    library.run(recaption=ANEW, policy=OVER_ALL)
    check_that_words_stand(library, photo)
    assert (read_caption(photo).text, read_caption(photo).origin) == (WORDS, Origin.PERSON)
    assert library.outcomes() == {"a.jpg": "unchanged", "b.jpg": "unchanged"}  # the fake says of b what it said before
    library.captioner = FakeCaptioner()
    assert library.run().summary == "2 unchanged"
    assert library.captioner.batches == []
    check_that_all_can_be_taken_back(library, originals)


def test_a_copy_of_a_photo_that_is_edited_meanwhile_gets_the_persons_words(library: Library) -> None:  # noqa: F811
    photo = library.photo("a.jpg")
    library.run(policy=NO_FILES)
    with PhotoIndex.open(library.db) as index:
        index._database.connection.execute("UPDATE picture SET caption_id = NULL, model_caption = NULL")
    copy = Path(shutil.copy(photo, library.root / "b.jpg"))
    originals = {path: path.read_bytes() for path in (photo, copy)}
    library.captioner = Interrupted(edit_in_a_process(library.db, photo))
    library.run()
    check_that_words_stand(library, photo, copy)
    assert read_caption(photo).text == read_caption(copy).text == WORDS
    library.captioner = FakeCaptioner()
    assert library.run().summary == "2 unchanged"
    check_that_all_can_be_taken_back(library, originals)


@pytest.mark.parametrize("mode", [MetadataMode.NONE, MetadataMode.SIDECAR])
def test_words_that_leave_the_photo_as_it_is_stand_too(library: Library, mode: MetadataMode) -> None:  # noqa: F811
    photo = library.photo("a.jpg")
    originals = {photo: photo.read_bytes()}
    library.run(policy=NO_FILES)
    meanwhile = edit_here(library.db, photo, WritePolicy(mode=mode))
    library.captioner = Interrupted(meanwhile)
    library.run(recaption=ANEW, policy=WritePolicy(mode=mode, overwrite=Overwrite.ALL))
    check_that_words_stand(library, photo)
    if mode is MetadataMode.SIDECAR:
        assert read_caption(photo).text == WORDS
        check_that_all_can_be_taken_back(library, originals)


def test_a_caption_that_is_rejected_meanwhile_does_not_come_back(library: Library) -> None:  # noqa: F811
    photo = library.photo("a.jpg")
    original = photo.read_bytes()
    library.run()
    library.captioner = Interrupted(reject_here(library.db, photo))
    library.run(recaption=ANEW)
    assert photo.read_bytes() == original
    assert library.captions() == {"a.jpg": None}
    assert library.result("a.jpg").written is Written.NONE
    assert library.result("a.jpg").error == "a person rejected its caption"


def test_a_photo_that_another_program_replaces_meanwhile_is_left_to_the_next_run(library: Library) -> None:  # noqa: F811
    photo = library.photo("a.jpg")
    library.run()

    def meanwhile() -> None:
        edit_here(library.db, photo, NO_FILES)()
        library.photo("a.jpg", "blue", (41, 30))

    library.captioner = Interrupted(meanwhile)
    library.run(recaption=ANEW, policy=OVER_ALL)
    assert library.result("a.jpg").error == "it changed while it was read (the next run takes it up)"
    assert library.captions() == {"a.jpg": WORDS}
    library.captioner = FakeCaptioner()
    library.run()
    assert library.captions() == {"a.jpg": "a blue photo 41 by 30"}


def test_edit_and_prune_work_while_index_runs_and_a_second_index_is_refused(tmp_path: Path) -> None:
    root, db = tmp_path / "photos", tmp_path / "index.db"
    expected = make_library(root, 16)
    originals = {path: path.read_bytes() for path in expected}
    first = root / "000.jpg"
    process = subprocess.Popen(
        command("index", root, "--db", db),
        env=environment(WAIT_FOR=tmp_path / "go on"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == f"{first}: {expected[first]}\n"
    edited, pruned, second = (
        run("edit", first, WORDS, "--db", db),
        run("prune", "--db", db),
        run("index", root, "--db", db),
    )
    (tmp_path / "go on").touch()
    _, errors = process.communicate(timeout=60)
    assert (edited.returncode, edited.stderr) == (0, f'{first}: "{expected[first]}" -> "{WORDS}" (embedded)\n')
    assert (pruned.returncode, pruned.stderr) == (0, "0 photos forgotten\n")
    assert second.returncode == 5
    assert f"another photocap (process {process.pid}) is indexing" in second.stderr
    assert (process.returncode, "16 captioned" in errors) == (0, True), errors
    again = run("index", root, "--db", db)
    assert "16 unchanged" in again.stderr
    with PhotoIndex.open(db, read_only=True) as index:
        assert {row.path: row.caption for row in index.photos.all()} == expected | {first: WORDS}
        assert index.undo.open_rows() == []
    assert run("restore", "--db", db).returncode == 0
    assert {path: path.read_bytes() for path in originals} == originals
    assert sorted(path.name for path in tmp_path.iterdir()) == ["go on", "index.db", "index.db.lock", "photos"]


def test_a_killed_edit_is_settled_by_the_next_writer(library: Library) -> None:  # noqa: F811
    photo = library.photo("a.jpg")
    original = photo.read_bytes()
    library.run()
    for die_at in range(4, 40):
        killed = run("edit", photo, WORDS, "--db", library.db, DIE_AT=die_at)
        if killed.returncode == 0 or read_caption(photo).text == WORDS:
            break
    assert (killed.returncode, read_caption(photo).text) == (-9, WORDS)  # after the rename, before the index knew
    assert run("edit", photo, "Anna and Ben", "--db", library.db).returncode == 0
    assert read_caption(photo).text == "Anna and Ben"
    assert run("restore", "--db", library.db).returncode == 0
    assert photo.read_bytes() == original
    assert RED in {version.text for version in _history(library, photo)}


def _history(library: Library, photo: Path) -> list[CaptionVersion]:  # noqa: F811
    with PhotoIndex.open(library.db, read_only=True) as index:
        row = index.photos.get(photo)
        assert row is not None
        return index.captions.history(row.picture_hash or "")
