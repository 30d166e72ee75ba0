"""Killed and interrupted runs, as real processes: the same command continues, and ends as if nothing had happened."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeCaptioner, fake_caption
from PIL import Image
from systems import posix_only

from photocap.index import PhotoIndex, PhotoState
from photocap.library.indexing import index_photos
from photocap.metadata import Origin, read_caption
from photocap.photos import picture_hash
from photocap.records import Written

TESTS = Path(__file__).parent

pytestmark = posix_only


def command(*arguments: object) -> list[str]:
    return [sys.executable, str(TESTS / "fake_photocap.py"), *map(str, arguments)]


def environment(**more: Any) -> dict[str, str]:
    paths = os.pathsep.join([str(TESTS), str(TESTS.parent)])
    return os.environ | {"PYTHONPATH": paths} | {name: str(value) for name, value in more.items()}


def run(*arguments: Any, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), env=environment(**more), capture_output=True, text=True, timeout=60, check=False
    )


def make_library(root: Path, count: int) -> dict[Path, str]:
    """Make photos of four formats; return the caption that each must end with."""
    root.mkdir()
    expected = {}
    for i in range(count):
        path = root / f"{i:03d}.{('jpg', 'png', 'webp', 'tif')[i % 4]}"
        image = Image.new("RGB", (40 + i, 30), ("red", "blue")[i % 2])
        image.save(path)
        expected[path] = fake_caption(image)
    return expected


def check_nothing_is_harmed(hashes: dict[Path, str], expected: dict[Path, str]) -> None:
    """At any moment each photo is the old one or the new one, whole."""
    for path, before in hashes.items():
        assert picture_hash(path) == before
        with Image.open(path) as image:
            image.load()
        found = read_caption(path)
        assert found.problem == ""
        assert (found.text, found.origin) in ((None, Origin.NOBODY), (expected[path], Origin.PHOTOCAP))


def check_final_state(root: Path, db: Path, expected: dict[Path, str]) -> None:
    with PhotoIndex.open(db, read_only=True) as index:
        rows = {row.path: (row.caption, row.state, row.written) for row in index.photos.all()}
        assert rows == {path: (text, PhotoState.PRESENT, Written.EMBEDDED) for path, text in expected.items()}
        assert index.undo.open_rows() == []
        undo = [row.record.path for row in index.undo.rows()]
    assert sorted(undo) == sorted(expected)  # each write once, and each can be taken back
    assert {path: read_caption(path).text for path in expected} == expected
    assert set(root.iterdir()) == set(expected)


@pytest.mark.parametrize("die_at", [2, 14, 25, 26, 40, 55])
def test_killed_at_any_write_the_same_command_goes_on(tmp_path: Path, die_at: int) -> None:
    root, db = tmp_path / "photos", tmp_path / "index.db"
    expected = make_library(root, 12)
    hashes = {path: picture_hash(path) for path in expected}
    killed = run("index", root, "--db", db, DIE_AT=die_at)
    assert killed.returncode == -signal.SIGKILL
    check_nothing_is_harmed(hashes, expected)
    again = run("index", root, "--db", db)
    assert again.returncode == 0, again.stderr
    check_nothing_is_harmed(hashes, expected)
    check_final_state(root, db, expected)


@pytest.mark.slow
def test_killed_again_and_again_at_every_write(tmp_path: Path) -> None:
    root, db = tmp_path / "photos", tmp_path / "index.db"
    expected = make_library(root, 40)
    hashes = {path: picture_hash(path) for path in expected}
    for die_at in range(1, 400):
        if run("index", root, "--db", db, DIE_AT=die_at).returncode == 0:
            break
        check_nothing_is_harmed(hashes, expected)
    check_final_state(root, db, expected)


@pytest.mark.slow
def test_restore_that_is_killed_again_and_again_gives_every_file_back(tmp_path: Path) -> None:
    root, db = tmp_path / "photos", tmp_path / "index.db"
    originals = {path: path.read_bytes() for path in make_library(root, 12)}
    assert run("index", root, "--db", db).returncode == 0
    captioned = {path: path.read_bytes() for path in originals}
    for die_at in range(1, 400):
        if run("restore", "--db", db, DIE_AT=die_at).returncode == 0:
            break
        assert all(path.read_bytes() in (originals[path], captioned[path]) for path in originals)
    assert run("restore", "--db", db).returncode in (0, 3)  # 3: nothing is left to do
    assert {path: path.read_bytes() for path in originals} == originals
    assert run("index", root, "--db", db).returncode == 0
    assert set(root.iterdir()) == set(originals)


@pytest.mark.slow
def test_a_disk_that_fills_up_at_any_write_harms_nothing(tmp_path: Path) -> None:
    for full_at in (1, 2, 3, 5, 8, 12):
        root, db = tmp_path / f"photos{full_at}", tmp_path / f"{full_at}.db"
        expected = make_library(root, 12)
        hashes = {path: picture_hash(path) for path in expected}
        full = run("index", root, "--db", db, FULL_AT=full_at)
        assert full.returncode in (1, 3), full.stderr  # 1: not even the lock could be written
        assert "Traceback" not in full.stderr
        assert "No space left on device" in full.stderr + full.stdout
        check_nothing_is_harmed(hashes, expected)
        assert set(root.iterdir()) == set(expected)  # no temporary file is left
        assert run("index", root, "--db", db).returncode == 0
        check_final_state(root, db, expected)


@pytest.mark.slow
def test_an_index_that_cannot_grow_harms_nothing(tmp_path: Path) -> None:
    for max_bytes in (8_192, 120_000, 250_000, 400_000):
        root, db = tmp_path / f"photos{max_bytes}", tmp_path / f"{max_bytes}.db"
        expected = make_library(root, 60)
        originals = {path: path.read_bytes() for path in expected}
        hashes = {path: picture_hash(path) for path in expected}
        full = run("index", root, "--db", db, MAX_FILE_BYTES=max_bytes)
        assert "Traceback" not in full.stderr
        check_nothing_is_harmed(hashes, expected)
        again = run("index", root, "--db", db)
        assert again.returncode == 0, again.stderr
        check_final_state(root, db, expected)
        assert run("restore", "--db", db).returncode == 0
        assert {path: path.read_bytes() for path in expected} == originals


def test_killed_from_outside_keeps_all_that_was_told(tmp_path: Path) -> None:
    root, db = tmp_path / "photos", tmp_path / "index.db"
    expected = make_library(root, 24)
    process = subprocess.Popen(
        command("index", root, "--db", db, "--json"),
        env=environment(FAKE_DELAY_S=0.3),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    told = [json.loads(process.stdout.readline())["path"] for _ in range(9)]
    process.kill()
    process.wait()
    process.stdout.close()
    with PhotoIndex.open(db, read_only=True) as index:
        recorded = {str(row.path) for row in index.photos.all()}
    assert set(told) <= recorded  # what was told is durable
    again = run("index", root, "--db", db, "--json")
    outcomes = [json.loads(line)["outcome"] for line in again.stdout.splitlines()]
    assert outcomes.count("unchanged") == len(recorded)
    assert outcomes.count("captioned") == 24 - len(recorded)
    check_final_state(root, db, expected)


def test_ctrl_c_ends_in_order_with_130(tmp_path: Path) -> None:
    root, db = tmp_path / "photos", tmp_path / "index.db"
    expected = make_library(root, 24)
    process = subprocess.Popen(
        command("index", root, "--db", db),
        env=environment(FAKE_DELAY_S=0.3),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert "the same command continues" in errors
    with PhotoIndex.open(db, read_only=True) as index:
        done = {row.path for row in index.photos.all()}
    assert 0 < len(done) < 24
    assert set(root.iterdir()) == set(expected)  # no temporary file is left
    assert f"{len(done)} unchanged" in run("index", root, "--db", db).stderr
    check_final_state(root, db, expected)


def test_while_one_run_writes_others_read_and_a_second_run_is_told(tmp_path: Path) -> None:
    root, db = tmp_path / "photos", tmp_path / "index.db"
    make_library(root, 12)
    seen = []

    def look(_: object) -> None:
        with PhotoIndex.open(db, read_only=True) as reader:
            seen.append(len(list(reader.photos.all())))
        if len(seen) == 5:
            second = run("index", root, "--db", db)
            assert second.returncode == 5
            assert "is indexing into it" in second.stderr
            assert "Traceback" not in second.stderr

    with PhotoIndex.open(db, create=True) as index:
        index_photos([root], index, FakeCaptioner, on_result=look)
    assert seen == [4] * 4 + [8] * 4 + [12] * 4


def test_a_run_that_is_killed_while_it_walks_leaves_a_sound_index(tmp_path: Path) -> None:
    root, db = tmp_path / "photos", tmp_path / "index.db"
    expected = make_library(root, 12)
    for wait_s in (0.15, 0.3, 0.45):
        process = subprocess.Popen(
            command("index", root, "--db", db),
            env=environment(FAKE_DELAY_S=0.1),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(wait_s)
        process.kill()
        process.wait()
    assert run("index", root, "--db", db).returncode == 0
    check_final_state(root, db, expected)
