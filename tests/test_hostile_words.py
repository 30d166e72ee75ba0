"""Words from photos, caption files and models are data: for terminals, spreadsheets, JSON and the network."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys

import pytest

from photocap.captioning.config import ModelConfig
from photocap.captioning.model_files import CONFIG, base_model_dir, read_model_info
from photocap.cli import console
from photocap.cli.terminal import GuardedStream, guard_terminal, unguarded, visible
from photocap.datasets import read_captions
from photocap.datasets.spreadsheet import as_cell, from_cell
from photocap.errors import CaptionFileError, CheckpointError
from photocap.index import CaptionRecord, PhotoIndex, PhotoRecord
from photocap.records import CaptionSource

posix_only = pytest.mark.skipif(not hasattr(os, "openpty"), reason="no pseudo-terminals here")
EVIL = "\x1b]0;owned\x07\x9b31mdog\x7f\r"


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_control_characters_become_visible():
    assert visible("a\tb\n\x1b[31m\x9b\x7f\r") == "a\tb\n\\x1b[31m\\x9b\\x7f\\x0d"
    assert visible("åé犬🐕 ") == "åé犬🐕 "


def test_terminals_are_guarded_and_pipes_are_not(monkeypatch):
    out, err = Terminal(), io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    guard_terminal()
    guard_terminal()
    sys.stdout.write(EVIL + "\n")
    sys.stdout.writelines([EVIL, "\n"])
    assert sys.stderr is err
    assert isinstance(sys.stdout, GuardedStream)
    assert unguarded(sys.stdout) is out
    assert out.getvalue() == 2 * (visible(EVIL) + "\n")


def test_json_has_no_control_characters(capsysbinary):
    console.emit_json({"caption": EVIL})
    line = capsysbinary.readouterr().out.decode()
    assert json.loads(line)["caption"] == EVIL
    assert not any(ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 for c in line.rstrip("\n"))


@pytest.fixture
def library(tmp_path):
    """Return an index of one photo whose caption and camera are commands for terminals and spreadsheets."""
    db = tmp_path / "index.db"
    with PhotoIndex.open(db, create=True) as index:
        words = CaptionRecord(text="=cmd|' /C calc'!A0 dog " + EVIL.strip(), source=CaptionSource.PERSON)
        photo = PhotoRecord(
            path=tmp_path / "-a\x1b[2J.jpg",
            size_bytes=1,
            mtime_ns=2,
            inode=3,
            device=4,
            picture_hash="0" * 40,
            caption=words,
        )
        index.record_batch(index.runs.start("test"), [photo])
    return db


OWN_LINK = re.compile(r"\x1b\]8;[^;\x1b]*;(?:file:///[\w./%-]*)?\x1b\\")  # nothing but a percent-encoded path


@posix_only
@pytest.mark.parametrize(
    "arguments",
    [
        ["search", "dog"],
        ["search", "dog", "--csv"],
        ["search", "dog", "--json"],
        ["search", "dog", "-0"],
        ["export", "--captions", "-"],
        ["explain", "1"],
        ["status"],
    ],
)
def test_nothing_commands_the_terminal(arguments, library):
    seen = on_a_terminal([*arguments, "--db", library])
    assert "dog" in seen or arguments[0] in ("status", "explain") or "-0" in arguments
    seen = OWN_LINK.sub("", seen)
    assert "\x1b]" not in seen
    assert "\x1b[2J" not in seen
    assert not {"\x07", "\x7f", "\x9b"} & {*seen}


@posix_only
def test_problems_of_caption_files_do_not_command_the_terminal(tmp_path):
    table = tmp_path / "captions.csv"
    table.write_text(f"image,caption\n{EVIL.strip()}.jpg,a dog\n")
    seen = on_a_terminal(["evaluate", table, "--images", tmp_path, "--split", "all"])
    assert "owned" in seen
    assert not {"\x07", "\x7f", "\x9b"} & {*seen}
    assert "\x1b]" not in seen


def on_a_terminal(arguments):
    """Return what a command writes to a terminal."""
    controller, terminal = os.openpty()
    done = subprocess.Popen(
        [sys.executable, "-m", "photocap", *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=terminal,
        stderr=terminal,
        env={**os.environ, "COLUMNS": "500"},
    )
    os.close(terminal)
    seen = b""
    while True:
        try:
            piece = os.read(controller, 1 << 16)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        seen += piece
    done.wait(60)
    os.close(controller)
    return seen.decode("utf-8", "replace")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-a dog", "@SUM(A1)", "\tx", "\rx", "'=1", "''-x"])
def test_formulas_are_text_in_tables_and_themselves_again_when_read(text):
    assert as_cell(text).startswith("'")
    assert from_cell(as_cell(text)) == text


@pytest.mark.parametrize("value", ["a dog", "", "'tis", "' =", 0.5, -0.5, None])
def test_everything_else_stays(value):
    assert as_cell(value) == value
    if isinstance(value, str):
        assert from_cell(value) == value


def test_tables_of_search_and_export_hold_no_formulas(library, cli, tmp_path):
    found = cli("search", "dog", "--csv", "--db", library)
    (row,) = csv.DictReader(io.StringIO(found.stdout))
    assert row["caption"].startswith("'=cmd")
    cli("export", "--captions", tmp_path / "captions.csv", "--db", library)
    (row,) = read_captions(tmp_path / "captions.csv").rows
    assert row.caption.startswith("=cmd")  # type: ignore[attr-defined]


def coco(tmp_path, images, annotations):
    path = tmp_path / "captions.json"
    path.write_text(json.dumps({"images": images, "annotations": annotations}))
    return path


GOOD = {"id": 1, "file_name": "a.jpg"}, {"image_id": 1, "caption": "a dog"}


@pytest.mark.parametrize("odd", [[1], {"a": 1}, None, 1.5])
def test_odd_ids_of_coco_are_problems(odd, tmp_path):
    path = coco(tmp_path, [GOOD[0], {"id": odd, "file_name": "b.jpg"}, 7], [GOOD[1], {"image_id": odd, "caption": "x"}])
    table = read_captions(path)
    assert [row.image for row in table.rows] == ["a.jpg"]
    assert [problem.line for problem in table.problems] == [2, 2, 3]
    with pytest.raises(CaptionFileError, match="needs a number as id"):
        read_captions(coco(tmp_path, [{"id": odd, "file_name": "b.jpg"}], []))


def test_two_images_of_one_id_are_a_problem(tmp_path):
    table = read_captions(coco(tmp_path, [GOOD[0], {"id": 1, "file_name": "b.jpg"}], [GOOD[1]]))
    assert [row.image for row in table.rows] == ["a.jpg"]
    assert "id 1 of another one" in table.problems[0].text


@pytest.mark.parametrize("name", ["../a.jpg", "x/../../a.jpg", ".."])
def test_images_outside_their_folder_are_problems(name, tmp_path):
    table = tmp_path / "captions.csv"
    table.write_text(f"image,caption\n{name},a cat\nx/../a.jpg,a dog\n..a.jpg,a cow\n")
    captions = read_captions(table)
    assert [row.caption for row in captions.rows] == ["a dog", "a cow"]
    assert "leads out of the folder" in captions.problems[0].text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("beam_size", 10**6),
        ("beam_size", 0),
        ("max_words", 10**6),
        ("min_words", -1),
        ("hidden_size", 65_536),
        ("attention_heads", 10**9),
        ("image_size_px", 100_000),
        ("joint_size", 1 << 30),
        ("label_slots", 10**6),
        ("prototype_count", 10**6),
        ("prototype_labels", 10**4),
        ("length_penalty", float("inf")),
        ("length_penalty", 10**30),
        ("similarity_scale", float("nan")),
        ("image_std", [0.0, 1.0, 1.0]),
        ("image_mean", [1.0]),
        ("image_mean", ["a", "b", "c"]),
        ("confidence", [float("nan")] * 6),
    ],
)
def test_what_a_model_may_ask_for_is_bounded(name, value, tmp_path):
    values = json.loads((base_model_dir() / CONFIG).read_text())
    assert isinstance(getattr(ModelConfig(), name), (int, float, tuple))
    values["model"][name] = value
    (tmp_path / CONFIG).write_text(json.dumps(values))
    with pytest.raises(CheckpointError, match="not a photocap model configuration"):
        read_model_info(tmp_path)
