"""`photocap review`: one step back, the picture in the terminal, the sentence to edit, and no lock while it waits."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import pytest
from click.testing import Result
from fakes import FakeCaptioner
from PIL import Image
from rich.console import Console
from systems import posix_only

from photocap.cli import console, picture
from photocap.index import PhotoIndex
from photocap.library.edit import correct
from photocap.library.indexing import index_photos
from photocap.metadata import Origin, WritePolicy, read_caption
from photocap.records import Verdict

Cli = Callable[..., Result]
RED, BLUE = "a red photo 40 by 30", "a blue photo 41 by 30"


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "photos"
    root.mkdir()
    Image.new("RGB", (40, 30), "red").save(root / "red.jpg")
    Image.new("RGB", (41, 30), "blue").save(root / "blue.jpg")
    monkeypatch.setenv("PHOTOCAP_DB", str(tmp_path / "index.db"))
    with PhotoIndex.open(tmp_path / "index.db", create=True) as index:
        index_photos([root], index, FakeCaptioner)
    return root


def captions(db: Path) -> list[str | None]:
    with PhotoIndex.open(db, read_only=True) as index:
        return [row.caption for row in index.photos.all()]  # blue, red


@pytest.mark.parametrize("decision", ["a", "eAnna at the lake\n"])
def test_a_step_back_takes_the_decision_back(cli: Cli, library: Path, tmp_path: Path, decision: str) -> None:
    before = (library / "red.jpg").read_bytes()
    done = cli("review", input=f"{decision}bq")
    assert done.exit_code == 0, done.output
    assert re.findall(r"(\d) of 2", done.stdout) == ["1", "2", "1"]
    assert "0 accepted, 0 edited, 0 rejected" in done.stderr
    assert (library / "red.jpg").read_bytes() == before
    assert captions(tmp_path / "index.db") == [BLUE, RED]
    assert "1 of 2" in cli("review", input="q").stdout  # it waits for a person again


def test_steps_back_over_a_rejected_and_a_skipped_photo(
    cli: Cli, library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("photocap.cli.commands.review._can_answer", lambda: True)
    done = cli("review", input="brsbbsrq")
    assert "there is nothing to go back to" in done.stderr
    assert re.findall(r"(\d) of 2", done.stdout) == ["1", "2", "2", "1", "2"]
    assert done.stderr.count("That was the last one") == 2
    assert "0 accepted, 0 edited, 1 rejected" in done.stderr
    assert captions(tmp_path / "index.db") == [None, RED]
    assert read_caption(library / "blue.jpg").origin is Origin.NOBODY
    with PhotoIndex.open(tmp_path / "index.db") as index:
        index_photos([library], index, FakeCaptioner)
    assert read_caption(library / "red.jpg").text == RED  # what was rejected and taken back comes into the file again


def test_nothing_is_locked_while_a_decision_is_waited_for(
    cli: Cli, library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = iter("aaq")
    monkeypatch.setattr("photocap.index.writer_lock.PATIENCE_S", 0.0)

    def edit_meanwhile() -> str:
        key = next(keys)
        if key == "a":
            with PhotoIndex.open(tmp_path / "index.db") as index:
                row = index.photos.get(library / "red.jpg")
                assert row is not None
                run_id = index.runs.start("edit")
                correct(index, run_id, row.picture_hash or "", "Anna", WritePolicy(), verdict=Verdict.EDITED)
        return key

    monkeypatch.setattr(click, "getchar", edit_meanwhile)
    done = cli("review")
    assert "Somebody changed this caption meanwhile; it is now: Anna" in done.stderr
    assert "1 accepted, 0 edited, 0 rejected" in done.stderr  # the other one
    assert captions(tmp_path / "index.db") == [BLUE, "Anna"]


def test_words_that_were_emptied_are_asked_for_again(cli: Cli, library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["", "Anna"])
    monkeypatch.setattr("photocap.cli.commands.review.edit_line", lambda *_: next(answers))
    done = cli("review", input="eeq")
    assert "The caption is empty" in done.stderr
    assert "1 edited" in done.stderr
    assert read_caption(library / "red.jpg").text == "Anna"


def on_a_terminal(monkeypatch: pytest.MonkeyPatch, **options: Any) -> io.StringIO:
    out = io.StringIO()
    screen = Console(file=out, force_terminal=True, width=20, height=12, _environ={}, **options)
    monkeypatch.setattr(console, "stdout", lambda: screen)
    return out


def test_a_terminal_with_colours_shows_the_picture_in_half_blocks(
    library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "textual_image.renderable", None)
    out = on_a_terminal(monkeypatch, color_system="truecolor")
    picture.show_picture(library / "red.jpg")
    lines = out.getvalue().splitlines()
    assert [line.count("\u2580") for line in lines] == [16] * 6  # a row is as high as two columns are wide
    assert re.search(r"38;2;25\d;0;0;48;2;25\d;0;0m", lines[0])


def test_a_terminal_that_can_do_more_is_asked(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graphics = ModuleType("textual_image.renderable")
    sizes = []

    def draw(image: Image.Image, width: int, height: int) -> str:
        sizes.append((image.size, width, height))
        return "sixels"

    vars(graphics)["Image"] = draw
    monkeypatch.setitem(sys.modules, "textual_image.renderable", graphics)
    out = on_a_terminal(monkeypatch, color_system="truecolor")
    picture.show_picture(library / "red.jpg")
    assert (out.getvalue(), sizes) == ("sixels\n", [((40, 30), 16, 6)])


def test_no_picture_without_colours_and_none_of_a_photo_that_cannot_be_read(
    library: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = on_a_terminal(monkeypatch, color_system=None)
    picture.show_picture(library / "red.jpg")
    out_of_bad = on_a_terminal(monkeypatch, color_system="truecolor")
    (library / "bad.jpg").write_text("hello")
    picture.show_picture(library / "bad.jpg")
    assert out.getvalue() == out_of_bad.getvalue() == ""
    assert "this is a text file" in capsys.readouterr().err


@posix_only
def test_on_a_terminal_the_sentence_stands_there_to_be_edited() -> None:
    pytest.importorskip("readline")
    master, slave = os.openpty()
    code = "from photocap.cli.line_editor import edit_line; print('[' + edit_line('words', 'a dog') + ']')"
    with subprocess.Popen([sys.executable, "-c", code], stdin=slave, stdout=slave, stderr=slave) as running:
        os.close(slave)
        shown = b""
        while b"a dog" not in shown:
            shown += os.read(master, 1_024)
        os.write(master, b" runs\n")
        while b"]" not in shown:
            shown += os.read(master, 1_024)
        assert running.wait(60) == 0
    os.close(master)
    assert b"[a dog runs]" in shown
