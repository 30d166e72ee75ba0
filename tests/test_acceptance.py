"""When a model that was trained further takes the place of another one: never by luck, never by what it lost."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import Result
from PIL import Image
from safetensors.torch import save_file
from tokens import tokens
from torchvision.models import resnet18
from toy_training import CAPTIONS, QUICK, draw, request, write_corpus

from photocap.captioning.model_files import BASE, read_model_info
from photocap.captioning.model_store import InstalledModels
from photocap.captioning.registry import load_captioner
from photocap.cli import settings, train_options, train_run
from photocap.training import init as starting
from photocap.training import judge, measure_names, prepare_training
from photocap.training.acceptance import Judgement, compare
from photocap.training.names import find_names
from photocap.training.state import DevCaptions, DevScore, EpochRow, TrainingState


def trained(
    before: Sequence[float], epochs: Sequence[Sequence[float]], distinct: float = 0.9, sentence: str = "a dog"
) -> TrainingState:
    rows = [
        EpochRow(
            epoch=i + 1, step=i, train_loss=1.0, dev_loss=1.0, cider_d=float(np.mean(each)), distinct=distinct,
            learning_rate=1e-3, seconds=1.0,
        )
        for i, each in enumerate(epochs)
    ]  # fmt: skip
    said = [sentence] * len(before)
    return TrainingState(
        before=DevScore(1.0, float(np.mean(before)), 0.8),
        before_captions=DevCaptions(said, list(before)),
        best_captions=DevCaptions(said, list(epochs[0])),
        cider_d_each=[list(each) for each in epochs],
        epoch=len(rows),
        history=rows,
    )


def references(photos: int) -> list[list[tuple[str, ...]]]:
    return [[("caption", "number", str(i))] for i in range(photos)]


def verdict_on(state: TrainingState, **also: object) -> Judgement:
    photos = len(state.cider_d_each[0])
    return judge(state, references(photos), photos=10 * photos, **also)  # type: ignore[arg-type]


def noisy_scores(seed: int, photos: int, epochs: int) -> tuple[list[float], list[list[float]]]:
    """Return CIDEr-D of models that are equally good: skewed as it is, the same photos hard for all of them."""
    rng = np.random.default_rng(seed)
    hard = rng.gamma(0.7, 60.0, photos)

    def speak() -> list[float]:
        changed = rng.random(photos) < 0.6  # the other sentences stay as they were
        return np.where(changed, hard * rng.gamma(2.0, 0.5, photos), hard).tolist()

    return speak(), [speak() for _ in range(epochs)]


@pytest.mark.parametrize(("photos", "epochs"), [(30, 1), (30, 8), (100, 8)])
def test_equal_models_are_told_apart_in_at_most_one_of_twenty_cases(photos: int, epochs: int) -> None:
    replaced = 0
    for seed in range(200):
        before, after = noisy_scores(seed, photos, epochs)
        replaced += verdict_on(trained(before, after)).accepted
    assert replaced <= 10


def test_the_interval_alone_would_be_fooled_by_the_best_of_many_epochs() -> None:
    found = [compare(*noisy_scores(seed, 100, 8)) for seed in range(200)]
    assert sum(c.low > 0 for c in found) > 10 >= sum(c.chance <= 0.025 for c in found)


def test_a_model_that_is_better_on_most_photos_is_accepted() -> None:
    rng = np.random.default_rng(0)
    before = rng.gamma(0.7, 60.0, 60)
    found = verdict_on(trained(before.tolist(), [(before + rng.normal(10, 15, 60)).tolist()]))
    assert found.accepted
    assert re.search(r"60 photos kept back \(\+\d+\.\d, 95 % interval \+\d", found.reason)


def test_nine_tenths_of_a_point_over_seven_photos_is_nothing() -> None:
    found = judge(trained([50.0] * 7, [[50.9] * 7]), references(7), photos=60)
    assert not found.accepted
    assert "caption some 198 more photos" in found.reason


BEFORE, AFTER = [50.0] * 30, [[60.0] * 30]


def test_what_repeats_itself_forgets_or_is_worse_than_what_is_in_use_is_refused() -> None:
    assert verdict_on(trained(BEFORE, AFTER)).accepted
    assert "repeats itself" in verdict_on(trained(BEFORE, AFTER, distinct=0.3)).reason
    assert verdict_on(trained(BEFORE, AFTER), lost_elsewhere=2.9).accepted
    assert "forgets" in verdict_on(trained(BEFORE, AFTER), lost_elsewhere=3.1).reason
    better_in_use = DevCaptions(["a cat"] * 30, [70.0] * 30)
    assert "instead of 70.0 of the model in use" in verdict_on(trained(BEFORE, AFTER), in_use=better_in_use).reason


def test_names_are_words_with_capitals_in_the_middle_of_sentences() -> None:
    captions = [
        "Anna and Rex at the lake", "Rex runs. The dog of Anna sleeps", "My garden with Rex's ball",
        "A Dog on a Beach in the Evening", "Rose in the garden", "a rose for McKenzie", "I saw McKenzie", "The lake",
    ]  # fmt: skip
    assert find_names(captions, {"the", "rose", "dog"}) == {"anna": "Anna", "rex": "Rex", "mckenzie": "McKenzie"}


def test_names_are_counted_where_people_say_them_and_where_they_do_not() -> None:
    people = [["anna and rex at the lake"], ["a dog on a beach", "rex on a beach"], ["a red car"]]
    found = measure_names(["anna", "rex"], ["Anna's dog", "Rex runs.", "Rex in a car."], tokens(people))
    assert (found.wanted, found.said, found.said_wrongly, found.photos) == (3, 2, 1, 3)
    assert str(found) == "2 of 3 (67%), wrongly on 1 of 3 photos"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the toy with 32 photos that are kept back."""
    folder = tmp_path_factory.mktemp("corpus")
    write_corpus(folder)
    with open(folder / "captions.csv", "a", newline="") as file:
        for colour, caption in CAPTIONS.items():
            for i in range(7):
                draw(colour, folder / f"{colour}-kept{i}.png", 2 * i)
                csv.writer(file).writerow([f"{colour}-kept{i}.png", caption, "dev"])
    return folder


@pytest.fixture(scope="module")
def learned(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("learned")
    save_file(resnet18(weights=None).state_dict(), folder / "resnet18.safetensors")
    config = replace(QUICK, epochs=8, photos_per_step=4)
    job = request(corpus, folder / "resnet18.safetensors", folder / "model", config)
    assert prepare_training(job).training.run()
    return folder / "model"


Train = Callable[..., tuple[Result, InstalledModels]]


@pytest.fixture
def train_on(
    corpus: Path, learned: Path, cli: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Train:
    """Return a function that trains the toy as if it were the base model, on changed captions."""
    for module in (starting, train_run):
        monkeypatch.setattr(module, "base_model_dir", lambda: learned / "best")
    monkeypatch.setattr(
        train_options,
        "_OWNERS_RECIPE",
        {"learning_rate": 1e-2, "photos_per_step": 8, "start_share": 0.2, "min_count": 1},
    )
    monkeypatch.chdir(tmp_path)

    def run(rename: Callable[[str], str], *options: object) -> tuple[Result, InstalledModels]:
        (corpus / "own.csv").write_text("".join(map(rename, (corpus / "captions.csv").read_text().splitlines(True))))
        result = cli("train", corpus / "own.csv", "--images", corpus, "--epochs", 6, "--device", "cpu", *options)
        assert result.exit_code == 0, result.output
        return result, settings.installed_models()

    return run


def swap(line: str) -> str:
    swapped = {"red ball": "green trees", "green trees": "red ball"}
    return re.sub("|".join(swapped), lambda m: swapped[m[0]], line)


def test_a_model_that_learned_the_owners_captions_is_put_to_use(train_on: Train) -> None:
    result, models = train_on(swap)
    assert "\nbetter: CIDEr-D" in result.output
    assert models.current_name() == "photocap-model"
    assert models.rollback() == BASE


@pytest.mark.parametrize("options", [["--no-use"], ["--output", "experiment"]])
def test_an_experiment_changes_nothing_that_is_in_use(train_on: Train, options: list[str]) -> None:
    result, models = train_on(swap, *options)
    assert "\nbetter: CIDEr-D" in result.output
    assert "kept aside; the model in use stays" in result.output
    assert models.names() == [BASE]


def test_an_experiment_is_put_to_use_where_that_is_asked_for(train_on: Train) -> None:
    _, models = train_on(swap, "--output", "experiment", "--use")
    assert models.current_name() == "experiment"


def test_a_model_that_got_worse_is_kept_aside(train_on: Train, tmp_path: Path) -> None:
    result, models = train_on(lambda line: line if line.endswith("dev\n") else re.sub("a |some|two", "not one", line))
    assert "kept aside" in result.output
    assert (tmp_path / "photocap-model" / "best" / "config.json").is_file()
    assert models.names() == [BASE]


def test_what_other_people_wrote_must_not_be_forgotten(train_on: Train, corpus: Path) -> None:
    result, models = train_on(swap, "--check", corpus / "captions.csv")
    assert "it forgets: CIDEr-D fell by" in result.output
    assert models.names() == [BASE]


def test_names_are_said_with_capitals_and_counted(train_on: Train, tmp_path: Path, corpus: Path) -> None:
    result, _ = train_on(
        lambda line: line.replace("a red ball", "my dog Rex").replace("near", "with Anna near"), "--epochs", 12
    )
    found = re.search(
        r"names said where they belong: (\d+) of 16 \(\d+%\), wrongly on .*; before 0 of 16", result.output
    )
    assert found is not None, result.output
    assert int(found[1]) >= 8, result.output
    best = tmp_path / "photocap-model" / "best"
    assert read_model_info(best).names == {"rex": "Rex", "anna": "Anna"}
    pictures = [Image.open(corpus / f"{colour}12.png").convert("RGB") for colour in ("red", "green")]
    said = " ".join(c.text for c in load_captioner(best, device="cpu").caption_batch(pictures))
    assert re.search("Rex|Anna", said)
    assert not re.search("rex|anna", said)
