"""The encoder in 8 bits: what is measured, where it is kept, and how near it comes to float32."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from test_onnx_engine import SMALL, WORDS, make_model, make_squares

from photocap.captioning.checkpoint import save_checkpoint
from photocap.captioning.engine import GeneratedSentences, Sight
from photocap.captioning.engine_choice import load_engine
from photocap.captioning.inference import calibration
from photocap.captioning.inference.activation_ranges import read_faithful_captions, read_ranges, write_ranges
from photocap.captioning.inference.calibration import _best_range, _Judge, calibrate, measure_ranges
from photocap.captioning.inference.onnx_engine import OnnxEngine
from photocap.captioning.inference.weights import load_weights
from photocap.captioning.model_files import RANGES, read_model_info
from photocap.captioning.model_store import InstalledModels
from photocap.captioning.vocabulary import END, Vocabulary
from photocap.errors import PhotocapError


@pytest.fixture
def model_dir(tmp_path: Path) -> Path:
    config = replace(SMALL, encoder="resnet50", label_count=0)
    state = make_model(config).state_dict()
    save_checkpoint(tmp_path / "small", state, config, Vocabulary(WORDS), name="small", training={})
    return tmp_path / "small"


@pytest.fixture(autouse=True)
def processor_with_int8(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("photocap.captioning.engine_choice.has_int8", lambda: True)


def places(folder: Path, squares: NDArray[np.uint8], engine: str) -> tuple[str, NDArray[np.float32]]:
    loaded = load_engine(read_model_info(folder), engine)
    found = loaded.see(squares).places
    assert found is not None
    return loaded.name, found


def test_a_calibrated_model_runs_in_8_bits_and_sees_nearly_the_same(model_dir: Path) -> None:
    squares = make_squares(12)
    with pytest.raises(PhotocapError, match="photocap models calibrate"):
        places(model_dir, squares, "onnx-int8")
    calibrate(model_dir, squares)
    name, rounded = places(model_dir, squares, "onnx-int8")
    assert name == "onnx, int8 on the CPU"
    write_ranges(read_model_info(model_dir), read_ranges(read_model_info(model_dir)) or {}, faithful_captions=0.9)
    full_name, exact = places(model_dir, squares, "onnx")
    assert full_name == "onnx, float32 on the CPU"
    assert (rounded * exact).sum(axis=1).min() > 0.98
    assert not np.array_equal(rounded, exact)


@pytest.mark.parametrize("first", ["stem", "layer1", "layer2"])
def test_stages_in_8_bits_go_on_from_those_in_float32(model_dir: Path, first: str) -> None:
    squares = make_squares(12)
    info = read_model_info(model_dir)
    weights = load_weights(info)
    stages = ("stem", "layer1", "layer2", "layer3", "layer4")
    rounded = stages[stages.index(first) :]
    ranges = {name: each for name, each in measure_ranges(info, weights, squares).items() if name.startswith(rounded)}
    exact, found = (OnnxEngine(info, weights, ranges=each).see(squares).places for each in (None, ranges))
    assert exact is not None
    assert found is not None
    error = np.linalg.norm(found - exact) / np.linalg.norm(exact - exact.mean(axis=0))  # photos differ by little
    assert 0 < error < 0.8


def test_8_bits_are_taken_unasked_only_where_captions_stay_as_good(model_dir: Path) -> None:
    info = read_model_info(model_dir)
    ranges = {"stem": (0.0, 4.0)}
    for faithful, engine, expected in (
        (0.96, "auto", "int8"),
        (0.94, "auto", "float32"),
        (0.94, "onnx-int8", "int8"),
        (0.96, "onnx-float32", "float32"),
    ):
        write_ranges(info, ranges, faithful_captions=faithful)
        assert read_faithful_captions(info) == faithful
        assert load_engine(info, engine, device="cpu").name == f"onnx, {expected} on the CPU"


@pytest.mark.parametrize(
    ("harmful", "rounded"),
    [
        ((), {"stem", "layer1", "layer2", "layer3", "layer4"}),
        (("stem", "layer1"), {"layer2", "layer3", "layer4"}),
        (("stem", "layer1", "layer2", "layer3", "layer4"), {"stem", "layer1", "layer2", "layer3", "layer4"}),
    ],
)
def test_the_first_stages_stay_in_float32_where_that_keeps_captions(
    model_dir: Path, monkeypatch: pytest.MonkeyPatch, harmful: tuple[str, ...], rounded: set[str]
) -> None:
    monkeypatch.setattr(calibration, "OnnxEngine", lambda _info, _weights, ranges=None: ranges or {})

    class Judge:
        def __init__(self, *_: object) -> None:
            pass

        def faithful(self, ranges: Iterable[str]) -> float:
            return float(not any(name.startswith(harmful) for name in ranges))

    monkeypatch.setattr(calibration, "_Judge", Judge)
    calibrate(model_dir, make_squares())
    info = read_model_info(model_dir)
    assert {name.partition(".")[0] for name in read_ranges(info) or {}} == rounded
    assert read_faithful_captions(info) == float(len(harmful) < 5)


class _Saying(OnnxEngine):
    """An engine that says the same sentence of every picture."""

    said: NDArray[np.int64]

    def speak(self, sight: Sight, **_: object) -> GeneratedSentences:
        return self.rate(sight, np.repeat(self.said[None], sight.count, axis=0))


@pytest.mark.parametrize(("scale", "faithful"), [(0.0, 1.0), (100.0, 0.0)])
def test_another_caption_is_as_good_where_float32_is_about_as_sure_of_it(
    model_dir: Path, scale: float, faithful: float
) -> None:
    info, squares = read_model_info(model_dir), make_squares(4)
    weights = load_weights(info)
    engine, other = OnnxEngine(info, weights), _Saying(info, weights)
    sight = engine.see(squares)
    usual = float(engine.speak(sight).mean_log_prob.min())
    one_word = {word: engine.rate(sight, np.full((4, 1), word)).mean_log_prob.max() for word in range(4, len(WORDS))}
    other.said = np.array([min(one_word, key=lambda word: one_word[word])] * 6 + [END])
    config = replace(
        info.config, confidence_scale=scale, confidence_likeness=0.0, confidence_offset=-scale * usual, plain_below=0.0
    )
    judge = _Judge(replace(info, config=config), engine, squares)
    assert judge.faithful(engine) == 1.0
    assert judge.faithful(other) == faithful


def test_a_sentence_is_rated_as_when_it_was_said(model_dir: Path) -> None:
    info = read_model_info(model_dir)
    engine = OnnxEngine(info, load_weights(info))
    sight = engine.see(make_squares(5))
    spoken = engine.speak(sight)
    rated = engine.rate(sight, spoken.tokens)
    assert np.allclose(rated.log_probs, spoken.log_probs, atol=1e-4)
    assert np.allclose(rated.mean_log_prob, spoken.mean_log_prob, atol=1e-4)
    assert np.allclose(rated.likeness, spoken.likeness, atol=1e-5)


def test_ranges_of_other_weights_are_not_used(model_dir: Path) -> None:
    calibrate(model_dir, make_squares())
    info = read_model_info(model_dir)
    assert read_ranges(info)
    assert read_ranges(replace(info, weights_sha256="1" * 64)) is None
    (model_dir / RANGES).write_text("{")
    assert read_ranges(info) is None


def test_a_range_leaves_out_what_is_rare_and_far() -> None:
    values = np.random.default_rng(0).normal(size=100_000).astype(np.float32)
    low, high = _best_range(np.append(values, np.float32(40)))
    assert low < -2
    assert 3 < high < 40
    assert _best_range(np.linspace(0, 1, 1000, dtype=np.float32)) == (0.0, pytest.approx(1.0, abs=0.03))
    assert _best_range(np.zeros(5, np.float32)) == (0.0, 0.0)


def test_an_installed_model_brings_its_ranges(model_dir: Path, tmp_path: Path) -> None:
    calibrate(model_dir, make_squares())
    models = InstalledModels(tmp_path / "models")
    models.install(model_dir, "holidays")
    assert read_ranges(read_model_info(models.path_of("holidays")))


def test_the_command_measures_on_the_photos_of_a_folder(model_dir: Path, tmp_path: Path, cli) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, square in enumerate(make_squares(5)):
        Image.fromarray(square).save(folder / f"{number}.png")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    done = cli("models", "calibrate", folder, "--model", model_dir)
    assert done.exit_code == 0, done.output
    assert "5 photos" in done.stderr
    assert "broken.jpg" in done.stderr
    assert all(high > low for low, high in json.loads((model_dir / RANGES).read_text())["ranges"].values())
    assert read_ranges(read_model_info(model_dir))
    (tmp_path / "empty").mkdir()
    assert cli("models", "calibrate", tmp_path / "empty", "--model", model_dir).exit_code == 1
