"""A training as the command line shows it: progress, Ctrl-C, what was left out, and what becomes of the model."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from photocap.cli import console, settings

if TYPE_CHECKING:
    from types import FrameType

    from rich.progress import Progress, TaskID

    from photocap.training import EpochRow, Processes, TrainRequest
    from photocap.training.loop import Training

_SHOWN_PROBLEMS = 10


def run_captions(request: TrainRequest, processes: Processes) -> bool:
    """Train captions with a progress bar; True if finished."""
    from photocap.training import Progress as Told

    stop = _StopOnCtrlC()
    with console.progress(unit="steps") as bar, stop:
        training, task = _prepare(request, processes, bar)

        def step(epoch: int, done: int, steps: int, loss: float) -> None:
            bar.update(task, description=f"epoch {epoch} loss {loss:.3f}", completed=done, total=steps)

        training.progress = Told(step, _tell_epoch, lambda: stop.asked)
        finished = training.run()
    best = training.state.best
    if best:
        console.note(f"best: epoch {best.epoch}, CIDEr-D {best.cider_d:.1f} on dev, in {request.output / 'best'}")
    if finished and training.state.before and processes.is_first:
        _judge(training, request)
    return finished


def _judge(training: Training, request: TrainRequest) -> None:
    """Tell how the model compares with the one it comes from; a better one than the base model is put to use."""
    from photocap.training import judge

    best = request.output / "best"
    judgement = judge(training.state, training.dev.captions.references)
    if not judgement.accepted:
        console.warn(f"kept aside in {best}, the model in use stays: {judgement.reason}")
        return
    console.note(f"better: {judgement.reason}")
    if request.init == "base":
        models = settings.installed_models()
        name = models.free_name(request.output.resolve().name, best)
        models.install(best, name)
        models.use(name)
        console.note(f"{name} is in use now; `photocap models rollback` goes back")


def run_retrieval(request: TrainRequest, processes: Processes) -> bool:
    """Train the joint text-image space with a progress bar; True if finished, else what was best is kept."""
    from photocap.training import Recall, train_joint

    stop = _StopOnCtrlC()
    with console.progress(unit="epochs") as bar, stop:
        training, task = _prepare(request, processes, bar)

        def tell(epoch: int, loss: float, recall: Recall, best: bool) -> None:
            bar.update(task, description="training", completed=epoch, total=request.config.epochs)
            console.note(
                f"epoch {epoch}: loss {loss:.3f}, recall at 1, 5, 10 on dev "
                f"{recall.at_1:.1f} {recall.at_5:.1f} {recall.at_10:.1f}{' (best)' if best else ''}"
            )

        train_joint(training, tell=tell, should_stop=lambda: stop.asked)
    return not stop.asked


def _prepare(request: TrainRequest, processes: Processes, bar: Progress) -> tuple[Training, TaskID]:
    """Prepare a training, list what had to be left out, and return it with its task on the bar."""
    from photocap.training import prepare_training

    task = bar.add_task("preparing", total=None)
    prepared = prepare_training(
        request,
        processes=processes,
        stage=lambda name, done, total: bar.update(task, description=name, completed=done, total=total or None),
    )
    if processes.is_first:
        _list_problems([(p.line, p.text) for p in prepared.problems])
    bar.reset(task)
    return prepared.training, task


def _tell_epoch(row: EpochRow, best: bool) -> None:
    console.note(
        f"epoch {row.epoch}: train loss {row.train_loss:.3f}, dev loss {row.dev_loss:.3f}, "
        f"CIDEr-D {row.cider_d:.1f}, {row.distinct:.0%} distinct, {row.seconds:.0f} s{' (best)' if best else ''}"
    )


def _list_problems(problems: list[tuple[int, str]]) -> None:
    """Print what was left out or read in another way than it stands, the first few in full."""
    for line, text in problems[:_SHOWN_PROBLEMS]:
        console.warn(f"line {line}: {text}" if line else text)
    if len(problems) > _SHOWN_PROBLEMS:
        console.warn(f"... and {len(problems) - _SHOWN_PROBLEMS:,} more such lines")


class _StopOnCtrlC:
    """The first Ctrl-C asks the training to save and stop, the second one ends it at once."""

    def __init__(self) -> None:
        self.asked = False

    def __enter__(self) -> None:
        self._before = signal.signal(signal.SIGINT, self._ask)

    def __exit__(self, *_exc: object) -> None:
        signal.signal(signal.SIGINT, self._before)

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        console.note("stopping after this step ...")
