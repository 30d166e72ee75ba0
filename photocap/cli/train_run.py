"""A training as the command line shows it: progress, Ctrl-C, what was left out, and what becomes of the model."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from photocap.captioning.model_files import DEFAULT_KIND, base_model_dir, read_model_info
from photocap.captioning.registry import read_facts
from photocap.cli import console, settings
from photocap.cli.interruption import StopOnCtrlC
from photocap.cli.time_left import TimeLeft, clock_text

if TYPE_CHECKING:
    from rich.progress import Progress

    from photocap.training import EpochRow, Prepared, Processes, TrainRequest
    from photocap.training import Progress as Told
    from photocap.training.loop import Training

_SHOWN_PROBLEMS = 10


@dataclass(frozen=True)
class Adoption:
    """What becomes of a model that was trained further.

    Attributes:
        use: whether it is put to use if it is better.
        check: caption files of other people on which it may not get much worse.
    """

    use: bool
    check: Sequence[Path] = ()


def run_captions(request: TrainRequest, processes: Processes, adoption: Adoption) -> bool:
    """Train captions with a progress bar; True if finished."""
    from photocap.training import Stopped

    with console.progress(unit="steps") as bar, StopOnCtrlC() as stop:
        try:
            shown = _Shown(bar, request.config.epochs, stop)
            prepared = _prepare(request, processes, shown)
            training = prepared.training
            training.progress = shown.progress()
            finished = training.run()
            best = training.state.best
            if best:
                where = request.output / "best"
                console.note(f"best: epoch {best.epoch}, CIDEr-D {best.cider_d:.1f} on dev, in {where}")
            if finished and training.state.before and processes.is_first:
                _judge(prepared, request, adoption, shown)
        except Stopped:
            return False
    if finished and processes.is_first:
        _conclude(request)
    return finished


def _conclude(request: TrainRequest) -> None:
    """Finish the model that was kept and tell what to do with it."""
    _keep_ranges(request)
    console.note("\n".join(["go on with", *(f"  {line}" for line in next_steps(request))]))


def _keep_ranges(request: TrainRequest) -> None:
    """Let a model whose encoder is that of its parent run in 8 bits as the parent does."""
    from photocap.captioning.inference.activation_ranges import read_faithful_captions, read_ranges, write_ranges

    parent = base_model_dir() if request.init == "base" else Path(request.init)
    if request.config.fine_tune == "none" and parent.is_dir() and (ranges := read_ranges(read_model_info(parent))):
        faithful = read_faithful_captions(read_model_info(parent))
        write_ranges(read_model_info(request.output / "best"), ranges, faithful_captions=faithful)


class _Shown:
    """The progress bar of a training: one line for what is being done, with the time that the whole run will take."""

    def __init__(self, bar: Progress, epochs: int, stop: StopOnCtrlC) -> None:
        self.bar, self.epochs, self.stop = bar, epochs, stop
        self.task = bar.add_task("preparing", total=None)
        self.left = TimeLeft(epochs)
        self._name, self._steps = "preparing", 0

    def stage(self, name: str, done: int, total: int) -> None:
        """Show how far something is; the time left is that of this thing alone."""
        from photocap.training import Stopped

        if self.stop():
            raise Stopped
        if name != self._name:
            self._name = name
            self.bar.reset(self.task, description=name)
        self.bar.update(self.task, completed=done, total=total or None)

    def progress(self) -> Told:
        """Return what a training is to tell."""
        from photocap.training import Progress as Told

        self.left = TimeLeft(self.epochs)
        return Told(self._step, self._epoch, self._validated, self.stop)

    def _step(self, epoch: int, done: int, steps: int, loss: float) -> None:
        self.left.stepped()
        self._steps = steps
        name = f"epoch {epoch}/{self.epochs}"
        if name != self._name:
            self._name = name
            self.bar.reset(self.task)
        left = clock_text(self.left.of_run(epoch, done, steps))
        text = f"{name} loss {loss:.3f}, {left} for all"
        self.bar.update(self.task, description=text, completed=done, total=steps)

    def _validated(self, done: int, total: int) -> None:
        if self._name != "validating":
            self._name = "validating"
            self.bar.reset(self.task, description="captioning dev photos")
        self.bar.update(self.task, completed=done, total=total)
        if done == total:
            self.left.validated()

    def _epoch(self, row: EpochRow, best: bool) -> None:
        left = clock_text(self.left.of_run(row.epoch, self._steps, self._steps))
        console.note(
            f"epoch {row.epoch}: train loss {row.train_loss:.3f}, dev loss {row.dev_loss:.3f}, "
            f"CIDEr-D {row.cider_d:.1f}, {row.distinct:.0%} distinct, {row.seconds:.0f} s"
            f"{' (best)' if best else ''}{f', {left} left' if row.epoch < self.epochs else ''}"
        )


def _judge(prepared: Prepared, request: TrainRequest, adoption: Adoption, shown: _Shown) -> None:
    """Tell how the model compares with others; a better one is put to use, where that is wanted."""
    from photocap.training import captions_by, fall_elsewhere, judge

    training, best = prepared.training, request.output / "best"
    models = settings.installed_models()
    parent = base_model_dir() if request.init == "base" else Path(request.init)
    chosen = models.current() or base_model_dir()
    dev = training.dev.captions
    in_use_facts = read_facts(chosen)
    is_parent = read_model_info(parent).weights_sha256 == in_use_facts.weights_sha256
    in_use = None
    if in_use_facts.kind != DEFAULT_KIND:
        adoption = replace(adoption, use=False)  # whoever chose another kind of model did not choose its parent
    elif not is_parent:
        told = partial(shown.stage, "captioning with the model in use", total=len(dev))
        in_use = captions_by(chosen, dev, prepared.dev_pictures, training.engine, told)
    told = partial(shown.stage, "captioning photos of other people", total=0)
    falls = [fall_elsewhere(parent, best, file, request.output, training.engine, told) for file in adoption.check]
    judgement = judge(
        training.state,
        dev.references,
        photos=len(training.train.captions) + len(dev),
        in_use=in_use,
        lost_elsewhere=max(falls, default=None),
    )
    _tell_names(training)
    if not judgement.accepted:
        console.warn(f"kept aside in {best}, the model in use stays: {judgement.reason}")
        return
    console.note(f"better: {judgement.reason}")
    if adoption.use:
        name = models.free_name(request.output.resolve().name, best)
        models.install(best, name)
        models.use(name)
        console.note(f"{name} is in use now; `photocap models rollback` goes back")
    else:
        console.note("kept aside; the model in use stays")


def _tell_names(training: Training) -> None:
    """Tell how often the names in the owner's captions are said, before and after."""
    from photocap.training import measure_names

    before, after = training.state.before_captions, training.state.best_captions
    names = training.checkpoints.names
    if before and after and names:
        found = [measure_names(names, c.sentences, training.dev.captions.references) for c in (before, after)]
        console.note(f"names said where they belong: {found[1]}; before {found[0]}")


def run_retrieval(request: TrainRequest, processes: Processes) -> bool:
    """Train the joint text-image space with a progress bar; True if finished."""
    from photocap.training import JointTraining, Recall, Stopped

    def tell(epoch: int, loss: float, recall: Recall, best: bool) -> None:
        console.note(
            f"epoch {epoch}: loss {loss:.3f}, recall at 1, 5, 10 on dev "
            f"{recall.at_1:.1f} {recall.at_5:.1f} {recall.at_10:.1f}{' (best)' if best else ''}"
        )

    with console.progress(unit="steps") as bar, StopOnCtrlC() as stop:
        shown = _Shown(bar, request.config.epochs, stop)
        try:
            prepared = _prepare(request, processes, shown)
        except Stopped:
            return False
        training = JointTraining(prepared.training, tell=tell)
        if prepared.resumes:
            training.resume()
        prepared.training.progress = shown.progress()
        if not training.run():
            return False
    if training.state.best is None:
        console.warn("no epoch found photos better than the model did before: nothing was kept")
    else:
        _conclude(request)
    return True


def _prepare(request: TrainRequest, processes: Processes, shown: _Shown) -> Prepared:
    """Prepare a training and list what had to be left out."""
    from photocap.training import prepare_training

    prepared = prepare_training(request, processes=processes, stage=shown.stage)
    if processes.is_first:
        _list_problems([(p.line, p.text) for p in prepared.problems])
        for line in model_lines(prepared.training):
            console.note(line)
    return prepared


def model_lines(training: Training) -> Iterator[str]:
    """Yield what is trained, on what, and which words it knows."""
    facts, config = training.checkpoints.facts, training.model.config
    photos, captions, parameters = facts["photos"], facts["captions"], facts["parameters"]
    yield (
        f"{console.count(photos['train'], 'photo')} with {console.count(captions['train'], 'caption')} to learn from, "
        f"{console.count(photos['dev'], 'photo')} kept back"
    )
    layers = f"{config.layers} layers of " if config.layers > 1 else ""
    yield (
        f"{config.encoder} and {layers}{config.rnn} ({config.hidden_size}): {parameters['total']:,} parameters, "
        f"{parameters['learning']:,} of them learn"
    )
    words = len(training.checkpoints.vocabulary.words)
    new = "all new" if facts["new_words"] == words else f"{facts['new_words']:,} of them new"
    yield f"{words:,} words, {new}; most often {', '.join(facts['frequent_words'])}"


def next_steps(request: TrainRequest) -> list[str]:
    """Return commands to go on with after a training."""
    best = shlex.quote(str(request.output / "best"))
    files = " ".join(shlex.quote(str(path)) for path in request.captions)
    images = "".join(f" --images {shlex.quote(str(folder))}" for folder in request.images)
    also = "--retrieval" if request.trains_space else "--html worst.html"
    evaluate = [f"photocap evaluate {files}{images} --model {best} {also}"] if files else []
    return [*evaluate, f"photocap caption --model {best} PHOTO", f"photocap models use {best}"]


def _list_problems(problems: list[tuple[int, str]]) -> None:
    """Print what was left out or read in another way than it stands, the first few in full."""
    for line, text in problems[:_SHOWN_PROBLEMS]:
        console.warn(f"line {line}: {text}" if line else text)
    if len(problems) > _SHOWN_PROBLEMS:
        console.warn(f"... and {len(problems) - _SHOWN_PROBLEMS:,} more such lines")
