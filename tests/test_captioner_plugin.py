"""Captioners of other distributions: the one in docs/adding-a-captioner.md, built and installed as a user would."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import REPOSITORY
from PIL import Image

from photocap.captioning.model_files import base_model_dir
from photocap.captioning.registry import hash_files, kinds, load_captioner, load_text_encoder, read_facts
from photocap.errors import CheckpointError

PAGE = (REPOSITORY / "docs" / "adding-a-captioner.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    return re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that the distribution of the page is installed into."""
    if not all(map(importlib.util.find_spec, ("pip", "hatchling"))):
        pytest.skip("pip or hatchling is missing")
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("target")
    (source / "mean_colour.py").write_text(block("python"))
    (source / "pyproject.toml").write_text(block("toml"))
    offline = ["--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check", "--quiet"]
    subprocess.run([sys.executable, "-m", "pip", "install", *offline, "--target", target, source], check=True)
    return target


@pytest.fixture
def colours(tmp_path: Path) -> Path:
    folder = tmp_path / "colours-model"
    folder.mkdir()
    (folder / "config.json").write_text(block("json"))
    return folder


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photos" / "a.png"
    path.parent.mkdir()
    Image.new("RGB", (90, 70), (200, 30, 20)).save(path)
    return path


@pytest.fixture
def photocap(installed: Path, own_home: Path):  # noqa: ARG001 - sets the home
    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(REPOSITORY), str(installed)])}
        command = [sys.executable, "-m", "photocap", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)

    return run


def test_every_command_goes_through_a_plugin(photocap, colours: Path, photo: Path, tmp_path: Path) -> None:
    db = tmp_path / "index.db"
    assert photocap("caption", "--model", colours, photo).stdout == f"{photo}: Something red.\n"
    done = photocap("index", photo.parent, "--model", colours, "--db", db)
    assert (done.returncode, done.stderr) == (0, "1 captioned\n")
    digest = hash_files([colours / "config.json"])
    shown = json.loads(photocap("show", "--json", photo, "--db", db).stdout)
    assert f"colours@{digest[:12]}" in json.dumps(shown)
    facts = json.loads(photocap("models", "info", "--json", colours).stdout)
    assert (facts["kind"], facts["weights_sha256"]) == ("mean-colour", digest)
    findings = photocap("doctor", "--json", "--model", colours, "--db", db)
    found = {f["subject"]: f for f in map(json.loads, findings.stdout.splitlines())}
    assert found["model"]["ok"], found
    assert "mean_colour, 16 photos a batch" in found["engine"]["text"]
    (tmp_path / "captions.csv").write_text(f"image,caption\n{photo},a red wall\n{photo},something red\n")
    scores = photocap("evaluate", tmp_path / "captions.csv", "--model", colours, "--split", "all", "--json")
    assert json.loads(scores.stdout)["photos"] == 1, scores.stderr


def test_a_plugin_s_model_is_installed_and_used(photocap, colours: Path, photo: Path) -> None:
    assert photocap("models", "use", colours).stderr.startswith("colours is in use")
    (colours / "config.json").unlink()
    assert photocap("caption", photo).stdout == f"{photo}: Something red.\n"
    assert re.search(r"^\* colours +colours@", photocap("models", "list").stdout, re.MULTILINE)


def test_a_kind_that_is_not_installed_is_named(colours: Path) -> None:
    with pytest.raises(CheckpointError, match=r"'mean-colour', for which no captioner is installed .*resnet-lstm, vlm"):
        load_captioner(colours)


def test_no_distribution_takes_the_place_of_a_built_in_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: str) -> None:
        raise AssertionError("entry points were looked up")

    monkeypatch.setattr("importlib.metadata.entry_points", fail)
    assert read_facts().kind == "resnet-lstm"


def test_the_base_model_goes_through_the_registry() -> None:
    assert {"resnet-lstm", "vlm"} <= set(kinds())
    facts = read_facts()
    assert facts.directory == base_model_dir()
    assert facts.space_id
    assert facts.weights_sha256 == hash_files([base_model_dir() / "model.safetensors"])
    assert load_text_encoder() is not None
