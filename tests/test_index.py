from __future__ import annotations

import errno
import multiprocessing
import os
import shutil
import sqlite3
import struct
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from datetime import date, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from fakes import make_facts
from systems import posix_only

from photocap.errors import IndexBusy, IndexNotFound, IndexUnusable, PhotocapError
from photocap.index import CaptionRecord, PhotoIndex, PhotoRecord, PhotoState, UndoState, schema, writer_lock
from photocap.index.embeddings import sign_bytes
from photocap.index.migrations.first_tables import VERSION_1
from photocap.index.schema import CURRENT_VERSION
from photocap.records import CaptionSource, UndoRecord, Verdict, Written


def model_caption(text: str, **fields) -> CaptionRecord:
    return CaptionRecord(
        text=text, source=CaptionSource.MODEL, model_id="base", weights_sha256="0" * 64, confidence=0.7, **fields
    )


def record(path, text=None, picture_hash=None, **fields) -> PhotoRecord:
    caption = model_caption(text) if text else None
    return PhotoRecord(
        path=Path(path),
        size_bytes=10,
        mtime_ns=20,
        inode=30,
        device=1,
        picture_hash=picture_hash or f"hash of {path!a}",
        caption=caption,
        **fields,
    )


@pytest.fixture
def index(tmp_path):
    with PhotoIndex.open(tmp_path / "index.db", create=True) as opened:
        yield opened


@pytest.fixture
def run(index):
    return index.runs.start("test")


def test_a_photo_comes_back_as_it_went_in(index, run):
    facts = make_facts(
        taken=datetime(2017, 8, 3, 12), camera="PENTAX K-5", lens="DA 35", latitude=48.2, longitude=16.4, rating=4
    )
    index.record_batch(run, [record("/p/a.jpg", "a dog", facts=facts, written=Written.EMBEDDED)])
    photo = index.photos.get(Path("/p/a.jpg"))
    assert (photo.caption, photo.source, photo.model_id, photo.confidence) == (
        "a dog",
        CaptionSource.MODEL,
        "base",
        0.7,
    )
    assert (photo.width_px, photo.taken, photo.camera, photo.lens, photo.latitude, photo.rating) == (
        640,
        "2017-08-03T12:00:00",
        "PENTAX K-5",
        "DA 35",
        48.2,
        4,
    )
    stamp = index.photos.file_state(Path("/p/a.jpg"))
    assert (stamp.size_bytes, stamp.mtime_ns, stamp.inode, stamp.written) == (10, 20, 30, Written.EMBEDDED)
    assert stamp.state is PhotoState.PRESENT
    assert stamp.has_caption


@pytest.mark.parametrize("name", [b"\xff\xfe.jpg", b"new\nline.jpg", "emoji 🐕.jpg".encode(), b"back\\slash.jpg"])
@posix_only
def test_any_file_name_survives(index, run, name):
    path = Path(os.fsdecode(b"/p/" + name))
    index.record_batch(run, [record(path, "a dog")])
    assert list(index.scan.file_states([path])) == [path]
    assert [photo.path for photo in index.photos.all(Path("/p"))] == [path]


def test_text_in_a_broken_encoding_costs_nobody_anything(index, run):
    index.record_batch(run, [record("/a.jpg", "caf\udce9 \0 dog", facts=make_facts(camera="\udcff"))])
    assert index.photos.get(Path("/a.jpg")).caption == "caf? \0 dog"


def test_a_person_is_not_overruled_by_a_model_unless_asked(index, run):
    index.record_batch(run, [record("/a.jpg", "a dog", "h")])
    index.captions.record(
        run, "h", CaptionRecord(text="Anna's cat", source=CaptionSource.PERSON), verdict=Verdict.EDITED
    )
    index.record_batch(run, [record("/a.jpg", "a wolf", "h")])
    assert index.photos.get(Path("/a.jpg")).caption == "Anna's cat"
    over = PhotoRecord(
        path=Path("/a.jpg"),
        size_bytes=1,
        mtime_ns=1,
        picture_hash="h",
        caption=model_caption("a fox", over_person=True),
    )
    index.record_batch(run, [over])
    assert index.photos.get(Path("/a.jpg")).caption == "a fox"
    history = index.captions.history("h")
    assert [(row.text, row.verdict, row.current) for row in history] == [
        ("a dog", Verdict.EDITED, False),
        ("Anna's cat", None, False),
        ("a wolf", None, False),
        ("a fox", None, True),
    ]


def test_the_same_caption_again_is_not_history(index, run):
    for _ in range(2):
        index.record_batch(run, [record("/a.jpg", "a dog", "h")])
    assert len(index.captions.history("h")) == 1


def test_a_rejected_caption_is_remembered_as_such(index, run):
    index.record_batch(run, [record("/a.jpg", "a dog", "h")])
    index.captions.reject("h")
    known = index.photos.find_picture("h")
    assert known.caption is None
    assert known.rejected
    assert not index.photos.file_state(Path("/a.jpg")).has_caption


def test_a_copy_shares_the_caption_and_a_move_renames_the_row(index, run):
    index.record_batch(run, [record("/a.jpg", "a dog", "h"), record("/b.jpg", None, "h")])
    assert index.photos.get(Path("/b.jpg")).caption == "a dog"
    assert index.photos.find_picture("h").paths == (Path("/a.jpg"), Path("/b.jpg"))
    index.record_batch(run, [record("/c.jpg", None, "h", moved_from=Path("/a.jpg"))])
    assert index.photos.find_picture("h").paths == (Path("/b.jpg"), Path("/c.jpg"))
    assert list(index.photos.duplicates()) == [[Path("/b.jpg"), Path("/c.jpg")]]


def _checks(monkeypatch):
    """Return a list that grows with each reading through of a whole index."""
    checks = []
    monkeypatch.setattr("photocap.index.connection.check_all", lambda *_: checks.append(1))
    return checks


def test_an_index_is_read_through_after_an_unclean_end_and_once_a_week(tmp_path, monkeypatch):
    checks, path = _checks(monkeypatch), tmp_path / "index.db"
    PhotoIndex.open(path, create=True).close()
    PhotoIndex.open(path).close()
    assert not checks
    lock = tmp_path / "index.db.lock"
    lock.write_text("4711\n")  # its writer died
    PhotoIndex.open(path, check=False).close()
    assert not checks
    PhotoIndex.open(path).close()
    PhotoIndex.open(path).close()
    assert len(checks) == 1
    for day in (date.today() - timedelta(days=8), date.today() + timedelta(days=1)):
        lock.write_text(f"{day}\n")
        PhotoIndex.open(path).close()
    assert len(checks) == 3
    lock.unlink()  # of an earlier version, or deleted
    PhotoIndex.open(path).close()
    PhotoIndex.open(path).close()
    assert len(checks) == 4


def test_missing_photos_come_back_and_only_prune_forgets(index, run):
    index.record_batch(run, [record(f"/root/{n}.jpg", "a dog") for n in range(4)] + [record("/rooted/x.jpg", "a cat")])
    index.scan.start()
    index.scan.file_states([Path("/root/0.jpg"), Path("/root/2.jpg")])
    assert index.scan.count_unseen(Path("/root")) == (4, 2)
    assert index.scan.mark_missing(Path("/root")) == 2
    assert index.photos.missing() == [Path("/root/1.jpg"), Path("/root/3.jpg")]
    index.record_batch(run, [record("/root/1.jpg")])
    assert index.photos.missing() == [Path("/root/3.jpg")]
    assert index.photos.get(Path("/root/1.jpg")).caption == "a dog"
    assert index.photos.prune() == 1
    assert index.photos.find_picture("hash of '/root/3.jpg'") is None
    assert index.counts().pictures == 4


def test_a_batch_is_all_or_nothing(index, run):
    with pytest.raises(PhotocapError):
        index.record_batch(
            run, [record("/a.jpg", "a dog"), PhotoRecord(path=Path("/b.jpg"), size_bytes=1, mtime_ns=None)]
        )
    assert index.photos.get(Path("/a.jpg")) is None


def test_the_text_index_follows_every_change(index, run):
    index.record_batch(run, [record("/a.jpg", "a dog runs", "h"), record("/b.jpg", "a cat", "i")])
    index.captions.record(run, "h", CaptionRecord(text="Anna läuft", source=CaptionSource.PERSON))
    index.captions.reject("i")
    connection = sqlite3.connect(index.path)
    for word, hits in [("dog", 0), ("lauft", 1), ("cat", 0)]:
        assert connection.execute("SELECT count(*) FROM photo_fts(?)", (word,)).fetchone() == (hits,)
    connection.execute("INSERT INTO photo_fts(photo_fts, rank) VALUES ('integrity-check', 1)")
    for table in ("unspaced_trigram", "path_trigram", "word_trigram"):
        connection.execute(f"INSERT INTO {table}({table}, rank) VALUES ('integrity-check', 1)")
    connection.close()


def test_undo_rows_go_from_open_to_written_to_restored(index, run):
    undo = [
        UndoRecord(
            path=Path(f"/p/{n}.jpg"), sha256_before="before", sha256_after="after", patch=b"patch", blake3_kept="kept"
        )
        for n in range(3)
    ]
    ids = index.undo.begin(run, undo)
    index.record_batch(run, [], settled=ids[:2])
    assert [row.record for row in index.undo.open_rows()] == undo[2:]
    index.undo.drop(ids[2:])
    assert [row.record.path.name for row in index.undo.rows()] == ["1.jpg", "0.jpg"]
    assert [row.id for row in index.undo.rows([Path("/p/0.jpg")])] == ids[:1]
    assert [row.id for row in index.undo.rows([Path("/p")], run)] == [ids[1], ids[0]]
    index.undo.set_state(ids[:1], UndoState.RESTORED)
    assert [row.id for row in index.undo.rows(run_id=run)] == ids[1:2]
    assert list(index.undo.rows(run_id=run + 1)) == []


def test_signs_are_the_signs():
    values = [1.0, -1.0, 0.5, -0.5, 0.0, -2.0, 3.0, -4.0]
    assert sign_bytes(struct.pack("<8e", *values)) == bytes([0b10101010])


def test_embeddings_have_their_place_and_lose_it(index, run):
    vector = struct.pack("<256e", *([1.0, -1.0] * 128))
    index.record_batch(run, [record("/a.jpg", "a dog", embedding=vector), record("/b.jpg", "a cat", embedding=vector)])
    connection = sqlite3.connect(index.path)
    block = connection.execute("SELECT signs FROM sign_block").fetchone()[0]
    assert len(block) == 1024 * 32
    assert block[32:96] == b"\xaa" * 64
    index.scan.start()
    index.scan.file_states([Path("/b.jpg")])
    index.scan.mark_missing(Path("/"))
    index.photos.prune()
    block = connection.execute("SELECT signs FROM sign_block").fetchone()[0]
    connection.close()
    assert block[32:96] == bytes(32) + b"\xaa" * 32
    assert index.counts().embeddings == 1


def test_embeddings_of_another_space_make_room(index, run):
    index.embeddings.set_space("one")
    index.record_batch(run, [record("/a.jpg", "a dog", embedding=bytes(512))])
    index.embeddings.set_space("one")
    assert (index.embeddings.space_id(), index.counts().embeddings) == ("one", 1)
    index.embeddings.set_space("two")
    assert (index.embeddings.space_id(), index.counts().embeddings) == ("two", 0)


def test_readers_work_while_a_writer_writes(index, run):
    index.record_batch(run, [record("/a.jpg", "a dog")])
    with PhotoIndex.open(index.path, read_only=True) as reader:
        assert reader.counts().present == 1
        index.record_batch(run, [record("/b.jpg", "a cat")])
        assert reader.counts().present == 2


def _try_to_write(path, answers):
    writer_lock.PATIENCE_S = 0.1
    try:
        PhotoIndex.open(path).close()
        answers.put("opened")
    except IndexBusy as error:
        answers.put(str(error))


def test_a_second_writer_is_told_who_is_first(index):
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    process = context.Process(target=_try_to_write, args=(index.path, answers))
    with index.writing():
        process.start()
        answer = answers.get(timeout=20)
    process.join()
    assert f"process {os.getpid()}" in answer
    assert IndexBusy(index.path, "x").exit_code == 5


def test_who_waits_for_longer_than_a_second_hears_for_whom(index, monkeypatch):
    monkeypatch.setattr(writer_lock, "_SILENT_S", 0.2)
    said = []
    free = threading.Timer(0.6, lambda: None)
    with ExitStack() as writing:
        writing.enter_context(index.writing())
        free.function = writing.pop_all().close
        free.start()
        PhotoIndex.open(index.path, waiting=said.append).close()
    free.join()
    assert said == [f"waiting: another photocap (process {os.getpid()}) is writing to this index"]
    PhotoIndex.open(index.path, waiting=said.append).close()
    assert len(said) == 1


def _write_between_batches(path, started, numbers):
    with PhotoIndex.open(path) as index:
        for number in numbers:
            started.set()
            index.record_batch(index.runs.start("edit"), [record(f"/{number}.jpg", "a cat")])


def test_a_run_that_writes_batch_after_batch_lets_others_in(index, run):
    context = multiprocessing.get_context("spawn")
    others = [(context.Event(), range(first, first + 3)) for first in (1_000, 2_000)]
    processes = [context.Process(target=_write_between_batches, args=(index.path, *other)) for other in others]
    for process in processes:
        process.start()
    for started, _ in others:
        assert started.wait(60)
    batches = 0
    while any(process.is_alive() for process in processes):
        with index.writing():  # again at once, as a run does whose network is faster than its disk
            index.record_batch(run, [record(f"/{batches}.jpg", "a dog")])
            time.sleep(0.05)
        batches += 1
        assert batches < 200, "the others never get their turn"
    assert [process.exitcode for process in processes] == [0, 0]
    assert index.counts().present == batches + 6
    assert not index.path.with_name("index.db.turn").exists()


def test_what_a_killed_writer_leaves_is_settled_by_the_next_one(index, tmp_path):
    lock = tmp_path / "index.db.lock"
    lock.write_text("4711\n")
    with index.writing() as is_recovery_due:
        assert is_recovery_due
    index.runs.start("test")
    with index.writing() as is_recovery_due:
        assert is_recovery_due  # nobody has settled it yet
        index.note_recovery()
    with index.writing() as is_recovery_due:
        assert not is_recovery_due


def test_two_runs_that_index_keep_each_other_out_and_nobody_else(index):
    with PhotoIndex.open(index.path) as other:
        with index.indexing():
            with pytest.raises(IndexBusy, match=f"process {os.getpid()}"), other.indexing():
                raise AssertionError
            other.runs.start("edit")
        with other.indexing():
            pass
    assert not index.path.with_name("index.db.run").exists()


def test_an_index_that_a_newer_photocap_changed_meanwhile_is_left_alone(index, run):
    connection = sqlite3.connect(index.path)
    connection.execute(f"PRAGMA user_version = {CURRENT_VERSION + 1}")
    connection.close()
    with pytest.raises(IndexUnusable, match="newer photocap"):
        index.record_batch(run, [record("/a.jpg", "a dog")])


@posix_only
def test_a_killed_writer_leaves_its_batches_and_no_lock(tmp_path):
    path = tmp_path / "index.db"
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        "from photocap.index import PhotoIndex, PhotoRecord\n"
        f"index = PhotoIndex.open(Path({str(path)!r}), create=True)\n"
        "run = index.runs.start('test')\n"
        "index.record_batch(run, [PhotoRecord(path=Path('/a.jpg'), size_bytes=1, mtime_ns=1, picture_hash='h')])\n"
        "connection = index._database.connection\n"
        "connection.execute('BEGIN IMMEDIATE'); connection.execute('DELETE FROM photo')\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    with PhotoIndex.open(path) as index:
        assert index.counts().present == 1
        assert index.runs.latest()[0].finished is None


@posix_only
def test_a_kill_while_the_index_is_made_leaves_nothing_in_its_place(tmp_path):
    path = tmp_path / "index.db"
    code = (
        "import os, signal; from pathlib import Path\n"
        "import photocap.index.connection as connection\n"
        "from photocap.index import PhotoIndex\n"
        "connection.migrate = lambda opened: (opened.execute('CREATE TABLE half (x)'), os.kill(os.getpid(), 9))\n"
        f"PhotoIndex.open(Path({str(path)!r}), create=True)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    assert not path.exists()
    with PhotoIndex.open(path, create=True) as index:
        assert index.counts().present == 0
    assert sorted(file.name for file in tmp_path.iterdir()) == ["index.db", "index.db.lock"]


def _files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def _closed_index(tmp_path, photos=300):
    path = tmp_path / "index.db"
    with PhotoIndex.open(path, create=True) as index:
        run = index.runs.start("test")
        index.record_batch(run, [record(f"/p/{n}.jpg", f"dog number {n}") for n in range(photos)])
    (tmp_path / "index.db.lock").unlink()
    return path


@pytest.mark.parametrize("read_only", [True, False])
@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda path: path.write_bytes(b"holiday notes\n" * 20), "not an SQLite database"),
        (lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]), "damaged"),
        (lambda path: path.write_bytes(path.read_bytes()[:50]), "damaged"),
        (lambda path: path.write_bytes(path.read_bytes().replace(b"PhCa", b"\0\0\0\0", 1)), "another program"),
    ],
    ids=["text", "half", "stub", "foreign"],
)
def test_what_is_not_a_sound_index_is_refused_and_not_touched(tmp_path, read_only, harm, words):
    path = _closed_index(tmp_path)
    harm(path)
    before = _files(tmp_path)
    with pytest.raises(IndexUnusable, match=words):
        PhotoIndex.open(path, create=not read_only, read_only=read_only)
    assert _files(tmp_path) == before


def test_damage_inside_is_found_before_anything_is_written(tmp_path):
    path = _closed_index(tmp_path)
    data = bytearray(path.read_bytes())
    data[8192 : len(data) : 4096] = b"\xff" * len(data[8192 : len(data) : 4096])
    path.write_bytes(data)
    with pytest.raises(IndexUnusable, match="damaged"):
        PhotoIndex.open(path)
    assert path.read_bytes() == data


@pytest.mark.parametrize("read_only", [True, False])
def test_a_newer_index_is_refused(tmp_path, read_only):
    path = _closed_index(tmp_path)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(IndexUnusable, match="newer photocap"):
        PhotoIndex.open(path, read_only=read_only)
    assert path.read_bytes() == before


def _index_of_version_1(tmp_path):
    """Make an index as the first photocap made it, with a photo and an undo record."""
    path = tmp_path / "old.db"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript(
        f"BEGIN IMMEDIATE;\n{VERSION_1}\nPRAGMA application_id = 1349010273;\nPRAGMA user_version = 1;\nCOMMIT;"
        "PRAGMA journal_mode = WAL;"
        "INSERT INTO run (command, started) VALUES ('index', '2026-01-01T00:00:00Z');"
        "INSERT INTO picture (picture_hash) VALUES ('h');"
        "INSERT INTO caption (picture_id, text, source, created) VALUES (1, 'a dog runs', 'person', '2026');"
        "UPDATE picture SET person_caption = 'a dog runs', caption_id = 1;"
        "INSERT INTO photo (path, picture_id, size_bytes, mtime_ns, inode, device) VALUES ('/a.jpg', 1, 2, 3, 4, 5);"
        "INSERT INTO undo (run_id, path, state, created, sha256_before, sha256_after, patch)"
        " VALUES (1, '/a.jpg', 'written', '2026', 'before', 'after', X'00');"
    )
    connection.close()
    return path


def _schema(path):
    connection = sqlite3.connect(path)
    version = connection.execute("PRAGMA user_version").fetchone()
    tables = connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
    connection.close()
    return version, tables


def test_a_released_step_of_the_schema_never_changes():
    assert sha256(VERSION_1.encode()).hexdigest() == "2f19f6f3d8aaea3ef8c2c49cf7cdf032a56b49fb07b6f4eb84d25293a573427c"


@pytest.mark.parametrize("read_only", [True, False])
def test_an_older_index_is_brought_up_to_date_and_loses_nothing(tmp_path, read_only):
    path = _index_of_version_1(tmp_path)
    with PhotoIndex.open(path, read_only=read_only) as index:
        assert index.photos.get(Path("/a.jpg")).caption == "a dog runs"
        assert index.query.count_photos("dog", 9) == 1
        assert [row.record for row in index.undo.rows()] == [
            UndoRecord(
                path=Path("/a.jpg"),
                sha256_before="before",
                sha256_after="after",
                patch=b"\0",
                photo=Path("/a.jpg"),
            )
        ]
        assert (index.runs.latest()[0].command, index.counts().present) == ("index", 1)
    new = tmp_path / "new.db"
    PhotoIndex.open(new, create=True).close()
    assert _schema(path) == _schema(new)


def _add_a_table_and(fail):
    def step(database):
        database.table("half").create({"x": int})
        database.executescript("CREATE TABLE other_half (x); DROP VIEW photos;")
        fail()

    return step


def test_an_upgrade_that_fails_midway_changes_nothing(tmp_path, monkeypatch):
    path = _index_of_version_1(tmp_path)
    before = _schema(path)

    def fail():
        raise OSError("the lights went out")

    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, _add_a_table_and(fail)))
    for _ in range(2):
        with pytest.raises(OSError, match="the lights went out"):
            PhotoIndex.open(path)
        assert _schema(path) == before
    monkeypatch.undo()
    with PhotoIndex.open(path) as index:
        assert index.counts().present == 1


@posix_only
def test_an_upgrade_that_is_killed_midway_changes_nothing(tmp_path):
    path = _index_of_version_1(tmp_path)
    before = _schema(path)
    code = (
        "import os; from pathlib import Path; from test_index import _add_a_table_and\n"
        "from photocap.index import PhotoIndex, schema\n"
        "schema.MIGRATIONS += (_add_a_table_and(lambda: os.kill(os.getpid(), 9)),)\n"
        f"PhotoIndex.open(Path({str(path)!r}))\n"
    )
    tests = {**os.environ, "PYTHONPATH": os.pathsep.join([os.path.dirname(__file__), *sys.path])}
    assert subprocess.run([sys.executable, "-c", code], check=False, env=tests).returncode == -9
    assert _schema(path) == before
    with PhotoIndex.open(path) as index:
        assert index.counts().present == 1


def test_an_older_index_on_a_read_only_disk_is_read_in_a_copy(tmp_path, monkeypatch):
    path = _index_of_version_1(tmp_path)
    real = os.open

    def read_only_disk(name, flags, *args, **kwargs):
        if flags & os.O_CREAT:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return real(name, flags, *args, **kwargs)

    monkeypatch.setattr(os, "open", read_only_disk)
    with PhotoIndex.open(path, read_only=True) as index:
        assert index.is_copy
        assert index.counts().present == 1


def test_only_an_upgrade_needs_sqlite_utils(tmp_path):
    path = _closed_index(tmp_path, photos=1)
    code = (
        "import sys; from pathlib import Path; from photocap.index import PhotoIndex\n"
        f"for read_only in (True, False): PhotoIndex.open(Path({str(path)!r}), read_only=read_only).close()\n"
        "print(sorted({'sqlite_utils', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"


def test_no_index_is_said_with_the_way_out(tmp_path):
    with pytest.raises(IndexNotFound, match="photocap index"):
        PhotoIndex.open(tmp_path / "none.db", read_only=True)
    assert _files(tmp_path) == {}


def test_a_copied_index_opens(tmp_path):
    path = _closed_index(tmp_path)
    copy = tmp_path / "copy.db"
    shutil.copy(path, copy)
    with PhotoIndex.open(copy, read_only=True) as index:
        assert index.counts().present == 300


def test_the_views_and_the_content_table_are_there_for_other_programs(tmp_path):
    path = _closed_index(tmp_path, photos=3)
    connection = sqlite3.connect(path)
    connection.row_factory = sqlite3.Row
    photo = dict(connection.execute("SELECT * FROM photos LIMIT 1").fetchone())
    assert (photo["path"], photo["caption"], photo["source"]) == ("/p/0.jpg", "dog number 0", "model")
    assert connection.execute("SELECT count(*) FROM captions WHERE is_current").fetchone()[0] == 3
    assert connection.execute("SELECT command FROM runs").fetchone()[0] == "test"
    # What Datasette does with an external-content table.
    hits = connection.execute(
        "SELECT picture_hash FROM photos WHERE id IN (SELECT rowid FROM photo_fts WHERE photo_fts MATCH 'caption : 1')"
    ).fetchall()
    assert [hit[0] for hit in hits] == ["hash of '/p/1.jpg'"]
    connection.close()


def test_opening_it_again_does_not_drop_the_locks_of_a_writer(index, run):
    """Closing any handle on the file would, and the next process to close it would then take the log away."""
    for _ in range(2):
        with PhotoIndex.open(index.path, read_only=True) as reader:
            assert reader.counts().failed == 0
        code = f"from photocap.index import PhotoIndex; PhotoIndex.open({str(index.path)!r}).close()"
        subprocess.run([sys.executable, "-c", code], check=True)
        assert index.path.with_name("index.db-wal").exists()
        index.record_batch(run, [record("/a.jpg", "a dog")])
    assert index.counts().present == 1
