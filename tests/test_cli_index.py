"""The commands index, watch and caption as a user sees them, with the fake captioner behind them."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from fakes import FakeCaptioner
from PIL import Image
from systems import needs_byte_names

from photocap.metadata import Origin, read_caption
from photocap.records import Caption, Label, WordProbability

Cli = Callable[..., Result]
RED, BLUE = "a red photo 40 by 30", "a blue photo 41 by 30"


@pytest.fixture(autouse=True)
def loads(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, object]]:
    """Put the fake captioner in the place of the real one; return how it was loaded each time."""
    calls: list[dict[str, object]] = []

    def load_captioner(model_dir: Path | None, **options: Any) -> FakeCaptioner:
        calls.append({"model_dir": model_dir, **options})
        return FakeCaptioner()

    monkeypatch.setattr("photocap.captioning.registry.load_captioner", load_captioner)
    return calls


@pytest.fixture
def library(tmp_path: Path) -> Path:
    root = tmp_path / "photos"
    root.mkdir()
    Image.new("RGB", (40, 30), "red").save(root / "a.jpg")
    Image.new("RGB", (41, 30), "blue").save(root / "b.png")
    return root


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "index.db"


def objects(result: Result) -> list[dict[str, object]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\0"])
def test_paths_from_a_list(cli: Cli, library: Path, db: Path, end: bytes) -> None:
    listed = b"".join(os.fsencode(library / name) + end for name in ("a.jpg", "b.png"))
    result = cli("index", "--files-from", "-", "--db", db, input=listed)
    assert result.stdout.splitlines() == [f"{library}/a.jpg: {RED}", f"{library}/b.png: {BLUE}"]
    (library / "list").write_bytes(listed)
    assert len(cli("caption", "--files-from", library / "list").stdout.splitlines()) == 2
    assert cli("index", "--files-from", "-", "--db", db, input=b"").exit_code == 2
    assert cli("caption").exit_code == 2


def test_no_remark_where_writing_is_switched_off(cli: Cli, library: Path, db: Path) -> None:
    assert cli("index", library, "--metadata", "none", "--db", db).stdout == (
        f"{library}/a.jpg: {RED}\n{library}/b.png: {BLUE}\n"
    )


def test_results_on_stdout_and_the_rest_on_stderr(cli: Cli, library: Path, db: Path) -> None:
    (library / "bad.jpg").write_text("hello")
    result = cli("index", library, "--db", db)
    assert result.stdout.splitlines() == [f"{library}/a.jpg: {RED}", f"{library}/b.png: {BLUE}"]
    assert result.stderr.splitlines() == [
        f"{library}/bad.jpg: this is a text file, not a picture",
        "2 captioned, 1 failed",
    ]
    assert result.exit_code == 3


def test_json_lines(cli: Cli, library: Path, db: Path) -> None:
    (library / "bad.jpg").write_text("hello")
    (library / "clip.mp4").write_text("x")
    fields = {"path", "outcome", "caption", "confidence", "written", "error", "labels"}
    found = {os.path.basename(str(o["path"])): o for o in objects(cli("index", library, "--db", db, "--json"))}
    assert all(set(o) == fields for o in found.values())
    assert found["a.jpg"] == {
        "path": f"{library}/a.jpg",
        "outcome": "captioned",
        "caption": RED,
        "confidence": 0.4,
        "written": "embedded",
        "labels": [],
        "error": None,
    }
    assert (found["bad.jpg"]["outcome"], found["bad.jpg"]["caption"]) == ("failed", None)
    assert found["clip.mp4"]["outcome"] == "skipped"
    again = {os.path.basename(str(o["path"])): o for o in objects(cli("index", library, "--db", db, "--json"))}
    assert (again["a.jpg"]["outcome"], again["a.jpg"]["caption"]) == ("unchanged", RED)
    assert again["a.jpg"]["written"] == "embedded"
    (library / "a.jpg").rename(library / "c.jpg")
    moved = {os.path.basename(str(o["path"])): o for o in objects(cli("index", library, "--db", db, "--json"))}
    assert (moved["c.jpg"]["outcome"], moved["c.jpg"]["caption"]) == ("moved", RED)


def test_quiet_and_verbose(cli: Cli, library: Path, db: Path) -> None:
    (library / "bad.jpg").write_text("hello")
    quiet = cli("index", library, "--db", db, "-q")
    assert (quiet.stdout, quiet.stderr) == ("", f"{library}/bad.jpg: this is a text file, not a picture\n")
    verbose = cli("index", library, "--db", db, "-v")
    assert f"{library}/a.jpg: unchanged" in verbose.stderr
    assert "--retry-failed" in verbose.stderr


def test_dry_run_shows_before_and_after_and_makes_no_index(cli: Cli, library: Path, db: Path) -> None:
    before = (library / "a.jpg").read_bytes()
    result = cli("index", library, "--db", db, "--dry-run")
    assert f"{library}/a.jpg\n  + {RED} (embedded)\n" in result.stdout
    assert "dry run: nothing was changed" in result.stderr
    assert (library / "a.jpg").read_bytes() == before
    assert not db.exists()
    (with_before,) = objects(cli("index", library / "a.jpg", "--db", db, "--dry-run", "--json"))
    assert (with_before["before"], with_before["caption"]) == (None, RED)


@pytest.mark.skipif(not shutil.which("exiftool"), reason="ExifTool is not installed")
def test_dry_run_shows_what_would_go(cli: Cli, library: Path, db: Path) -> None:
    import subprocess

    subprocess.run(["exiftool", "-q", "-ImageDescription=SONY DSC", library / "a.jpg"], check=True)
    result = cli("index", library / "a.jpg", "--db", db, "--dry-run")
    assert f"{library}/a.jpg\n  - SONY DSC\n  + {RED} (embedded)\n" == result.stdout


def test_metadata_none_and_sidecar(cli: Cli, library: Path, db: Path) -> None:
    before = {p: p.read_bytes() for p in library.iterdir()}
    assert cli("index", library, "--db", db, "--metadata", "none").exit_code == 0
    assert {p: p.read_bytes() for p in library.iterdir()} == before
    sidecars = db.with_name("sidecars")
    result = cli("index", library, "--db", db, "--metadata", "sidecar", "--sidecar-dir", sidecars)
    assert result.exit_code == 0
    assert {p: p.read_bytes() for p in library.iterdir()} == before
    assert len(list(sidecars.rglob("*.xmp"))) == 2


def test_model_options_reach_the_captioner(cli: Cli, library: Path, db: Path, loads: list[dict[str, object]]) -> None:
    options = ["--device", "cpu", "--batch-size", "3", "--beam-size", "2", "--workers", "2"]
    assert cli("index", library, "--db", db, "--model", library, *options).exit_code == 0
    speech = {"engine": "auto", "neutral_people": False, "hedge_below": None}
    assert loads == [{"model_dir": library, "device": "cpu", "batch_size": 3, "beam_size": 2, **speech}]
    cli("index", library, "--db", db)
    assert len(loads) == 1  # nothing new: the model is not even loaded


@pytest.mark.parametrize("command", ["index", "caption"])
def test_how_captions_are_said_reaches_the_captioner(
    cli: Cli, library: Path, monkeypatch: pytest.MonkeyPatch, loads: list[dict[str, object]], command: str
) -> None:
    def wishes() -> tuple[object, object]:
        return loads[-1]["neutral_people"], loads[-1]["hedge_below"]

    monkeypatch.setenv("PHOTOCAP_METADATA", "none")
    photos = iter([library / "a.jpg", library / "b.png"])
    assert cli(command, next(photos), "--neutral-people", "--hedge-below", "0.3").exit_code == 0
    assert wishes() == (True, 0.3)
    monkeypatch.setenv("PHOTOCAP_NEUTRAL_PEOPLE", "1")
    assert cli(command, next(photos)).exit_code == 0
    assert wishes() == (True, None)
    assert cli(command, library / "a.jpg", "--hedge-below", "1.1").exit_code == 2


def test_no_neutral_people_wins_over_the_environment(
    cli: Cli, library: Path, monkeypatch: pytest.MonkeyPatch, loads: list[dict[str, object]]
) -> None:
    monkeypatch.setenv("PHOTOCAP_NEUTRAL_PEOPLE", "1")
    assert cli("caption", library / "a.jpg", "--no-neutral-people").exit_code == 0
    assert loads[-1]["neutral_people"] is False


def test_recaption_takes_up_another_choice_of_neutral_people(
    cli: Cli, library: Path, db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from photocap.captioning.model_files import base_model_dir, read_model_info

    plain = read_model_info(base_model_dir()).model_id
    monkeypatch.setattr(FakeCaptioner, "model_id", plain)
    cli("index", library, "--db", db)
    assert "2 unchanged" in cli("index", library, "--db", db, "--neutral-people").stderr
    assert "2 unchanged" in cli("index", library, "--db", db, "--recaption").stderr
    monkeypatch.setattr(FakeCaptioner, "model_id", f"{plain}+neutral")
    recaption = ("index", library, "--db", db, "--recaption", "--neutral-people", "--json", "-v")
    cli(*recaption)
    assert read_caption(library / "a.jpg").model_id == f"{plain}+neutral"
    assert "2 unchanged" in cli(*recaption).stderr


def test_serve_speaks_as_it_is_told(
    cli: Cli, library: Path, monkeypatch: pytest.MonkeyPatch, loads: list[dict[str, object]]
) -> None:
    sites = []
    monkeypatch.setattr("photocap.web.server.create_app", sites.append)
    monkeypatch.setattr("uvicorn.Server.run", lambda _, **__: sites[0].model._load())
    done = cli("serve", "--port", 0, "--model", library, "--neutral-people", "--hedge-below", 0.3)
    assert done.exit_code == 0, done.output
    assert loads == [
        {"model_dir": library, "engine": "auto", "device": "auto", "neutral_people": True, "hedge_below": 0.3}
    ]


def test_paths_that_do_not_exist(cli: Cli, library: Path, db: Path) -> None:
    alone = cli("index", library / "no", "--db", db)
    assert (alone.exit_code, alone.stdout) == (1, "")
    assert f"{library}/no: there is no such file or folder" in alone.stderr
    assert cli("index", library, library.parent / "no", "--db", db).exit_code == 3
    assert cli("index", "--db", db).exit_code == 2


def test_empty_folder(cli: Cli, tmp_path: Path, db: Path) -> None:
    (tmp_path / "empty").mkdir()
    result = cli("index", tmp_path / "empty", "--db", db)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "no photos found\n")


@needs_byte_names
def test_names_and_captions_come_out_on_one_line(cli: Cli, library: Path, db: Path) -> None:
    (library / "a.jpg").rename(library / "new\nline.jpg")
    (library / "b.png").rename(library / os.fsdecode(b"caf\xe9.png"))
    result = cli("index", library, "--db", db)
    assert f"{library}/new\\nline.jpg: {RED}" in result.stdout.splitlines()
    assert f"{library}/caf\\xe9.png: {BLUE}" in result.stdout.splitlines()
    again = objects(cli("index", library, "--db", db, "--json"))
    assert {str(o["path"]) for o in again} == {f"{library}/new\nline.jpg", f"{library}/caf\udce9.png"}


def test_exclude(cli: Cli, library: Path, db: Path) -> None:
    assert cli("index", library, "--db", db, "--exclude", "*.png").stdout == f"{library}/a.jpg: {RED}\n"


def test_caption_prints_and_writes_nothing(cli: Cli, library: Path, own_home: Path) -> None:
    before = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in library.iterdir()}
    result = cli("caption", library / "b.png", library / "a.jpg")
    assert result.stdout == f"{library}/b.png: {BLUE}\n{library}/a.jpg: {RED}\n"
    (both,) = [objects(cli("caption", "--json", library))]
    assert [o["caption"] for o in both] == [RED, BLUE]
    assert {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in library.iterdir()} == before
    assert read_caption(library / "a.jpg").origin is Origin.NOBODY
    assert list(own_home.rglob("*.db")) == []


def test_caption_errors(cli: Cli, library: Path) -> None:
    (library / "bad.jpg").write_text("hello")
    result = cli("caption", library / "a.jpg", library / "bad.jpg", library / "no.jpg")
    assert result.stdout == f"{library}/a.jpg: {RED}\n"
    assert f"{library}/bad.jpg: this is a text file, not a picture" in result.stderr
    assert f"{library}/no.jpg: there is no such file or folder" in result.stderr
    assert result.exit_code == 3
    assert cli("caption", library / "no.jpg").exit_code == 1


def test_watch_takes_up_what_is_new_and_tells_no_failure_twice(
    cli: Cli, library: Path, db: Path, monkeypatch: pytest.MonkeyPatch, loads: list[dict[str, object]]
) -> None:
    (library / "bad.jpg").write_text("hello")
    looks = []

    def sleep(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 2:
            Image.new("RGB", (50, 30), "white").save(library / "c.jpg")
        if len(looks) == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", sleep)
    result = cli("watch", library, "--db", db, "--interval", "7", standalone_mode=True)
    assert looks == [5, 7, 5, 7]
    assert result.stdout.splitlines() == [
        f"{library}/a.jpg: {RED}",
        f"{library}/b.png: {BLUE}",
        f"{library}/c.jpg: a white photo 50 by 30",
    ]
    assert result.stderr.count("bad.jpg") == 1
    assert result.exit_code == 130
    assert len(loads) == 1


def test_watch_leaves_a_file_alone_until_it_rests(
    cli: Cli, library: Path, db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, growing, looks = (library / "a.jpg").read_bytes(), library / "new.jpg", []
    growing.write_bytes(whole[:200])
    seen_captions = []

    def sleep(seconds: float) -> None:
        looks.append(seconds)
        seen_captions.append(read_caption(library / "b.png").text)
        if len(looks) <= 3:
            with growing.open("ab") as file:  # as a copying program does, which would go on in a file that is replaced
                file.write(whole[100 * len(looks) + 100 : 100 * len(looks) + 200] if len(looks) < 3 else whole[400:])
        if len(looks) == 6:
            raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", sleep)
    result = cli("watch", library, "--db", db, standalone_mode=True)
    assert looks == [5, 5, 5, 5, 60, 60]
    assert seen_captions[:2] == [None, BLUE]  # the others need not wait for it
    assert "new.jpg" not in result.stderr
    assert result.stdout.splitlines()[-1] == f"{growing}: {RED}"
    with Image.open(growing) as image:
        image.load()


def test_watch_waits_while_another_indexes(cli: Cli, library: Path, db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from photocap.index import PhotoIndex

    busy = ExitStack()
    busy.enter_context(busy.enter_context(PhotoIndex.open(db, create=True)).indexing())
    looks = []

    def sleep(_: float) -> None:
        looks.append(None)
        if len(looks) == 1:
            busy.close()
        if len(looks) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", sleep)
    result = cli("watch", library, "--db", db, standalone_mode=True)
    assert "the next look tries again" in result.stderr
    assert f"{library}/a.jpg: {RED}" in result.stdout


def test_labels_reach_json_show_and_search(cli: Cli, library: Path, db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def see(_self: FakeCaptioner, images: Sequence[Image.Image]) -> list[Caption]:
        labels = (Label("cat", 0.97), Label("animal", 0.9))
        return [
            Caption(text="a thing", confidence=0.5, labels=labels, words=(WordProbability("a", 0.8),)) for _ in images
        ]

    monkeypatch.setattr(FakeCaptioner, "caption_batch", see)
    (printed, *_) = objects(cli("caption", library / "a.jpg", "--json"))
    assert printed["labels"] == [{"name": "cat", "probability": 0.97}, {"name": "animal", "probability": 0.9}]
    assert printed["words"] == [{"word": "a", "probability": 0.8}]
    (indexed, *_) = objects(cli("index", library / "a.jpg", "--db", db, "--json"))
    assert indexed["labels"] == printed["labels"]
    assert "labels     cat 0.97, animal 0.90" in cli("show", library / "a.jpg", "--db", db).stdout
    (shown,) = objects(cli("show", library / "a.jpg", "--db", db, "--json"))
    assert shown["labels"] == printed["labels"]
    assert "a.jpg" in cli("search", "label:cat", "--db", db).stdout
    assert "a.jpg" not in cli("search", "label:dog", "--db", db).stdout
