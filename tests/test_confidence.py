"""Confidence: fitted to outcomes; the parent's until many say otherwise; both are kept and shown beside each other."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from math import exp
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import Result
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import save_file
from test_checkpoint import edit_config
from torchvision.models import resnet18
from toy_training import CAPTIONS, QUICK, request, run

from photocap.captioning.confidence import Platt, auroc, expected_calibration_error, fit_platt
from photocap.captioning.config import ModelConfig, TrainConfig
from photocap.captioning.evidence import EVIDENCE, calibration_of
from photocap.captioning.model_files import read_model_info
from photocap.captioning.registry import load_captioner
from photocap.errors import CheckpointError
from photocap.training.init import start_model
from photocap.training.state import DevCaptions, DevScore
from photocap.training.validate import Validation

PARENT = Platt((2.0, 4.0), -1.0)


def outcomes(platt: Platt, count: int, seed: int = 0) -> tuple[NDArray[np.float64], list[bool]]:
    """Return scores of captions, and which are right where a calibration tells the truth."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(count, len(platt.scales)))
    return scores, (rng.random(count) < [platt(*row) for row in scores.tolist()]).tolist()


def of(platt: Platt, scores: NDArray[np.float64]) -> list[float]:
    return [platt(*row) for row in scores.tolist()]


def test_a_fit_without_a_parent_finds_what_made_the_outcomes() -> None:
    found = fit_platt(*outcomes(PARENT, 20_000))
    assert (*found.scales, found.offset) == pytest.approx((2.0, 4.0, -1.0), rel=0.06)
    assert fit_platt(np.zeros((0, 2)), []) == Platt((0.0, 0.0), 0.0)
    few, right = outcomes(PARENT, 4, seed=3)
    assert max(map(abs, fit_platt(few, right).scales)) < 10  # perfectly separated, and still not certain


def test_a_handful_of_captions_hardly_changes_the_parents_calibration() -> None:
    fresh, truth = outcomes(PARENT, 2000, seed=1)
    for seed in range(20):
        scores, right = outcomes(Platt((0.0, 0.0), 0.0), 29, seed)  # by these 29 nothing tells right from wrong
        found = of(fit_platt(scores, right, PARENT), fresh)
        assert auroc(found, truth) == pytest.approx(auroc(of(PARENT, fresh), truth), abs=0.005)
        assert expected_calibration_error(found, truth) < 0.1
    alone = [fit_platt(*outcomes(Platt((0.0, 0.0), 0.0), 29, seed)) for seed in range(20)]
    assert min(a for fit in alone if (a := auroc(of(fit, fresh), truth))) < 0.3  # what happened before


def test_many_captions_change_it() -> None:
    other = Platt((0.0, 5.0), 1.0)
    scores, right = outcomes(other, 8000)
    found = fit_platt(scores, right, PARENT)
    fresh, truth = outcomes(other, 2000, seed=1)
    assert found.scales[0] < 0.3
    assert expected_calibration_error(of(found, fresh), truth) < 0.03
    assert expected_calibration_error(of(PARENT, fresh), truth) > 0.1


def validation(count: int) -> Validation:
    scores, right = outcomes(Platt((1.0,) * len(EVIDENCE), 0.0), count)
    return Validation(DevScore(1.0, 50.0, 0.9), DevCaptions(["a"] * count, [100.0 * r for r in right]), scores)


def test_the_parents_calibration_is_kept_beside_the_new_one() -> None:
    base = ModelConfig(confidence=(1.0, 2.0, 3.0, 4.0, 5.0, 6.0), neutral_confidence=(0.5,) * 6)
    child = validation(50).fit_confidence(base)
    assert child.parent_confidence == base.confidence != child.confidence
    assert child.neutral_confidence == base.neutral_confidence
    grandchild = validation(50).fit_confidence(child)
    assert grandchild.parent_confidence == child.confidence
    old = validation(50).fit_confidence(ModelConfig(confidence_scale=3.0))  # fitted before there were six numbers
    assert old.parent_confidence == (3.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    assert validation(50).fit_confidence(ModelConfig()).parent_confidence == ()


def test_an_encoder_that_learns_leaves_the_likeness_behind_and_not_the_calibration() -> None:
    captions = [["a", "dog", "runs"]] * 3
    base = start_model("base", ModelConfig(), TrainConfig(), captions).model.config
    tuned = start_model("base", ModelConfig(), TrainConfig(fine_tune="last"), captions).model.config
    assert (len(base.confidence), tuned.joint_size, tuned.confidence) == (len(EVIDENCE) + 1, 0, ())
    few = replace(validation(29), evidence=validation(29).evidence * [1, 0, 1, 1, 1])
    found = few.fit_confidence(tuned)
    expected = Platt(found.parent_confidence[:-1], found.parent_confidence[-1])
    assert expected.scales == (base.confidence[0], 0.0, *base.confidence[2:5])
    assert np.mean(of(expected, few.evidence)) == pytest.approx(np.mean(few.right), abs=0.03)
    assert np.corrcoef(found.confidence[:-1], expected.scales)[0, 1] > 0.9


@pytest.fixture(scope="module")
def generations(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return the toy's model, and the one that came of it by one more epoch."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("models")
    save_file(resnet18(weights=None).state_dict(), folder / "resnet18.safetensors")
    assert run(request(corpus, folder / "resnet18.safetensors", folder / "first"))
    assert run(request(corpus, folder / "first" / "best", folder / "further", replace(QUICK, epochs=1)))
    return folder / "first" / "best", folder / "further" / "best"


@pytest.fixture
def further(generations: tuple[Path, Path], tmp_path: Path) -> Path:
    """Return a copy of the later model, to change."""
    return shutil.copytree(generations[1], tmp_path / "further")


def change(folder: Path, **settings: tuple[float, ...]) -> None:
    edit_config(folder, model={**read_model_info(folder).config.to_json(), **settings})


def test_evaluate_shows_the_parents_calibration_beside_the_models_own(
    generations: tuple[Path, Path], further: Path, corpus: Path, cli: Callable[..., Result]
) -> None:
    parent, child = (read_model_info(folder).config for folder in generations)
    assert child.parent_confidence == parent.confidence
    command = ("evaluate", corpus / "captions.csv", "--images", corpus, "--device", "cpu", "--engine", "torch-float32")
    shown = cli(*command, "--model", further)
    assert shown.exit_code == 0, shown.output
    assert "refitted" in shown.output
    assert "; as the parent is calibrated 0." in shown.output
    change(further, parent_confidence=())  # as models of before have none
    assert "as the parent is calibrated" not in cli(*command, "--model", further).output


def test_a_caption_has_both_confidences(further: Path, corpus: Path) -> None:
    own, parent = (0.5, 0.0, 0.0, 0.0, 0.0, 0.1), (0.7, 0.0, 0.2, 0.0, 0.0, -0.3)
    pictures = [Image.open(corpus / f"{colour}12.png").convert("RGB") for colour in CAPTIONS]
    change(further, confidence=own, parent_confidence=parent)
    shown = load_captioner(further, device="cpu").caption_batch(pictures)
    change(further, confidence=parent, parent_confidence=())
    by_parent = load_captioner(further, device="cpu").caption_batch(pictures)
    assert [c.parent_confidence for c in shown] == [c.confidence for c in by_parent]
    assert not {c.confidence for c in shown} & {c.confidence for c in by_parent}
    assert {c.parent_confidence for c in by_parent} == {None}


def test_neutral_captions_keep_the_parents_calibration(further: Path, corpus: Path) -> None:
    change(further, neutral_confidence=(0.1,) * 6)
    picture = Image.open(corpus / "red12.png").convert("RGB")
    (found,) = load_captioner(further, device="cpu", neutral_people=True).caption_batch([picture])
    assert found.parent_confidence is None


def test_a_calibration_of_the_wrong_length_is_refused(further: Path) -> None:
    change(further, parent_confidence=(1.0, 2.0))
    with pytest.raises(CheckpointError, match="a confidence has six numbers"):
        read_model_info(further)


def test_what_was_never_fitted_says_the_mean_probability_of_a_word() -> None:
    assert calibration_of(ModelConfig(), neutral_people=False)(-1.0, 0, 0, 0, 0) == pytest.approx(1 / (1 + exp(1)))
