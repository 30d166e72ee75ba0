"""Everything that training needs to go on where it stopped, bit for bit."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from photocap.atomicfile import replace_file
from photocap.errors import CheckpointError

STATE = "training.safetensors"


@dataclass(frozen=True)
class EpochRow:
    """One line of the training's table.

    Attributes:
        epoch: counted from 1.
        step: steps done at its end.
        train_loss: mean training loss a token, in nats (with label smoothing or as the reward wants it).
        dev_loss: cross-entropy a token on the dev split, in nats, without smoothing.
        cider_d: CIDEr-D (x 100) of generated dev captions.
        distinct: share of generated dev captions that differ from all others.
        learning_rate: of the decoder, at the epoch's end.
        seconds: time the epoch took, validation included.
    """

    epoch: int
    step: int
    train_loss: float
    dev_loss: float
    cider_d: float
    distinct: float
    learning_rate: float
    seconds: float


@dataclass
class TrainingState:
    """Where training stands.

    Attributes:
        epoch: epochs finished.
        step: steps done in all.
        step_in_epoch: steps done in the epoch under way.
        loss_sum: summed training loss of the epoch under way.
        elapsed_s: seconds spent in the epoch under way, before an interruption.
        history: one row an epoch.
    """

    epoch: int = 0
    step: int = 0
    step_in_epoch: int = 0
    loss_sum: float = 0.0
    elapsed_s: float = 0.0
    history: list[EpochRow] = field(default_factory=list)

    @property
    def best(self) -> EpochRow | None:
        """Return the epoch with the highest CIDEr-D, the first of equals."""
        return max(self.history, key=lambda row: row.cider_d, default=None)

    @property
    def epochs_without_gain(self) -> int:
        """Return how many epochs have passed since the best one."""
        return self.epoch - self.best.epoch if self.best else 0

    def to_json(self) -> dict[str, Any]:
        """Return plain values, ready for `json.dumps`; floats keep every bit."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> TrainingState:
        """Build from plain values."""
        rows = [EpochRow(**row) for row in values["history"]]
        return cls(**{**values, "history": rows})


class WeightAverage:
    """Exponential moving average of the weights that learn; it is what is validated and kept.

    Args:
        model: the model.
        decay: the share that stays in each step; less in the first steps, so that the start is forgotten.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.learning = {n: p for n, p in model.named_parameters() if p.requires_grad}
        self.average = {n: p.detach().clone() for n, p in self.learning.items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after a step, counted from 1."""
        weight = 1.0 - min(self.decay, (1 + step) / (10 + step))
        averages, weights = list(self.average.values()), [p.detach() for p in self.learning.values()]
        torch._foreach_lerp_(averages, weights, weight)

    @torch.no_grad()
    def swap(self) -> None:
        """Exchange the model's weights and their average."""
        for name, parameter in self.learning.items():
            kept = parameter.detach().clone()
            parameter.copy_(self.average[name])
            self.average[name] = kept


def pack_state(average: WeightAverage, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return the weights' average and the optimiser's moments as one table of float32 tensors."""
    names = {id(p): n for n, p in average.learning.items()}
    tensors = {f"average/{n}": value for n, value in average.average.items()}
    for parameter, moments in optimizer.state.items():
        tensors |= {f"{key}/{names[id(parameter)]}": value for key, value in moments.items()}
    return tensors


@torch.no_grad()
def unpack_state(path: Path, average: WeightAverage, optimizer: torch.optim.Optimizer) -> None:
    """Put back what `pack_state` returned.

    Raises:
        CheckpointError: the file is damaged or of another model.
    """
    try:
        tensors = load_file(path)
        for name, parameter in average.learning.items():
            average.average[name].copy_(tensors[f"average/{name}"])
            optimizer.state[parameter] = {
                key: tensors[f"{key}/{name}"].to(parameter.device if key != "step" else "cpu")
                for key in ("step", "exp_avg", "exp_avg_sq")
                if f"{key}/{name}" in tensors
            }
    except Exception as error:
        raise CheckpointError(path, f"training cannot go on from it: {error}", "start anew without --resume") from error


def write_table(path: Path, rows: Sequence[EpochRow]) -> None:
    """Write one CSV row an epoch, the whole file at once."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(EpochRow.__dataclass_fields__), lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    replace_file(path, text.getvalue().encode())


def read_state(directory: Path) -> TrainingState:
    """Read where the training in a `last` folder stands.

    Raises:
        CheckpointError: there is none or it is damaged.
    """
    path = directory / "config.json"
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return TrainingState.from_json(values["training"]["state"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            directory, f"training cannot go on from it: {error}", "start anew without --resume"
        ) from error
