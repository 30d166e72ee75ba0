"""Ask ImageNet's classifier what the training photographs show: soft targets for labels that nobody names."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from dataset import open_data, pixels_of, start_model
from safetensors.torch import load_file
from torchvision.models import resnet50

from photocap.captioning.network import Features
from photocap.training.label_targets import ImageNetTeacher

_SIDE_PX = 192
_BATCH = 32


@torch.no_grad()
def main() -> None:
    """Write WORK/teacher.pt: probabilities (n, L) of the labels."""
    data = open_data()
    start, model = start_model()
    assert start.info.labels is not None
    path = data.shared / "weights/resnet50-imagenet.safetensors"
    state = {name: value.float() for name, value in load_file(path).items()}
    teacher = ImageNetTeacher(state, start.info.labels, path)
    network = resnet50()
    network.load_state_dict(state)
    network.fc = torch.nn.Identity()
    network = network.eval().to(memory_format=torch.channels_last)
    squares = data.squares(data.train, "train", model.config.image_size_px)
    found = torch.zeros(len(squares), len(start.info.labels.names), dtype=torch.float16)
    for first in range(0, len(squares), _BATCH):
        rows = range(first, min(first + _BATCH, len(squares)))
        pixels = F.interpolate(pixels_of(squares, rows, model), _SIDE_PX, mode="bilinear", antialias=True)
        with torch.autocast("cpu", torch.bfloat16):
            pooled = network(pixels.contiguous(memory_format=torch.channels_last)).float()
        found[list(rows)] = teacher(Features(pooled, pooled)).half()
    torch.save(found, data.work / "teacher.pt")


if __name__ == "__main__":
    main()
