"""Large steps in parts: accumulated or shared by processes, they are the same step. Rates, logs, other networks."""

from __future__ import annotations

import csv
import multiprocessing
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import pytest
import torch
from click.testing import Result
from safetensors.torch import load_file
from torchvision.models import WeightsEnum
from toy_training import QUICK, SIZES, prepare_smooth, request, train_as_one_of, write_corpus

from photocap.captioning.captioner import NetworkCaptioner
from photocap.captioning.config import Optimizer, TrainConfig
from photocap.captioning.model_files import read_model_info
from photocap.captioning.network import CaptionModel
from photocap.captioning.registry import load_captioner
from photocap.errors import CheckpointError, PhotocapError, TrainingError
from photocap.training import Processes, prepare_training
from photocap.training.init import start_model
from photocap.training.optim import build_optimizer, peak_rate
from photocap.training.state import EpochRow
from photocap.training.tensorboard import log_epoch

SMALL = replace(SIZES, encoder="resnet18", rnn="gru")
LARGE_STEPS = replace(QUICK, photos_per_step=20, label_smoothing=0.1)  # of 20, 20 and 8 photos
HALVES = replace(LARGE_STEPS, photos_per_step=10)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the toy with captions of unlike length, so that parts of a step differ, and a photo nobody can read."""
    folder = tmp_path_factory.mktemp("corpus")
    write_corpus(folder)
    (folder / "broken.png").write_bytes(b"no picture")
    with open(folder / "captions.csv", "a") as file:
        file.write("broken.png,a red ball,train\n")
        file.writelines(
            f"red{i}.png,there is a red ball on the floor of a house with a garden near the sea,train\n"
            for i in range(12)
        )
    return folder


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Take sums in the order in which the processes take them, which have one thread each."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def at_once(corpus: Path, weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a training in which one process takes the photos of a step all at once."""
    output = tmp_path_factory.mktemp("whole") / "model"
    assert prepare_smooth(request(corpus, weights, output, LARGE_STEPS, SMALL), Processes()).run()
    return output


def assert_same_training(one: Path, other: Path) -> None:
    for name in ("model", "training"):
        first, second = (load_file(path / "last" / f"{name}.safetensors") for path in (one, other))
        assert first.keys() == second.keys()
        for tensor in first:
            assert torch.allclose(first[tensor], second[tensor], rtol=0, atol=1e-5), tensor
    states = [read_model_info(path / "last").training["state"] for path in (one, other)]
    assert states[0]["step"] == states[1]["step"] == 6
    for first_row, second_row in zip(*(state["history"] for state in states), strict=True):
        for name in ("train_loss", "dev_loss", "cider_d", "learning_rate"):
            assert first_row[name] == pytest.approx(second_row[name], abs=1e-4), name


def test_accumulated_parts_are_one_large_step(at_once: Path, corpus: Path, weights: Path, tmp_path: Path) -> None:
    job = request(corpus, weights, tmp_path / "parts", replace(HALVES, accumulate=2), SMALL)
    assert prepare_smooth(job, Processes()).run()
    assert_same_training(at_once, tmp_path / "parts")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def write_shards(corpus: Path, folder: Path) -> Path:
    """Write the corpus as two Parquet shards, a row for each photo with its picture inside."""
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    with open(corpus / "captions.csv", newline="") as file:
        rows = [
            {
                "image": {"bytes": (corpus / row["image"]).read_bytes(), "path": row["image"]},
                "captions": [row["caption"]],
                "split": row["split"],
            }
            for row in csv.DictReader(file)
        ]
    folder.mkdir()
    for number, part in enumerate((rows[:30], rows[30:])):
        parquet.write_table(pa.Table.from_pylist(part), folder / f"{number}.parquet")
    return folder


@pytest.mark.parametrize("source", ["table", pytest.param("shards", marks=pytest.mark.slow)])
def test_two_processes_are_one_with_twice_the_batch(
    at_once: Path, corpus: Path, weights: Path, tmp_path: Path, source: str
) -> None:
    job = request(corpus, weights, tmp_path / "shared", HALVES, SMALL)
    if source == "shards":
        job = replace(job, captions=[write_shards(corpus, tmp_path / "shards")], images=[])
    context, port = multiprocessing.get_context("spawn"), free_port()
    workers = [context.Process(target=train_as_one_of, args=(2, rank, port, job)) for rank in range(2)]
    try:
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(timeout=200)
    finally:
        for worker in workers:
            worker.kill()
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert_same_training(at_once, tmp_path / "shared")
    assert read_model_info(tmp_path / "shared" / "best").training["processes"] == 2


def test_a_process_that_ends_is_a_clear_message_in_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(_tensor: torch.Tensor) -> None:
        raise RuntimeError("gloo: connection closed by peer")

    monkeypatch.setattr(torch.distributed, "all_reduce", lost)
    with pytest.raises(TrainingError, match="another process of this training has ended"):
        Processes(rank=1, size=2).any(False)


def test_each_process_has_a_gpu_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    third = Processes(rank=6, size=8, local_rank=2)
    assert [third.device(name) for name in ("auto", "cuda", "cpu")] == ["cuda:2", "cuda:2", "cpu"]
    assert Processes().device("auto") == "auto"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert third.device("auto") == "auto"


@pytest.mark.slow
def test_torchrun_starts_the_command_in_several_processes(corpus: Path, weights: Path, tmp_path: Path) -> None:
    torchrun = ["-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", str(free_port())]
    train = ["-m", "photocap", "train", str(corpus / "captions.csv"), "--output", str(tmp_path / "model")]
    sizes = ["--init", str(weights), "--encoder", "resnet18", "--rnn", "gru", "--epochs", "1", "--device", "cpu"]
    done = subprocess.run(
        [sys.executable, *torchrun, *train, *sizes], capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("epoch 1: train loss") == 1
    found = read_model_info(tmp_path / "model" / "best")
    assert (found.config.encoder, found.config.rnn) == ("resnet18", "gru")
    assert read_model_info(tmp_path / "model" / "last").training["state"]["step"] == 1  # 48 photos, 64 in a step


def test_the_nearer_to_the_pixels_the_slower() -> None:
    config = TrainConfig(learning_rate=8.0, encoder_learning_rate=4.0, stage_rate_decay=0.5)
    assert [peak_rate(above, config) for above in (4, 3, 2, 1, 0)] == [0.25, 0.5, 1.0, 2.0, 4.0]
    assert peak_rate(None, config) == 8.0


def test_every_weight_that_learns_has_one_rate_and_vectors_do_not_decay() -> None:
    model = CaptionModel(SMALL, 12)
    model.encoder.unfreeze(2)
    groups = build_optimizer(model, TrainConfig()).param_groups
    found = [id(p) for group in groups for p in group["params"]]
    assert sorted(found) == sorted(id(p) for p in model.parameters() if p.requires_grad)
    assert {group["peak"] for group in groups} == {1e-3, 3e-5, 3e-5 * 0.7}
    for group in groups:
        assert all((p.ndim >= 2) == (group["weight_decay"] > 0) for p in group["params"])


ROW = EpochRow(
    epoch=3, step=30, train_loss=2.5, dev_loss=2.25, cider_d=50.0, distinct=0.5, learning_rate=1e-3, seconds=9.0
)


def test_tensorboard_gets_each_epoch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: dict[str, tuple[float, int]] = {}
    closed: list[Path] = []

    class Writer:
        def __init__(self, folder: Path) -> None:
            self.folder = folder

        def __enter__(self) -> Writer:
            return self

        def __exit__(self, *_exc: object) -> None:
            closed.append(self.folder)

        def add_scalar(self, name: str, value: float, step: int) -> None:
            told[name] = (value, step)

    fake = ModuleType("torch.utils.tensorboard")
    fake.SummaryWriter = Writer  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", fake)
    log_epoch(tmp_path / "tensorboard", ROW)
    assert closed == [tmp_path / "tensorboard"]
    assert told == {
        "loss/train": (2.5, 3),
        "loss/dev": (2.25, 3),
        "dev/cider_d": (50.0, 3),
        "dev/distinct": (0.5, 3),
        "learning_rate": (1e-3, 3),
    }


def test_without_tensorboard_nothing_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    log_epoch(tmp_path / "tensorboard", ROW)
    assert not list(tmp_path.iterdir())


def test_the_real_tensorboard_reads_what_was_logged(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    log_epoch(tmp_path, ROW)
    events = EventAccumulator(str(tmp_path)).Reload()
    assert [(e.step, e.value) for e in events.Scalars("dev/cider_d")] == [(3, 50.0)]


def test_imagenet_weights_are_those_of_the_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_args: Any, **_kwargs: Any) -> None:
        raise OSError("no network")

    monkeypatch.setattr(WeightsEnum, "get_state_dict", offline)
    with pytest.raises(CheckpointError, match=r"resnet34-.*no network"):
        start_model("imagenet", replace(SMALL, encoder="resnet34"), QUICK, [["a", "dog"]])


def test_weights_of_another_resnet_are_refused(corpus: Path, weights: Path, cli: Callable[..., Result]) -> None:
    result = cli("train", corpus / "captions.csv", "--init", weights, "--encoder", "resnet34", "--output", corpus / "o")
    assert result.exit_code == 1
    assert "does not hold torchvision's resnet34 (say with --encoder" in result.output


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--encoder", "resnet18"], "--encoder is for a new model"),
        (["--rnn", "lstm"], "--rnn is for a new model"),
        (["--layers", "2"], "--layers is for a new model"),
        (["--hidden-size", "30", "--init", "imagenet"], "must be a multiple of 4"),
        (["--use", "--init", "imagenet"], "--use is for a model that is trained further"),
        (["--encoder", "alexnet", "--init", "imagenet"], "'alexnet' is not one of 'resnet18'"),
        (["--retrieval", "--accumulate", "2"], "goes with none of"),
        (["--accumulate", "0"], "0 is not in the range"),
    ],
)
def test_options_that_do_not_fit_are_an_error(
    corpus: Path, cli: Callable[..., Result], options: list[str], message: str
) -> None:
    result = cli("train", corpus / "captions.csv", *options)
    assert result.exit_code == 2
    assert message in result.output


def test_a_name_on_the_hub_gets_a_hint_and_no_download(cli: Callable[..., Result]) -> None:
    result = cli("train", "nlphuji/flickr30k")
    assert result.exit_code == 2
    assert "load_dataset('nlphuji/flickr30k').save_to_disk('flickr30k')" in result.output


def test_the_options_reach_the_model_and_the_training(
    corpus: Path, weights: Path, tmp_path: Path, cli: Callable[..., Result]
) -> None:
    result = cli(
        "train", corpus / "captions.csv", "--init", weights, "--encoder", "resnet18", "--embedding-size", 24,
        "--hidden-size", 20, "--layers", 2, "--learning-rate", 0.003, "--batch-size", 16, "--optimizer", "adam",
        "--dropout", 0.25, "--min-count", 13, "--epochs", 1, "--output", tmp_path / "model", "--device", "cpu",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    info = read_model_info(tmp_path / "model" / "best")
    config, used = info.config, info.training["settings"]
    assert (config.embedding_size, config.hidden_size, config.layers) == (24, 20, 2)
    assert (used["learning_rate"], used["photos_per_step"], used["optimizer"]) == (0.003, 16, "adam")
    assert (used["word_dropout"], used["feature_dropout"], used["min_count"]) == (0.25, 0.25, 13)
    assert "two" not in info.words
    parameters = info.training["parameters"]
    assert 11_000_000 < parameters["total"] < 11_600_000
    assert f"{parameters['total']:,} parameters, {parameters['learning']:,} of them learn" in result.output
    assert f"{len(info.words):,} words, all new; most often a, the" in result.output
    assert "photocap caption --model" in result.output
    with pytest.raises(PhotocapError, match="--engine torch"):
        load_captioner(tmp_path / "model" / "best", engine="onnx")
    captioner = load_captioner(tmp_path / "model" / "best", device="cpu")
    assert isinstance(captioner, NetworkCaptioner)
    assert captioner.engine.name.startswith("torch")


def test_adam_and_adamw_can_be_chosen() -> None:
    model = CaptionModel(SMALL, 12)
    kinds = {name: type(build_optimizer(model, TrainConfig(optimizer=name))) for name in get_args(Optimizer)}
    assert kinds == {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}


def test_another_share_of_the_photos_is_kept_back(weights: Path, tmp_path: Path) -> None:
    write_corpus(tmp_path)
    table = tmp_path / "captions.csv"
    table.write_text("\n".join(line.rsplit(",", 1)[0] for line in table.read_text().splitlines()))
    job = request(tmp_path, weights, tmp_path / "model", sizes=SMALL)
    found = [len(prepare_training(replace(job, dev_share=share)).training.dev.captions) for share in (None, 0.5)]
    assert found[0] == 13
    assert 18 < found[1] < 34
