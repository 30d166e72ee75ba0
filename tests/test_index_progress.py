"""How far a run says that it has come: only what must be opened takes time, so only that counts."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from fakes import FakeCaptioner
from PIL import Image

from photocap.cli import console
from photocap.cli.index_progress import IndexProgress
from photocap.index import PhotoIndex
from photocap.library.indexing import IndexOptions, count_changed, index_photos
from photocap.library.report import Outcome, PhotoResult

Cli = Callable[..., Result]


@pytest.fixture
def library(tmp_path: Path) -> Path:
    root = tmp_path / "photos"
    root.mkdir()
    add_photos(root, range(5))
    return root


def add_photos(root: Path, numbers: range) -> None:
    for number in numbers:
        Image.new("RGB", (40 + number, 30), "red").save(root / f"{number}.jpg")


def index_all(db: Path, root: Path) -> None:
    with PhotoIndex.open(db, create=True) as index:
        index_photos([root], index, FakeCaptioner)


def test_only_what_must_be_opened_is_counted(library: Path, tmp_path: Path) -> None:
    db = tmp_path / "index.db"
    index_all(db, library)
    assert count_changed(db, [library], IndexOptions()) == 0
    add_photos(library, range(4, 8))  # 4 is replaced by the same picture, without its caption
    (library / "bad.jpg").write_text("hello")
    assert count_changed(db, [library], IndexOptions()) == 5


def test_what_the_run_does_meanwhile_is_not_counted_off(library: Path, tmp_path: Path) -> None:
    db = tmp_path / "index.db"
    PhotoIndex.open(db, create=True).close()
    with PhotoIndex.open(db, read_only=True) as reader, reader.scan.of_a_moment():
        index_all(db, library)
        assert reader.photos.get(library / "0.jpg") is None
        with PhotoIndex.open(db, read_only=True) as later:
            assert later.photos.get(library / "0.jpg") is not None


def test_rate_and_time_left_are_of_the_photos_that_are_opened(capfd: pytest.CaptureFixture[str]) -> None:
    now = 100.0
    with console.progress() as bar:
        told = IndexProgress(bar, as_records=True, clock=lambda: now)
        told.total = 24
        for _ in range(1_000):  # at once
            told(PhotoResult(path=Path("/a.jpg"), outcome=Outcome.UNCHANGED))
        for _ in range(4):
            now += 2.0
            for _ in range(4):
                told(PhotoResult(path=Path("/b.jpg"), outcome=Outcome.CAPTIONED, opened=True))
    records = [json.loads(line)["progress"] for line in capfd.readouterr().out.splitlines()]
    assert len(records) == 4  # not one for each photo
    assert records[-1] == {"done": 13, "total": 24, "unchanged": 1000, "photos_per_s": 1.62, "seconds_left": 7}


def test_records_on_request(cli: Cli, library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("photocap.captioning.registry.load_captioner", lambda *_a, **_k: FakeCaptioner())
    monkeypatch.setattr("photocap.cli.index_progress._BETWEEN_RECORDS_S", 0.0)
    db = tmp_path / "index.db"
    index_all(db, library)
    add_photos(library, range(5, 8))
    (library / "bad.jpg").write_text("hello")
    result = cli("index", library, "--db", db, "--json-progress")
    records: list[dict[str, Any]] = [json.loads(line) for line in result.stdout.splitlines()]
    (summary,) = [record["summary"] for record in records if "summary" in record]
    assert records[-1] == {"summary": summary}
    assert summary.pop("seconds") >= 0
    assert summary == {
        "captioned": 3,
        "unchanged": 5,
        "moved": 0,
        "skipped": 0,
        "failed": 1,
        "gone": 0,
        "interrupted": False,
        "dry_run": False,
        "exit_code": 3,
    }
    progress = [record["progress"] for record in records if "progress" in record]
    assert (progress[-1]["done"], progress[-1]["unchanged"]) == (4, 5)
    assert len([record for record in records if "path" in record]) == 9
    plain = cli("index", library, "--db", db, "--json")
    assert all("path" in json.loads(line) for line in plain.stdout.splitlines())
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and thread.daemon:
            thread.join(10)


def test_an_error_is_a_record_too(cli: Cli, library: Path, tmp_path: Path) -> None:
    (tmp_path / "index.db").write_text("holiday notes")
    result = cli("index", library, "--db", tmp_path / "index.db", "--json-progress")
    assert json.loads(result.stdout)["exit_code"] == result.exit_code == 1
