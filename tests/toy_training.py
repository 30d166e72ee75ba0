"""A toy to train on: drawings of four colours, a sentence for each, a network of small sizes."""

from __future__ import annotations

import csv
import os
from dataclasses import replace
from pathlib import Path

import torch
from PIL import Image, ImageDraw
from safetensors.torch import save_file
from torchvision.models import resnet18

from photocap.captioning.config import ModelConfig, TrainConfig
from photocap.training import Processes, Progress, TrainRequest, join_processes, prepare_training
from photocap.training.loop import Training

CAPTIONS = {
    "red": "a red ball lies on the floor",
    "green": "two green trees stand near a house",
    "blue": "the blue sea under a cloudy sky",
    "yellow": "some yellow flowers grow in the garden",
}
SIZES = ModelConfig(
    encoder="resnet18", embedding_size=32, hidden_size=48, feature_size=16, beam_size=2, image_size_px=64
)
QUICK = TrainConfig(
    epochs=2, photos_per_step=8, learning_rate=1e-2, word_dropout=0.0, feature_dropout=0.0,
    label_smoothing=0.0, warmup_steps=5, ema_decay=0.9, min_count=1,
)  # fmt: skip


def draw(colour: str, path: Path, seed: int) -> None:
    image = Image.new("RGB", (96, 96), "white")
    ImageDraw.Draw(image).ellipse((10 + seed, 10, 70, 60 + seed), fill=colour)
    image.save(path)


def write_corpus(folder: Path) -> None:
    """Write drawings and their captions: twelve of each colour to learn from, one to check."""
    with open(folder / "captions.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "caption", "split"])
        for colour, caption in CAPTIONS.items():
            for i in range(13):
                draw(colour, folder / f"{colour}{i}.png", i)
                writer.writerow([f"{colour}{i}.png", caption, "dev" if i == 12 else "train"])


def write_weights(path: Path) -> None:
    """Write a ResNet-18 of random weights in torchvision's layout."""
    torch.manual_seed(0)
    save_file(resnet18(weights=None).state_dict(), path)


def request(
    corpus: Path, weights: Path, output: Path, config: TrainConfig = QUICK, sizes: ModelConfig = SIZES
) -> TrainRequest:
    return TrainRequest(
        captions=[corpus / "captions.csv"],
        images=[corpus],
        output=output,
        init=str(weights),
        model=sizes,
        config=config,
        device="cpu",
    )


def prepare_smooth(job: TrainRequest, processes: Processes) -> Training:
    """Prepare a training in which like gradients give like steps, to the fifth digit.

    As it comes, it may compute with bfloat16's three digits, and Adam turns a gradient that is nothing but
    rounding errors into a step of full length.
    """
    training = prepare_training(job, processes=processes).training
    training.engine = replace(training.engine, dtype=torch.float32)
    for group in training.optimizer.param_groups:
        group["eps"] = 1e-3
    return training


def train_as_one_of(size: int, rank: int, port: int, job: TrainRequest) -> None:
    """Train in this process as torchrun starts it: the last one asks all to stop after two steps, then all go on."""
    os.environ.update(
        RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(size), MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port)
    )
    torch.set_num_threads(1)  # as torchrun does
    told: list[int] = []
    with join_processes() as processes:
        training = prepare_smooth(job, processes)
        training.progress = stop_after(2 if rank == size - 1 else 1000)
        assert not training.run()
        assert training.state.step == 2
        training = prepare_smooth(replace(job, resume=True), processes)
        training.progress = Progress(epoch=lambda row, _best: told.append(row.epoch))
        assert training.run()
    assert [row.epoch for row in training.state.history] == [1, 2]
    assert told == ([1, 2] if rank == 0 else [])


def stop_after(steps: int) -> Progress:
    """Ask to stop after as many steps, or validations before the first one."""
    done = [0]

    def count(*_told: object) -> None:
        done[0] += 1

    return Progress(step=count, should_stop=lambda: done[0] >= steps)


def run(job: TrainRequest, progress: Progress | None = None) -> bool:
    training = prepare_training(job).training
    training.progress = progress or Progress()
    return training.run()
