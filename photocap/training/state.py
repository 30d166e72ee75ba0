"""Everything that training needs to resume where it stopped, bit for bit."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from photocap.errors import CheckpointError
from photocap.system.atomicfile import replace_file

STATE = "training.safetensors"
CAPTION_STATE = "state"

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
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


@dataclass(frozen=True)
class DevScore:
    """What a model reaches on the dev split; the fields mean what they mean in `EpochRow`."""

    dev_loss: float
    cider_d: float
    distinct: float


@dataclass(frozen=True)
class DevCaptions:
    """What a model says of the dev photos.

    Attributes:
        sentences: one of each photo.
        cider_d_each: CIDEr-D (x 100) of each sentence.
    """

    sentences: Sequence[str]
    cider_d_each: Sequence[float]


@dataclass(kw_only=True)
class TrainingState:
    """Where training stands.

    Attributes:
        before: what the model reached before it was trained further; None for a new one.
        before_captions: what it said then.
        best_captions: what it said at the best epoch.
        cider_d_each: of a model that is trained further, CIDEr-D of each dev photo's sentence for each epoch.
        epoch: epochs finished.
        step: steps done in all.
        step_in_epoch: steps done in the epoch under way.
        loss_sum: summed training loss of the epoch under way.
        elapsed_s: seconds spent in the epoch under way, before an interruption.
        history: one row an epoch.
    """

    before: DevScore | None = None
    before_captions: DevCaptions | None = None
    best_captions: DevCaptions | None = None
    cider_d_each: list[Sequence[float]] = field(default_factory=list)
    epoch: int = 0
    step: int = 0
    step_in_epoch: int = 0
    loss_sum: float = 0.0
    elapsed_s: float = 0.0
    history: list[EpochRow] = field(default_factory=list)

    @property
    def best(self) -> EpochRow | None:
        """Return the epoch with the highest CIDEr-D; of equals, as on few photos, that with the lowest loss."""
        return max(self.history, key=lambda row: (row.cider_d, -row.dev_loss), default=None)

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
        built: dict[str, Any] = {"history": rows}
        if values["before"]:
            built["before"] = DevScore(**values["before"])
        for name in ("before_captions", "best_captions"):
            if values.get(name):
                built[name] = DevCaptions(**values[name])
        return cls(**{**values, **built})


class WeightAverage:
    """Exponential moving average of the weights that learn; it is what is validated and kept.

    A model that is trained on few new photos forgets the many that it knew. Kept is therefore, if asked for, a
    place on the line between what it was and what it became; there it has learned most of the new and lost
    little of the old (Wortsman et al. 2022).

    Args:
        model: the model.
        decay: the share that stays in each step; less in the first steps, so that the start is forgotten.
        start_share: share of the weights that the model has now in what is kept.
    """

    def __init__(self, model: nn.Module, decay: float, start_share: float = 0.0) -> None:
        self.decay, self.start_share = decay, start_share
        self.learning = {n: p for n, p in model.named_parameters() if p.requires_grad}
        self.average = {n: p.detach().clone() for n, p in self.learning.items()}
        self.start = {n: p.detach().clone() for n, p in self.learning.items()} if start_share else {}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after a step, counted from 1."""
        weight = 1.0 - min(self.decay, (1 + step) / (10 + step))
        averages, weights = list(self.average.values()), [p.detach() for p in self.learning.values()]
        torch._foreach_lerp_(averages, weights, weight)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Put what is kept into the model for a while; its own weights come back afterwards."""
        own = {name: parameter.detach().clone() for name, parameter in self.learning.items()}
        with torch.no_grad():
            for name, parameter in self.learning.items():
                parameter.copy_(self.average[name])
                if self.start:
                    parameter.lerp_(self.start[name], self.start_share)
        try:
            yield
        finally:
            with torch.no_grad():
                for name, parameter in self.learning.items():
                    parameter.copy_(own[name])


def pack_state(average: WeightAverage, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return the weights' start and average and the optimiser's moments as one table of float32 tensors."""
    names = {id(p): n for n, p in average.learning.items()}
    tensors = {f"average/{n}": value for n, value in average.average.items()}
    tensors |= {f"start/{n}": value for n, value in average.start.items()}
    for parameter, moments in optimizer.state.items():
        tensors |= {f"{key}/{names[id(parameter)]}": value for key, value in moments.items()}
    return tensors


@torch.no_grad()
def unpack_state(last: Path, average: WeightAverage, optimizer: torch.optim.Optimizer) -> None:
    """Put back what `pack_state` returned and a `last` folder holds.

    Raises:
        CheckpointError: the file is damaged or of another model.
    """
    path = last / STATE
    try:
        tensors = load_file(path)
        for name, parameter in average.learning.items():
            average.average[name].copy_(tensors[f"average/{name}"])
            if average.start:
                average.start[name].copy_(tensors[f"start/{name}"])
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


def read_state(last: Path, name: str, build: Callable[[Mapping[str, Any]], T]) -> T:
    """Read where the training in a `last` folder stands.

    Args:
        last: the folder.
        name: what the state is saved under, which says what was trained.
        build: makes it of plain values.

    Raises:
        CheckpointError: there is none or it is damaged.
    """
    hint = "start anew without --resume"
    try:
        facts = json.loads((last / "config.json").read_text(encoding="utf-8"))["training"]
        if name not in facts:
            raise CheckpointError(last, "training cannot go on from it: something else was trained there", hint)
        return build(facts[name])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(last, f"training cannot go on from it: {error}", hint) from error
