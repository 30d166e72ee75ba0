"""`photocap bench`: what it measures and that it leaves photos and index alone. No test here is timed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from test_onnx_engine import SMALL, WORDS, make_model

from photocap.captioning import engine_choice
from photocap.captioning.checkpoint import save_checkpoint
from photocap.captioning.vocabulary import Vocabulary
from photocap.library.speed import STAGES, Speed
from photocap.library.stopwatch import Stopwatch
from photocap.photos import picture_hash
from photocap.photos.made_up_photos import make_photos


@pytest.fixture
def model_dir(tmp_path: Path) -> Path:
    config = replace(SMALL, joint_size=8)
    state = make_model(config).state_dict()
    save_checkpoint(tmp_path / "small", state, config, Vocabulary(WORDS), name="small", training={})
    return tmp_path / "small"


def speed(**values: Any) -> Speed:
    known = {"photos": 8, "megapixels": 12.0, "index": 10.0, "peak_bytes": None, "busy": {}, "plain": 2.0}
    return Speed(**(known | {"decode": 60.0, "network": 30.0, "shares_processors": True} | values))


def test_the_limit_adds_times_where_processors_are_shared() -> None:
    assert speed().limit == pytest.approx(20.0)
    assert speed(shares_processors=False).limit == 30.0
    assert speed(busy={"walk": 0.1, "decode": 0.9, "network": 0.4}).bottleneck == "decode"


@pytest.mark.parametrize(
    ("engine", "device", "gpu", "shared"),
    [
        ("auto", "auto", False, True),
        ("torch", "auto", False, True),
        ("torch", "cpu", True, True),
        ("auto", "auto", True, False),
        ("torch", "cuda", True, False),
    ],
)
def test_processors_are_shared_where_no_gpu_runs_the_network(
    engine: str, device: str, gpu: bool, shared: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_choice, "has_gpu", lambda: gpu)
    assert engine_choice.runs_on_cpu(engine, device) is shared


def test_a_stopwatch_adds_up_each_stage() -> None:
    watch = Stopwatch()
    with watch.stage("a"), watch.stage("b"):
        pass
    assert list(watch.each("c", [1, 2])) == [1, 2]
    assert set(watch.seconds) == {"a", "b", "c"}
    assert watch.seconds["a"] >= watch.seconds["b"]


def test_made_up_photos_are_as_large_as_asked_for_and_all_different(tmp_path: Path) -> None:
    paths = list(make_photos(tmp_path, 3, megapixels=0.3))
    assert len({picture_hash(path) for path in paths}) == 3
    with Image.open(paths[0]) as image:
        assert image.width * image.height == pytest.approx(300_000, rel=0.01)
        assert np.asarray(image).std() > 20


def test_bench_measures_the_run_and_its_parts(cli: Any, model_dir: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    paths = list(make_photos(folder, 5, megapixels=0.05))
    before = [path.read_bytes() for path in paths]
    asked = ["bench", folder, "--photos", 4, "--model", model_dir, "--engine", "onnx", "--batch-size", 2]
    done = cli(*asked, "--json")
    assert done.exit_code == 0, done.output
    values = json.loads(done.stdout)
    assert values["photos"] == 4
    assert set(values["busy"]) == set(STAGES)
    assert all(values[rate] > 0 for rate in ("index", "plain", "decode", "network", "limit"))
    assert [path.read_bytes() for path in paths] == before
    assert not (tmp_path / "index.db").exists()


def test_a_folder_without_photos_is_wrong_usage(cli: Any, tmp_path: Path) -> None:
    assert cli("bench", tmp_path).exit_code == 2
