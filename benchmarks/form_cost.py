"""What the base model's form costs beside the plain one: photos a second, in turns.

The plain form is the same ResNet without attention, the global feature as the first input of the LSTM. Both caption
the same noise with the same beam and must write the same number of words, so that only the form differs.

python benchmarks/form_cost.py
"""

from __future__ import annotations

import statistics
import time
from dataclasses import replace

import torch

from photocap.captioning.checkpoint import load_checkpoint
from photocap.captioning.config import ModelConfig
from photocap.captioning.device import Engine, choose_batch_size, choose_device, compile_model
from photocap.captioning.model_files import base_model_dir
from photocap.captioning.network import CaptionModel

ROUNDS = 20
WORDS = 10


def prepare(config: ModelConfig, words: int, engine: Engine) -> CaptionModel:
    """Return an untrained model of that form, ready to caption."""
    fixed = replace(config, min_words=WORDS, max_words=WORDS)
    return compile_model(CaptionModel(fixed, words), engine)


@torch.inference_mode()
def seconds(model: CaptionModel, pixels: torch.Tensor, engine: Engine) -> float:
    """Return how long a batch takes."""
    start = time.perf_counter()
    with engine.autocast():
        tokens = model.generate(pixels).tokens.cpu()
    assert tokens.shape[1] == WORDS + 1
    return time.perf_counter() - start


def main() -> None:
    """Print the medians, and the median of the ratios of runs that followed each other."""
    torch.manual_seed(0)
    engine = choose_device()
    checkpoint = load_checkpoint(base_model_dir())
    ours = checkpoint.info.config
    words = len(checkpoint.vocabulary)
    forms = {
        "base": prepare(ours, words, engine),
        "plain": prepare(replace(ours, attention="none", joint_size=0), words, engine),
    }
    pixels = torch.randn(choose_batch_size(engine), 3, ours.image_size_px, ours.image_size_px, device=engine.device)
    pixels = pixels.contiguous(memory_format=torch.channels_last)
    times: dict[str, list[float]] = {name: [] for name in forms}
    for turn in range(ROUNDS + 1):
        for name, model in forms.items():
            taken = seconds(model, pixels, engine)
            if turn:  # the first turn warms up
                times[name].append(taken)
    for name, taken_each in times.items():
        print(f"{name:5}  {len(pixels) / statistics.median(taken_each):6.1f} photos a second")
    ratio = statistics.median(b / p for b, p in zip(times["base"], times["plain"], strict=True))
    print(f"base takes {ratio:.2f} times as long (beam {ours.beam_size}, {WORDS} words, {engine.device})")


if __name__ == "__main__":
    main()
