"""The commands that find, explain and judge, on a small library that was really indexed."""

from __future__ import annotations

import csv
import io
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from fakes import FakeCaptioner, make_facts
from PIL import Image, ImageStat
from systems import posix_only
from test_query import random_query
from test_searching import Photo, look, make_index, paths

from photocap.index import PhotoIndex, PhotoRecord, Sort
from photocap.library.indexing import index_photos
from photocap.metadata import Origin, read_caption
from photocap.records import Caption
from photocap.search import search

COLOURS = ["red", "blue", "yellow"]


@pytest.fixture
def library(tmp_path):
    """Three photos and a copy of the first, indexed; the folder."""
    folder = tmp_path / "library"
    folder.mkdir()
    for number, colour in enumerate(COLOURS):
        Image.new("RGB", (20 + 10 * number, 20), colour).save(folder / f"{colour}.jpg")
    shutil.copy(folder / "red.jpg", folder / "red copy.jpg")
    return folder


@pytest.fixture
def db(tmp_path, library, monkeypatch):
    path = tmp_path / "index.db"
    with PhotoIndex.open(path, create=True) as index:
        assert index_photos([library], index, FakeCaptioner).exit_code == 0
    monkeypatch.setenv("PHOTOCAP_DB", str(path))
    return path


def reindex(db, library):
    captioner = FakeCaptioner()
    with PhotoIndex.open(db) as index:
        report = index_photos([library], index, lambda: captioner)
    return report, captioner


def caption_of(db, path):
    with PhotoIndex.open(db, read_only=True) as index:
        return index.photos.get(path).caption


@pytest.mark.usefixtures("db")
class TestSearch:
    def test_plain_paths_on_stdout_and_the_total_on_stderr(self, cli, library):
        done = cli("search", "blue", "photo")
        assert done.exit_code == 0
        assert done.stdout == f"{library / 'blue.jpg'}\n"
        assert done.stderr == "1 to 1 of 1 photo\n"

    def test_json_and_csv_and_null(self, cli, library):
        (line,) = cli("search", "--json", "blue").stdout.splitlines()
        found = json.loads(line)
        assert (found["path"], found["caption"]) == (str(library / "blue.jpg"), "a blue photo 30 by 20")
        assert found["score"] > 0
        (row,) = csv.DictReader(io.StringIO(cli("search", "--csv", "blue").stdout))
        assert row["caption"] == "a blue photo 30 by 20"
        assert cli("search", "-0", "blue").stdout == f"{library / 'blue.jpg'}\0"

    def test_one_of_several_copies(self, cli, library):
        everything = cli("search", "red").stdout.splitlines()
        assert sorted(everything) == [str(library / "red copy.jpg"), str(library / "red.jpg")]
        assert len(cli("search", "red", "--unique").stdout.splitlines()) == 1

    def test_words_that_begin_with_a_minus_are_words(self, cli, library):
        assert cli("search", "photo", "-red", "-blue").stdout == f"{library / 'yellow.jpg'}\n"
        assert "hi" not in cli("search", "-hi").stdout
        assert cli("search", "--limt", "5", "red").exit_code == 2

    def test_limit_offset_and_total(self, cli):
        assert cli("search", "photo", "--limit", "2").stderr == "1 to 2 of 4 photos\n"
        done = cli("search", "photo", "--limit", "2", "--offset", "3")
        assert (len(done.stdout.splitlines()), done.stderr) == (1, "4 to 4 of 4 photos\n")

    def test_explain_says_how_the_query_was_read(self, cli):
        assert 'photos with "red" and taken before 2019-01-01' in cli("search", "--explain", "red before:2019").stderr
        assert "expects a date" in cli("search", "red before:soon").stderr

    def test_nothing_found_is_said_and_no_error(self, cli):
        done = cli("search", "xylophone")
        assert (done.exit_code, done.stdout) == (4, "")
        assert done.stderr == "no photos found\n"

    def test_a_mistyped_word_is_corrected_and_said(self, cli, library):
        done = cli("search", "yelow")
        assert (done.exit_code, done.stdout) == (0, f"{library / 'yellow.jpg'}\n")
        assert done.stderr == "showing yellow (no photo has yelow)\n1 to 1 of 1 photo\n"

    def test_any_text_is_a_query(self, cli):
        random_ = random.Random(11)
        for _ in range(150):
            text = random_query(random_).replace("\0", " ")
            done = cli("search", "--", text)
            assert done.exit_code in (0, 4), (text, done.output, done.exception)

    def test_copies_and_links_replace_nothing(self, cli, library, tmp_path):
        target = tmp_path / "found"
        target.mkdir()
        (target / "red.jpg").write_text("something else")
        for _ in range(2):
            assert cli("search", "red", "--copy-to", target).exit_code == 0
        assert sorted(path.name for path in target.iterdir()) == ["red copy.jpg", "red-2.jpg", "red.jpg"]
        assert (target / "red.jpg").read_text() == "something else"
        assert (target / "red-2.jpg").read_bytes() == (library / "red.jpg").read_bytes()
        assert cli("search", "blue", "--link-to", tmp_path / "links").exit_code == 0
        assert (tmp_path / "links" / "blue.jpg").resolve() == library / "blue.jpg"

    def test_a_photo_that_is_gone_cannot_be_copied_and_costs_the_others_nothing(self, cli, library, tmp_path):
        (library / "red.jpg").unlink()
        done = cli("search", "photo", "--copy-to", tmp_path / "found")
        assert done.exit_code == 3
        assert "red.jpg" in done.stderr
        assert len(list((tmp_path / "found").iterdir())) == 3

    def test_the_page_shows_thumbnails_and_escapes_everything(self, cli, library, tmp_path):
        cli("edit", library / "blue.jpg", "<script>alert('x')</script> & \"blue\"")
        page = tmp_path / "found.html"
        for _ in range(2):
            assert cli("search", "blue", "OR", "<b>", "OR", "red", "--html", page).exit_code == 0
        text = page.read_text()
        assert text.count('<img src="data:image/jpeg;base64,') == 3
        assert "<script>" not in text
        assert "&lt;script&gt;" in text
        assert "<b>" not in text

    def test_the_page_overwrites_no_other_file(self, cli, library):
        before = (library / "red.jpg").read_bytes()
        done = cli("search", "blue", "--html", library / "red.jpg")
        assert done.exit_code == 1
        assert (library / "red.jpg").read_bytes() == before

    @posix_only
    def test_a_terminal_gets_a_table_with_the_words_highlighted(self, db):
        output = on_a_terminal("search", "--db", str(db), "blue")
        assert "\x1b[1mblue\x1b[0m photo 30 by 20" in output

    @posix_only
    def test_names_that_are_no_utf8_come_out_as_they_are(self, db, process):
        raw = b"/somewhere/caf\xe9.jpg"
        with PhotoIndex.open(db) as index:
            from photocap.index import CaptionRecord

            record = PhotoRecord(
                path=Path(os.fsdecode(raw)),
                size_bytes=1,
                mtime_ns=1,
                picture_hash="x",
                caption=CaptionRecord(text="a walrus"),
            )
            index.record_batch(index.runs.start("test"), [record])
        done = process("search", "--db", db, "walrus", text=False)
        assert done.stdout == raw + b"\n"
        for form in ("--json", "--csv"):
            assert process("search", "--db", db, form, "walrus").returncode == 0


def on_a_terminal(*arguments: str) -> str:
    """Run photocap with a terminal for its output; return what it wrote there."""
    primary, secondary = os.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100"}
    environment.pop("NO_COLOR", None)
    process = subprocess.Popen([sys.executable, "-m", "photocap", *arguments], stdout=secondary, env=environment)
    os.close(secondary)
    output = b""
    try:
        while chunk := os.read(primary, 4096):
            output += chunk
    except OSError:
        pass  # how Linux says that the other side is closed
    os.close(primary)
    assert process.wait(timeout=30) == 0
    return output.decode()


def test_search_starts_without_what_takes_long_to_import(db):
    code = (
        "import sys\n"
        "from photocap.cli import group\n"
        f"group.main(['search', '--db', {str(db)!r}, 'red'], standalone_mode=False)\n"
        "slow = {'PIL', 'asyncio', 'importlib.metadata', 'onnxruntime', 'pandas', 'pyarrow', 'sqlite_utils'}\n"
        "slow |= {'torch', 'uvicorn'}\n"
        "print(slow.intersection(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "set()"


def test_a_missing_index_is_said_with_the_way_out(cli, tmp_path):
    done = cli("search", "--db", tmp_path / "none.db", "dog")
    assert done.exit_code == 1
    assert "photocap index" in done.stderr


@pytest.mark.usefixtures("db")
class TestWordsOfAPerson:
    def test_edit_puts_the_words_into_every_copy_and_the_index(self, cli, db, library):
        done = cli("edit", library / "red.jpg", "Anna's sofa", "--json")
        assert done.exit_code == 0, done.output
        records = [json.loads(line) for line in done.stdout.splitlines()]
        assert {(Path(r["path"]).name, r["written"]) for r in records} == {
            ("red.jpg", "embedded"),
            ("red copy.jpg", "embedded"),
        }
        for name in ("red.jpg", "red copy.jpg"):
            found = read_caption(library / name)
            assert (found.text, found.origin) == ("Anna's sofa", Origin.PERSON)
            assert caption_of(db, library / name) == "Anna's sofa"
        report, captioner = reindex(db, library)
        assert captioner.pictures == 0
        assert report.summary == "4 unchanged"
        with PhotoIndex.open(db, read_only=True) as index:
            assert index.undo.open_rows() == []

    def test_what_edit_wrote_can_be_taken_back(self, cli, tmp_path):
        fresh = tmp_path / "fresh.jpg"
        Image.new("RGB", (20, 20), "green").save(fresh)
        before = fresh.read_bytes()
        db = tmp_path / "other.db"
        with PhotoIndex.open(db, create=True) as index:
            index_photos([fresh], index, FakeCaptioner)
        cli("edit", fresh, "My words", "--db", db)
        assert fresh.read_bytes() != before
        assert cli("restore", fresh, "--db", db).exit_code == 0
        assert fresh.read_bytes() == before

    def test_dry_run_changes_nothing(self, cli, db, library):
        before = (library / "red.jpg").read_bytes(), db.read_bytes()
        done = cli("edit", library / "red.jpg", "Anna's sofa", "--dry-run")
        assert done.exit_code == 0
        assert "a red photo 20 by 20" in done.stderr
        assert ((library / "red.jpg").read_bytes(), db.read_bytes()) == before

    def test_a_photo_the_index_does_not_know_is_said(self, cli, library, tmp_path):
        Image.new("RGB", (9, 9), "purple").save(tmp_path / "new.jpg")
        done = cli("edit", tmp_path / "new.jpg", "words")
        assert done.exit_code == 1
        assert "photocap index" in done.stderr
        assert cli("edit", tmp_path / "nowhere.jpg", "words").exit_code == 1
        shutil.copy(library / "red.jpg", tmp_path / "copy.jpg")
        assert cli("edit", tmp_path / "copy.jpg", "words").exit_code == 1
        assert cli("edit", tmp_path / "new.jpg", "  ").exit_code == 2

    def test_words_are_kept_where_the_file_cannot_be_written(self, cli, db, library):
        (library / "blue.jpg").unlink()
        done = cli("edit", library / "blue.jpg", "the sea")
        assert done.exit_code == 3
        assert "your words are in the index" in done.stderr
        assert caption_of(db, library / "blue.jpg") == "the sea"

    def test_review_goes_from_the_least_certain_and_resumes(self, cli, db, library):
        # The confidence of the fake grows with the width: red, blue, yellow.
        done = cli("review", input="aq")
        assert done.exit_code == 0, done.output
        assert "1 of 3" in done.stdout
        assert "1 accepted, 0 edited, 0 rejected" in done.stderr
        assert read_caption(library / "red.jpg").origin is Origin.PERSON
        assert read_caption(library / "red copy.jpg").origin is Origin.PERSON
        done = cli("review", input="xeThe sea\nr")
        assert "0 accepted, 1 edited, 1 rejected" in done.stderr
        assert caption_of(db, library / "blue.jpg") == "The sea"
        assert read_caption(library / "blue.jpg").text == "The sea"
        assert caption_of(db, library / "yellow.jpg") is None
        assert read_caption(library / "yellow.jpg").origin is Origin.NOBODY
        assert "0 of 0" not in cli("review").output
        report, captioner = reindex(db, library)
        assert captioner.pictures == 0, report.summary
        assert read_caption(library / "yellow.jpg").origin is Origin.NOBODY

    def test_what_a_person_accepts_is_hedged_no_more(self, cli, tmp_path, monkeypatch):
        monkeypatch.setattr(
            FakeCaptioner, "caption_batch", lambda *_: [Caption(text="Perhaps a dog runs home.", confidence=0.2)]
        )
        monkeypatch.setenv("PHOTOCAP_DB", str(tmp_path / "hedged.db"))
        photo = tmp_path / "dog.jpg"
        Image.new("RGB", (20, 20), "red").save(photo)
        with PhotoIndex.open(tmp_path / "hedged.db", create=True) as index:
            index_photos([photo], index, FakeCaptioner)
        for query in ("perhaps a dog", "dog home", '"a dog"', "perhaps"):
            assert cli("search", query).stdout == f"{photo}\n"
        assert "Perhaps a dog runs home." in cli("review", input="q").stdout
        assert "1 accepted" in cli("review", input="a").stderr
        assert read_caption(photo).text == "A dog runs home."

    def test_export_gives_what_train_reads(self, cli, library, tmp_path):
        from photocap.datasets import read_captions

        cli("edit", library / "red.jpg", 'Anna, "the" sofa')
        table = tmp_path / "captions.csv"
        for _ in range(2):
            assert cli("export", "--captions", table).exit_code == 0
        (row,) = read_captions(table).rows
        assert (row.image, row.caption) == (str(library / "red copy.jpg"), 'Anna, "the" sofa')
        assert cli("export", "--captions", "-", "--all").stdout.count("\n") == 4
        assert cli("export", "--captions", library / "blue.jpg").exit_code == 1


@pytest.mark.usefixtures("db")
class TestHouseKeeping:
    def test_status_counts(self, cli, library):
        cli("edit", library / "red.jpg", "Anna's sofa")
        counts = json.loads(cli("status", "--json").stdout)
        assert (counts["present"], counts["pictures"], counts["by_person"]) == (4, 3, 1)
        assert counts["by_model"] == {FakeCaptioner.model_id: 2}
        text = cli("status").stdout
        assert "4  photos" in text
        assert "run 2: edit" in text

    def test_status_lists_what_failed(self, cli, db, library):
        (library / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 not a photo")
        reindex(db, library)
        assert "broken.jpg: " in cli("status", "--failed").stdout
        assert cli("search", "is:failed").stdout == f"{library / 'broken.jpg'}\n"

    def test_prune_forgets_what_is_missing_and_nothing_else(self, cli, db, library):
        (library / "blue.jpg").unlink()
        reindex(db, library)
        assert cli("status", "--missing").stdout.splitlines()[-1] == str(library / "blue.jpg")
        assert cli("prune", "--dry-run").stdout == f"{library / 'blue.jpg'}\n"
        assert caption_of(db, library / "blue.jpg")
        assert cli("prune").stderr == "1 photo forgotten\n"
        with PhotoIndex.open(db, read_only=True) as index:
            assert index.photos.get(library / "blue.jpg") is None
            assert index.counts().present == 3

    def test_dupes_lists_copies(self, cli, library):
        expected = [str(library / "red copy.jpg"), str(library / "red.jpg")]
        assert cli("dupes").stdout.splitlines() == expected
        assert json.loads(cli("dupes", "--json").stdout) == {"paths": expected}

    def test_explain_tells_the_provenance(self, cli, library):
        cli("edit", library / "red.jpg", "Anna's sofa")
        text = cli("explain", library / "red.jpg").stdout
        assert f"by model {FakeCaptioner.model_id}, weights 000000000000, confidence 0.20" in text
        assert "edited by a person" in text
        assert "* Anna's sofa" in text
        record = json.loads(cli("explain", library / "red.jpg", "--json").stdout)
        assert [caption["source"] for caption in record["captions"]] == ["model", "person"]
        assert record["copies"] == [str(library / "red copy.jpg")]

    def test_a_copy_elsewhere_is_explained_by_its_picture(self, cli, library, tmp_path):
        shutil.copy(library / "blue.jpg", tmp_path / "elsewhere.jpg")
        assert "a blue photo" in cli("explain", tmp_path / "elsewhere.jpg").stdout

    def test_a_date_that_no_camera_wrote_is_marked_as_such(self, cli, library):
        (library / "blue.jpg").rename(library / "IMG_20190704_201501.jpg")
        cli("index", library)
        text = cli("explain", library / "IMG_20190704_201501.jpg").stdout
        assert "2019-07-04 20:15:01 (by the file name)" in text


@pytest.mark.usefixtures("db")
class TestByLook:
    @pytest.fixture
    def looks(self, db, library):
        with PhotoIndex.open(db) as index:
            vectors = {"red.jpg": look(0), "blue.jpg": look(0, 1), "yellow.jpg": look(2)}
            run = index.runs.start("test")
            index.embeddings.set_space("toy")
            for name, vector in vectors.items():
                row = index.photos.get(library / name)
                record = PhotoRecord(
                    path=row.path, size_bytes=1, mtime_ns=1, picture_hash=row.picture_hash, embedding=vector
                )
                index.record_batch(run, [record])
        return db

    @pytest.mark.usefixtures("looks")
    def test_similar_orders_by_look_and_leaves_the_photo_itself_out(self, cli, library):
        found = [json.loads(line) for line in cli("similar", library / "red.jpg", "--json").stdout.splitlines()]
        assert [Path(hit["path"]).name for hit in found] == ["blue.jpg", "yellow.jpg"]
        assert found[0]["score"] == pytest.approx(0.7071, abs=1e-3)

    def test_a_photo_without_an_embedding_is_said(self, cli, library):
        done = cli("similar", library / "red.jpg")
        assert done.exit_code == 1
        assert "does not know what its photos look like" in done.stderr

    def test_near_duplicates(self, cli, looks, library):
        assert cli("dupes", "--near").stdout.splitlines() == [
            str(library / "red copy.jpg"),
            str(library / "red.jpg"),
        ]
        with PhotoIndex.open(looks) as index:
            row = index.photos.get(library / "yellow.jpg")
            record = PhotoRecord(
                path=row.path, size_bytes=1, mtime_ns=1, picture_hash=row.picture_hash, embedding=look(0, 1)
            )
            index.record_batch(index.runs.start("test"), [record])
        groups = [json.loads(line)["paths"] for line in cli("dupes", "--near", "--json").stdout.splitlines()]
        assert [str(library / "blue.jpg"), str(library / "yellow.jpg")] in groups


def test_other_programs_read_and_search_the_index(db, library):
    """As Datasette does with the documented metadata file, by plain SQL."""
    with PhotoIndex.open(db) as index:
        index.record_batch(
            index.runs.start("test"),
            [PhotoRecord(path=Path(os.fsdecode(b"/caf\xe9.jpg")), size_bytes=1, mtime_ns=1, picture_hash="x")],
        )
    with closing(sqlite3.connect(f"file:{db}?mode=ro", uri=True)) as plain:
        found = plain.execute(
            "SELECT path, picture_id FROM photos WHERE id IN"
            " (SELECT rowid FROM photo_fts WHERE photo_fts MATCH '\"blue\"') ORDER BY taken DESC"
        ).fetchall()
        assert [path for path, _ in found] == [str(library / "blue.jpg")]
        assert found[0][1]
        assert "/caf\\xe9.jpg" in [path for (path,) in plain.execute("SELECT path FROM photos")]
        run = plain.execute("SELECT model_id, weights_sha256 FROM runs WHERE command = 'index'").fetchone()
        assert run == (FakeCaptioner.model_id, FakeCaptioner.weights_sha256)


class TestPruningWordsOfPersons:
    @pytest.fixture(autouse=True)
    def gone(self, cli, db, library):
        assert cli("edit", library / "blue.jpg", "Anna at the lake").exit_code == 0
        (library / "blue.jpg").unlink()
        reindex(db, library)

    def test_needs_a_yes(self, cli, db, library):
        done = cli("prune")
        assert done.exit_code == 2
        assert "1 caption by people" in done.stderr
        assert caption_of(db, library / "blue.jpg") == "Anna at the lake"
        assert "with 1 caption by people" in cli("prune", "--dry-run").stderr
        assert cli("prune", "--yes").stderr == "1 photo forgotten, with 1 caption by people\n"

    @pytest.mark.parametrize(("answer", "exit_code"), [("y\n", 0), ("n\n", 1)])
    def test_is_asked_on_a_terminal(self, cli, db, library, monkeypatch, answer, exit_code):
        monkeypatch.setattr("photocap.cli.commands.prune._can_answer", lambda: True)
        assert cli("prune", input=answer).exit_code == exit_code
        with PhotoIndex.open(db, read_only=True) as index:
            assert (index.photos.get(library / "blue.jpg") is None) == (exit_code == 0)

    def test_words_that_another_photo_has_are_not_lost(self, cli, db, library):
        assert cli("edit", library / "red.jpg", "Ben", "--all-copies").exit_code == 0
        (library / "red copy.jpg").unlink()
        reindex(db, library)
        with PhotoIndex.open(db, read_only=True) as index:
            assert index.photos.persons_captions_to_forget() == 1
            assert index.photos.persons_captions_to_forget(library / "elsewhere") == 0


class SeeingCaptioner(FakeCaptioner):
    """Sees how red, green and blue a picture is."""

    space_id = "colours"

    def caption_batch(self, images):
        looks = [np.array(ImageStat.Stat(image).mean, np.float32) for image in images]
        padded = [np.pad(each / np.linalg.norm(each), (0, 61)).astype("<f2").tobytes() for each in looks]
        captions = super().caption_batch(images)
        return [replace(caption, embedding=seen) for caption, seen in zip(captions, padded, strict=True)]


@pytest.fixture
def seen(tmp_path, library, monkeypatch):
    """The index of the library, with looks; returns how often the model was loaded since."""
    path = tmp_path / "seen.db"
    with PhotoIndex.open(path, create=True) as index:
        assert index_photos([library], index, SeeingCaptioner).exit_code == 0
    monkeypatch.setenv("PHOTOCAP_DB", str(path))
    loads = []
    monkeypatch.setattr(
        "photocap.captioning.registry.load_captioner", lambda model: loads.append(model) or SeeingCaptioner()
    )
    return loads


class TestByPicture:
    def test_a_photo_outside_the_library(self, cli, library, tmp_path, seen):
        outside = tmp_path / "bluish.png"
        Image.new("RGB", (30, 30), (20, 20, 250)).save(outside)
        before = outside.read_bytes()
        done = cli("similar", outside, "--limit", "1")
        assert (done.exit_code, done.stdout) == (0, f"{library / 'blue.jpg'}\n"), done.stderr
        assert len(seen) == 1
        assert outside.read_bytes() == before
        with PhotoIndex.open(tmp_path / "seen.db", read_only=True) as index:
            assert index.photos.get(outside) is None

    def test_a_known_photo_needs_no_model(self, cli, library, seen):
        done = cli("similar", library / "red.jpg")
        assert done.exit_code == 0
        assert "red" not in done.stdout.splitlines()[0]
        assert not seen

    def test_a_picture_and_words(self, cli, library, tmp_path, seen):
        outside = tmp_path / "reddish.png"
        Image.new("RGB", (30, 30), (250, 20, 20)).save(outside)
        found = cli("search", "--like", outside).stdout.splitlines()
        assert {Path(path).name for path in found[:2]} == {"red.jpg", "red copy.jpg"}
        assert len(found) == 4
        both = cli("search", "--like", outside, "photo", "-red").stdout.splitlines()
        assert str(library / "red.jpg") not in both
        assert both
        assert seen

    @pytest.mark.usefixtures("seen")
    def test_what_is_no_photo(self, cli, tmp_path):
        letter = tmp_path / "letter.txt"
        letter.write_text("Dear Anna")
        assert cli("similar", letter).exit_code == 1
        assert cli("similar", tmp_path / "nothing.jpg").exit_code == 1
        assert cli("search").exit_code == 2

    @pytest.mark.usefixtures("db")
    def test_an_index_without_looks(self, cli, library):
        done = cli("similar", library / "red.jpg")
        assert done.exit_code == 1
        assert "look like" in done.stderr


def test_a_mistyped_command_is_answered_with_the_nearest(cli):
    done = cli("serach", "dog")
    assert done.exit_code == 2
    assert "photocap search" in done.stderr
    assert "did you mean" not in cli("xyzzy").stderr


@pytest.mark.usefixtures("db")
def test_words_of_an_edit_need_no_quotation_marks(cli, library, db):
    done = cli("edit", library / "blue.jpg", "Anna", "at", "the", "lake")
    assert done.exit_code == 0
    assert '"a blue photo 30 by 20" -> "Anna at the lake"' in done.stderr
    assert caption_of(db, library / "blue.jpg") == "Anna at the lake"


def test_one_of_a_burst_of_one_camera(tmp_path):
    def shot(name, seconds, camera="Pentax K-1"):
        facts = make_facts(taken=datetime(2019, 7, 4, 20, 15, seconds), camera=camera)
        return Photo(f"/{name}.jpg", "a dog", facts=facts)

    photos = [shot("a", 0), shot("b", 2), shot("c", 9), shot("other camera", 1, "Canon R5"), Photo("/d.jpg", "a dog")]
    with make_index(tmp_path / "index.db", photos) as index:
        kept = paths(search(index, "dog", unique=True, sort=Sort.OLDEST))
        assert kept == ["/a.jpg", "/other camera.jpg", "/c.jpg", "/d.jpg"]
        assert paths(search(index, "dog", unique=True, sort=Sort.OLDEST, limit=2, offset=1)) == kept[1:3]
