"""Ctrl-C in every stage of a training, with real processes: heard at once, nothing lost, --resume goes on."""

from __future__ import annotations

import csv
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from toy_training import CAPTIONS, draw, request, run, stop_after

from photocap.cli.interruption import StopOnCtrlC, end_at_once
from photocap.cli.time_left import TimeLeft, clock_text
from photocap.training import Progress, Stopped, TrainRequest, prepare_training

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGINT for one process on Windows")

# Runs the command and holds it where a stage is reported, as a slow machine would.
_SLOWED = """
import sys, time
from photocap.training import joint_space, loop, photo_sources, validate
stage, seconds = sys.argv.pop(1), 0.2

def slowly(module, name):
    real = getattr(module, name)
    def wrapped(*args, **kwargs):
        print("REACHED", flush=True)
        time.sleep(seconds)
        return real(*args, **kwargs)
    setattr(module, name, wrapped)

if stage in ("decoding", "fitting", "encoding"):
    progress = photo_sources.PhotoSources._progress
    def reported(self, name, total):
        told = progress(self, name, total)
        def tell(done):
            if name.startswith(stage):
                print("REACHED", flush=True)
                time.sleep(seconds)
            told(done)
        return tell
    photo_sources.PhotoSources._progress = reported
elif stage == "training":
    slowly(loop, "cross_entropy")
elif stage == "space":
    slowly(joint_space.JointSpace, "loss")
else:
    slowly(validate, "as_sentences")
from photocap.cli import main
main()
"""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    with open(folder / "captions.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "caption", "split"])
        for colour, caption in CAPTIONS.items():
            for i in range(12):
                draw(colour, folder / f"{colour}{i}.png", i)
                writer.writerow([f"{colour}{i}.png", caption, "dev" if i >= 9 else "train"])
    return folder


def resumed(job: TrainRequest) -> TrainRequest:
    return replace(job, resume=True)


def start(stage: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _SLOWED, stage, *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["decoding", "fitting", "encoding", "training", "validating", "space"])
def test_ctrl_c_is_heard_in_every_stage_and_resume_goes_on(
    stage: str, corpus: Path, weights: Path, tmp_path: Path, process: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    command = [
        "train", corpus / "captions.csv", "--images", corpus, "--init", weights, "--encoder", "resnet18",
        "--epochs", 1, "--batch-size", 4, "--min-count", 1, "--output", tmp_path / "model", "--device", "cpu",
        "--fine-tune", "all" if stage == "decoding" else "none", *(["--retrieval"] if stage == "space" else []),
    ]  # fmt: skip
    running = start(stage, *command)
    assert running.stdout is not None
    assert running.stderr is not None
    assert running.stdout.readline() == "REACHED\n"
    os.kill(running.pid, signal.SIGINT)
    pressed = time.monotonic()
    assert any("stopping" in line for line in iter(running.stderr.readline, ""))
    assert time.monotonic() - pressed < 2
    _, errors = running.communicate(timeout=60)
    assert running.returncode == 130, errors
    assert "--resume goes on" in errors
    finished = process(*command, "--resume", timeout=300)
    assert finished.returncode == 0, finished.stderr
    assert ("epoch 1: loss" if stage == "space" else "best: epoch 1") in finished.stderr


@pytest.mark.slow
def test_a_second_ctrl_c_ends_at_once(corpus: Path, weights: Path, tmp_path: Path) -> None:
    running = start(
        "training", "train", corpus / "captions.csv", "--init", weights, "--encoder", "resnet18", "--min-count", 1,
        "--output", tmp_path / "model", "--device", "cpu",
    )  # fmt: skip
    assert running.stdout is not None
    assert running.stdout.readline() == "REACHED\n"
    os.kill(running.pid, signal.SIGINT)
    assert running.stderr is not None
    assert any("stopping" in line for line in iter(running.stderr.readline, ""))
    os.kill(running.pid, signal.SIGINT)
    running.communicate(timeout=10)
    assert running.returncode == 130
    assert not (tmp_path / "model" / "last").exists()


def test_ctrl_c_is_heard_while_the_interpreter_is_busy(capfd: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGINT)
    with StopOnCtrlC() as stop:
        assert not stop()
        os.kill(os.getpid(), signal.SIGINT)
        deadline = time.monotonic() + 10
        while not stop() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert stop()
    assert signal.getsignal(signal.SIGINT) is before
    assert "once more ends at once" in capfd.readouterr().err


def test_the_cursor_comes_back_after_a_second_ctrl_c() -> None:
    codes: list[int] = []
    end_at_once(codes.append)
    assert codes == [130]


def test_a_validation_that_was_stopped_is_done_again(corpus: Path, weights: Path, tmp_path: Path) -> None:
    whole, parts = (request(corpus, weights, tmp_path / name) for name in ("whole", "parts"))
    assert run(whole)
    stopped: list[int] = []
    assert not run(parts, Progress(validated=lambda done, _: stopped.append(done), should_stop=lambda: bool(stopped)))
    assert run(resumed(parts))
    tables = [(tmp_path / name / "training.csv").read_text() for name in ("whole", "parts")]
    first, second = (re.sub(r",[^,]*$", "", table, flags=re.MULTILINE) for table in tables)
    assert first == second


def test_a_run_stopped_before_its_first_step_starts_anew_from_its_cache(
    corpus: Path, weights: Path, tmp_path: Path
) -> None:
    job = request(corpus, weights, tmp_path / "model")

    def stop(name: str, done: int, _total: int) -> None:
        if name == "encoding train photos" and done >= 20:
            raise Stopped

    with pytest.raises(Stopped):
        prepare_training(job, stage=stop)
    told: list[int] = []
    prepare_training(
        resumed(job), stage=lambda name, done, _: told.append(done) if name == "encoding train photos" else None
    )
    assert told == [36]  # all but the last batch were there
    assert not run(job, stop_after(1))
    again = prepare_training(resumed(job)).training
    assert again.state.step == 1
    assert not again.trains_further


def test_a_second_experiment_on_the_same_photos_decodes_and_encodes_nothing(
    corpus: Path, weights: Path, tmp_path: Path
) -> None:
    stages: list[str] = []
    for name in ("first", "second"):
        job = replace(request(corpus, weights, tmp_path / name), cache=tmp_path / "cache")
        prepare_training(job, stage=lambda stage, *_: stages.append(stage))
        stages.append("|")
    assert stages[-2:] == ["|", "|"]
    assert not list((tmp_path / "second").iterdir())


def test_the_time_left_counts_steps_and_validations() -> None:
    now = [0.0]
    left = TimeLeft(epochs=3, clock=lambda: now[0])
    assert left.of_run(1, 0, 10) is None
    for done in range(1, 11):
        now[0] += 2.0
        left.stepped()
        assert left.of_run(1, done, 10) == pytest.approx(2.0 * (30 - done))
    now[0] += 5.0
    left.validated()
    assert left.of_run(1, 10, 10) == pytest.approx(40 + 10)
    now[0] += 2.0
    left.stepped()
    assert left.of_run(2, 1, 10) == pytest.approx(38 + 10)
    assert clock_text(3725.4) == "1:02:05"
    assert clock_text(None) == "-"
