"""Training for real, in small: learning by heart, resume bit for bit, the self-critical reward, the learning rate."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import Result
from PIL import Image
from safetensors.torch import load_file
from toy_training import CAPTIONS, QUICK, SIZES, draw, request, run, stop_after

from photocap.captioning.config import TrainConfig
from photocap.captioning.model_files import read_model_info
from photocap.captioning.network import CaptionModel, Features
from photocap.captioning.registry import load_captioner
from photocap.captioning.text_encoder import load_text_encoder
from photocap.errors import CheckpointError, TrainingError
from photocap.metrics import cider_d
from photocap.training import JointTraining, Recall, TrainRequest, prepare_training
from photocap.training.init import grow_words
from photocap.training.loop import Training
from photocap.training.losses import sample
from photocap.training.optim import learning_rate_at
from photocap.training.state import WeightAverage


@pytest.fixture(scope="module")
def learned(corpus: Path, weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("learned") / "model"
    config = replace(QUICK, epochs=6, photos_per_step=4)
    assert prepare_training(request(corpus, weights, output, config)).training.run()
    return output


def test_four_captions_are_learned_by_heart(learned: Path, corpus: Path) -> None:
    captioner = load_captioner(learned / "best", device="cpu")
    pictures = [Image.open(corpus / f"{colour}12.png").convert("RGB") for colour in CAPTIONS]
    found = captioner.caption_batch(pictures)
    assert [c.text.lower().rstrip(".") for c in found] == list(CAPTIONS.values())
    assert all(0.0 <= c.confidence <= 1.0 for c in found)


def test_a_run_leaves_its_table_curves_best_and_last(learned: Path) -> None:
    rows = list(csv.DictReader((learned / "training.csv").read_text().splitlines()))
    assert [row["epoch"] for row in rows] == [str(i + 1) for i in range(len(rows))]
    assert float(rows[-1]["dev_loss"]) < float(rows[0]["dev_loss"])
    with Image.open(learned / "training.png") as picture:
        assert picture.format == "PNG"
    assert (learned / "best" / "model.safetensors").stat().st_size < (
        learned / "last" / "model.safetensors"
    ).stat().st_size


@pytest.mark.parametrize(("scst", "accumulate"), [(False, 1), (True, 2)])
def test_resume_continues_bit_for_bit(corpus: Path, weights: Path, tmp_path: Path, scst: bool, accumulate: int) -> None:
    config = replace(
        QUICK,
        word_dropout=0.3,
        self_critical=scst,
        samples_per_photo=3,
        photos_per_step=8 // accumulate,
        accumulate=accumulate,
    )
    whole, parts = (request(corpus, weights, tmp_path / name, config) for name in ("whole", "parts"))
    assert run(whole)
    assert not run(parts, stop_after(3))  # in the middle of the first epoch
    assert not run(replace(parts, resume=True), stop_after(5))  # in the second
    assert run(replace(parts, resume=True))
    for file in ("last/model.safetensors", "last/training.safetensors", "best/model.safetensors"):
        first, second = load_file(tmp_path / "whole" / file), load_file(tmp_path / "parts" / file)
        assert first.keys() == second.keys()
        assert all(torch.equal(first[n], second[n]) for n in first), file

    def scores(name: str) -> list[list[str]]:
        return [
            list(r.values())[:-1] for r in csv.DictReader((tmp_path / name / "training.csv").read_text().splitlines())
        ]

    assert scores("whole") == scores("parts")
    facts = [read_model_info(tmp_path / name / "best").training for name in ("whole", "parts")]
    assert facts[0]["new_words"] == facts[1]["new_words"] > 0


def test_fine_tuning_moves_every_layer_and_no_statistic(corpus: Path, learned: Path, tmp_path: Path) -> None:
    config = replace(QUICK, epochs=1, fine_tune="all", photos_per_step=16, encoder_learning_rate=1e-3)
    job = request(corpus, learned / "best", tmp_path / "tuned", config)
    assert run(job)
    before, after = (
        load_file(learned / "best" / "model.safetensors"),
        load_file(tmp_path / "tuned" / "last" / "model.safetensors"),
    )
    for name in before:
        statistic = "running_" in name or "num_batches" in name or "pooled_" in name
        assert torch.equal(before[name].float(), after[name].float()) == statistic, name


def cider_of_drawn_captions(training: Training) -> float:
    """Return CIDEr-D over captions drawn for the training photos: what is rewarded, where the best of a beam jumps."""
    torch.manual_seed(5)
    training.model.eval()
    (batch,) = training.train.captions.batches(len(training.train.captions))
    with torch.no_grad(), training.engine.autocast():
        drawn = sample(training.model.decoder, training.train.features(batch, None), samples=5)
    vocabulary = training.checkpoints.vocabulary
    said = [vocabulary.decode(ids) for ids in drawn.tolist()]
    return cider_d(said, [r for r in training.train.captions.references for _ in range(5)])[0]


def test_self_critical_training_raises_the_reward(corpus: Path, weights: Path, tmp_path: Path) -> None:
    started = request(corpus, weights, tmp_path / "xe", replace(QUICK, epochs=1))
    assert run(started)
    config = replace(QUICK, epochs=8, photos_per_step=4, learning_rate=3e-3, self_critical=True, patience=9)
    config = replace(config, cross_entropy_weight=0.0)  # the reward alone has to do it
    training = prepare_training(request(corpus, tmp_path / "xe" / "best", tmp_path / "rl", config)).training
    before = cider_of_drawn_captions(training)
    assert training.run()
    with training.average.applied():
        assert cider_of_drawn_captions(training) > 1.5 * before


def test_resume_without_a_run_is_a_clear_message(corpus: Path, weights: Path, tmp_path: Path) -> None:
    job = request(corpus, weights, tmp_path / "new")
    with pytest.raises(CheckpointError, match=r"cannot go on from it.*--resume"):
        prepare_training(replace(job, resume=True))


def test_bad_rows_and_photos_are_listed_and_nothing_left_is_an_error(weights: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no picture")
    draw("red", tmp_path / "ok.png", 0)
    table = tmp_path / "captions.csv"
    table.write_text(
        "image,caption,split\nbroken.png,a ball,train\nok.png,a ball,train\nok.png,,train\ngone.png,a ball,dev\n"
    )
    job = TrainRequest(
        captions=[table],
        images=[tmp_path],
        output=tmp_path / "out",
        init=str(weights),
        model=SIZES,
        config=QUICK,
        device="cpu",
    )
    with pytest.raises(TrainingError, match=r"no usable photo is left in the split 'dev'.*line 4"):
        prepare_training(job)
    table.write_text(table.read_text() + "ok2.png,a ball,dev\n")
    draw("red", tmp_path / "ok2.png", 0)
    prepared = prepare_training(job)
    problems = prepared.problems
    assert [p.line for p in problems] == [4, 5, 0]
    assert "broken.png" in problems[-1].text
    spread = prepared.training.model.decoder.pooled_std
    assert torch.all(spread == spread.min())  # of one photo: the broken one's black square does not count


def test_photos_with_captions_by_their_owner_are_training_data(weights: Path, tmp_path: Path) -> None:
    library = tmp_path / "library"
    library.mkdir()
    for colour, caption in CAPTIONS.items():
        exif = Image.Exif()
        exif[0x010E] = caption  # ImageDescription
        Image.new("RGB", (64, 64), colour).save(library / f"{colour}.jpg", exif=exif)
    job = TrainRequest(
        captions=[library],
        images=[],
        output=tmp_path / "out",
        init=str(weights),
        model=SIZES,
        config=QUICK,
        device="cpu",
    )
    training = prepare_training(job).training
    sides = [{" ".join(photo.captions[0]) for photo in side.captions.photos} for side in (training.train, training.dev)]
    assert sides[0] | sides[1] == set(CAPTIONS.values())
    assert len(sides[1]) == 1


def test_learning_rate_warms_up_and_falls() -> None:
    config = TrainConfig(warmup_steps=10, final_rate=0.02)
    rates = [learning_rate_at(step, 100, config) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == rates[10] == pytest.approx(1.0)
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] == pytest.approx(0.02, abs=0.01)


def joint_job(corpus: Path, init: Path, output: Path, epochs: int) -> TrainRequest:
    config = replace(QUICK, epochs=epochs, word_dropout=0.0)
    return replace(request(corpus, init, output, config), model=replace(SIZES, joint_size=16))


def run_joint(job: TrainRequest) -> Recall:
    prepared = prepare_training(job)
    training = JointTraining(prepared.training, tell=lambda *_: None)
    if prepared.resumes:
        training.resume()
    assert training.run()
    assert training.state.best is not None
    return training.state.best


def test_the_joint_space_puts_photos_near_their_captions(corpus: Path, learned: Path, tmp_path: Path) -> None:
    job = joint_job(corpus, learned / "best", tmp_path / "joint", 30)
    assert run_joint(job).at_1 == 100.0
    captioner = load_captioner(tmp_path / "joint" / "best", device="cpu")
    encoder = load_text_encoder(tmp_path / "joint" / "best")
    assert encoder is not None
    found = captioner.caption_batch([Image.open(corpus / f"{c}12.png").convert("RGB") for c in CAPTIONS])
    places = [np.frombuffer(c.embedding or b"", "<f2").astype(np.float32) for c in found]
    texts = [encoder.encode(caption) for caption in CAPTIONS.values()]
    assert [int(np.argmax([t @ p for p in places])) for t in texts] == [0, 1, 2, 3]
    assert [c.text for c in found] == [
        c.text
        for c in load_captioner(learned / "best", device="cpu").caption_batch(
            [Image.open(corpus / f"{c}12.png").convert("RGB") for c in CAPTIONS]
        )
    ]


def test_a_space_is_kept_only_where_it_finds_more(
    corpus: Path, learned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("photocap.training.joint_space.JointSpace.recall", lambda *_: Recall(50.0, 100.0, 100.0))
    told: list[bool] = []
    training = JointTraining(
        prepare_training(joint_job(corpus, learned / "best", tmp_path / "joint", 1)).training,
        tell=lambda _epoch, _loss, _recall, best: told.append(best),
    )
    assert training.run()
    assert (training.state.best, told) == (None, [False])
    assert not (tmp_path / "joint" / "best").exists()


def test_a_space_trained_in_parts_is_the_one_trained_at_once(
    corpus: Path, learned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("photocap.training.joint.PHOTOS_PER_STEP", 12)  # four steps an epoch
    whole, parts = (joint_job(corpus, learned / "best", tmp_path / name, 4) for name in ("whole", "parts"))
    run_joint(whole)
    for stops in (2, 3, 5):  # within the first epoch, while it is measured, within a later one
        prepared = prepare_training(replace(parts, resume=stops > 2))
        training = JointTraining(prepared.training, tell=lambda *_: None)
        if prepared.resumes:
            training.resume()
        prepared.training.progress = stop_after(stops)
        assert not training.run()
    run_joint(replace(parts, resume=True))
    for file in ("last/model.safetensors", "last/training.safetensors", "best/model.safetensors"):
        first, second = load_file(tmp_path / "whole" / file), load_file(tmp_path / "parts" / file)
        assert first.keys() == second.keys()
        assert all(torch.equal(first[n], second[n]) for n in first), file
    configs = [read_model_info(tmp_path / name / "best") for name in ("whole", "parts")]
    assert configs[0].config == configs[1].config
    run_joint(replace(parts, resume=True))  # what is finished stays so


def test_of_a_known_space_few_captions_change_little(corpus: Path, learned: Path, tmp_path: Path) -> None:
    run_joint(joint_job(corpus, learned / "best", tmp_path / "first", 1))
    job = joint_job(corpus, tmp_path / "first" / "best", tmp_path / "again", 4)
    training = JointTraining(prepare_training(job).training, tell=lambda *_: None)
    weight = training.space.joint.image.weight
    before = weight.detach().clone()
    assert training.run()
    learned_all = torch.norm(weight - before).item()
    with training.average.applied():
        assert 0 < torch.norm(weight - before) < 0.02 * learned_all  # four kept-back captions against 400


def test_a_space_is_not_resumed_from_a_training_of_captions(corpus: Path, learned: Path) -> None:
    with pytest.raises(CheckpointError, match="something else was trained there"):
        prepare_training(replace(joint_job(corpus, learned / "best", learned, 1), resume=True))


def test_new_words_change_nothing_that_was_said_before() -> None:
    torch.manual_seed(0)
    sizes = replace(SIZES, joint_size=8)
    old, new = CaptionModel(sizes, 12).eval(), CaptionModel(sizes, 15).eval()
    new.load_state_dict(grow_words(old.state_dict(), 15))
    features = Features(torch.randn(2, 4, SIZES.feature_size), torch.randn(2, SIZES.encoder_channels))
    tokens, lengths, counts = torch.tensor([[1, 5, 6], [1, 7, 8]]), torch.tensor([3, 3]), torch.tensor([1, 1])
    with torch.no_grad():
        before, after = old.decoder(features, tokens, lengths, counts), new.decoder(features, tokens, lengths, counts)
    assert torch.equal(before, after[:, :, :12])
    assert (after[:, :, 12:].amax(dim=2) < before.amax(dim=2)).all()


def test_training_further_learns_new_words_and_a_finished_run_leaves_no_cache(
    corpus: Path, learned: Path, tmp_path: Path, cli: Callable[..., Result]
) -> None:
    table = (corpus / "captions.csv").read_text().replace("red ball", "red Zeppelin")
    (corpus / "renamed.csv").write_text(table)
    output = tmp_path / "further"
    result = cli(
        "train", corpus / "renamed.csv", "--images", corpus, "--init", learned / "best", "--output", output,
        "--epochs", 2, "--device", "cpu",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    words = read_model_info(output / "best").words
    assert read_model_info(output / "best").config.beam_size == SIZES.beam_size  # the model's own, not the default
    assert words[: len(words) - 1] == read_model_info(learned / "best").words
    assert words[-1] == "zeppelin"
    training = read_model_info(output / "best").training
    assert training["started_from"] == read_model_info(learned / "best").training
    left = {p.name for p in output.iterdir()} - {"tensorboard"}  # where that is installed
    assert left == {"best", "last", "training.csv", "training.png"}


def test_what_is_kept_lies_between_the_start_and_the_average() -> None:
    layer = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.constant_(layer.weight, 2.0)
    average = WeightAverage(layer, decay=0.0, start_share=0.25)
    torch.nn.init.constant_(layer.weight, 6.0)
    average.update(1)
    with average.applied():
        assert layer.weight.item() == pytest.approx(5.0)
    assert layer.weight.item() == 6.0


def test_captions_are_wanted_from_somewhere(cli: Callable[..., Result]) -> None:
    result = cli("train")
    assert result.exit_code == 2
    assert "--from-library" in result.output
