"""The training loop: epochs, validation on generated captions, early stop, `last` and `best`, resume."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import islice

import torch
from torch import Tensor

from photocap.captioning.config import TrainConfig
from photocap.captioning.device import Engine
from photocap.captioning.network import CaptionModel
from photocap.training.checkpoints import Checkpoints, Heads
from photocap.training.dataset import CaptionBatch
from photocap.training.distributed import ALONE, Processes
from photocap.training.features import Side
from photocap.training.label_objective import LabelObjective
from photocap.training.losses import SelfCritical, cross_entropy
from photocap.training.name_head import NameObjective
from photocap.training.optim import build_optimizer, learning_rate_at
from photocap.training.plots import draw_curves
from photocap.training.progress import Progress, Stopped
from photocap.training.state import (
    CAPTION_STATE,
    EpochRow,
    TrainingState,
    WeightAverage,
    pack_state,
    read_state,
    unpack_state,
    write_table,
)
from photocap.training.tensorboard import log_epoch
from photocap.training.validate import Validation, validate


@dataclass(kw_only=True)
class Training:
    """One training run over prepared data.

    Attributes:
        model: what learns; its parameters say by `requires_grad` which of them do.
        checkpoints: writes `last` and `best`; the table and the curves lie beside them.
        heads: what the model's heads know when training begins; what they learn goes into `best`.
        trains_further: whether the model could speak before; what it reached then is measured first.
        knows_space: whether it had its joint space before.
        processes: those that train together; each holds its own model, all of them the same.
        label_objective: what its label head learns; None leaves that as it is.
        name_objective: what its name head learns; None leaves that as it is.
    """

    model: CaptionModel
    config: TrainConfig
    train: Side
    dev: Side
    engine: Engine
    checkpoints: Checkpoints
    heads: Heads = field(default_factory=Heads)
    processes: Processes = ALONE
    trains_further: bool = False
    knows_space: bool = False
    label_objective: LabelObjective | None = None
    name_objective: NameObjective | None = None
    progress: Progress = field(default_factory=Progress)
    state: TrainingState = field(default_factory=TrainingState)

    def __post_init__(self) -> None:
        """Set up the optimiser and the weight average; a step has as many parts as are summed before weights move."""
        self.optimizer = build_optimizer(self.model, self.config)
        self.average = WeightAverage(self.model, self.config.ema_decay, self.config.start_share)
        self.parts = self.config.accumulate * self.processes.size
        self.steps = math.ceil(len(self.train.captions) / (self.config.photos_per_step * self.parts))
        self.reward = SelfCritical(self.train.captions, self.config) if self.config.self_critical else None
        self._knows_names = False

    def resume(self) -> None:
        """Go on where the training in `last` stopped; the model is the one of that folder already.

        Raises:
            CheckpointError: there is no such training, or it is damaged.
        """
        self.state = read_state(self.checkpoints.last, CAPTION_STATE, TrainingState.from_json)
        self.trains_further = self.state.before is not None  # or it was new when it started
        unpack_state(self.checkpoints.last, self.average, self.optimizer)

    def run(self) -> bool:
        """Train until the last epoch, an early stop or an interruption.

        Returns:
            True if training is finished, False if it was interrupted (and saved).
        """
        try:
            if self.trains_further and self.state.before is None:
                found = self.processes.share(self.validate)
                self.state.before, self.state.before_captions = found.score, found.captions
        except Stopped:
            return False  # there is nothing yet to go on from
        try:
            while not self.finished:
                if not self._train_epoch():
                    break
                self._finish_epoch()
            else:
                return True
        except Stopped:  # in a step or a validation, which --resume does again
            pass
        self._save_last()
        return False

    @property
    def finished(self) -> bool:
        """Return whether the last epoch is done or the score has stopped rising."""
        return self.state.epoch >= self.config.epochs or self.state.epochs_without_gain >= self.config.patience

    def _train_epoch(self) -> bool:
        """Train the epoch under way to its end; False if asked to stop before."""
        state, config = self.state, self.config
        seed = config.seed * 100_003 + state.epoch
        batches = self.train.captions.batches(
            config.photos_per_step, shuffle_seed=seed, mirror=config.fine_tune != "none"
        )
        started = time.monotonic() - state.elapsed_s
        done = state.step_in_epoch  # before an interruption
        batches = islice(batches, done * self.parts, None)
        while parts := list(islice(batches, self.parts)):
            state.loss_sum += self._step(parts)
            state.step += 1
            state.step_in_epoch += 1
            state.elapsed_s = time.monotonic() - started
            self.average.update(state.step)
            mean_loss = state.loss_sum / state.step_in_epoch
            self.progress.step(state.epoch + 1, state.step_in_epoch, self.steps, mean_loss)
            if self.processes.any(self.progress.should_stop()):
                return False
            if self.checkpoints.is_due:
                self._save_last()
        return True

    def _step(self, parts: Sequence[CaptionBatch]) -> float:
        """Move the weights by the gradient of the mean over all parts' tokens; return that mean loss."""
        rank, size = self.processes.rank, self.processes.size
        rate = learning_rate_at(self.state.step, self.steps * self.config.epochs, self.config)
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * rate
        self.optimizer.zero_grad(set_to_none=True)
        sums = torch.zeros(2, device=self.engine.device)  # loss, tokens
        for number in range(rank, max(len(parts), size), size):
            # The last step of an epoch may have fewer parts than there are processes: the others count nothing.
            counts = number < len(parts)
            sums += self._add_gradients(parts[number if counts else 0], self.state.step * self.parts + number, counts)
        gradients = [p.grad for p in self.average.learning.values() if p.grad is not None]
        self.processes.sum([*gradients, sums])
        for gradient in gradients:
            gradient /= sums[1]
        torch.nn.utils.clip_grad_norm_(self.average.learning.values(), self.config.gradient_norm)
        self.optimizer.step()
        return float(sums[0] / sums[1])

    def _add_gradients(self, part: CaptionBatch, number: int, counts: bool) -> Tensor:
        """Add the gradients of the loss summed over a part's tokens; return that sum and the tokens (2,)."""
        # Chance depends on the seed and the part alone, so a resumed run meets the same.
        torch.manual_seed(self.config.seed * 1_000_003 + number)
        generator = torch.Generator().manual_seed(self.config.seed * 7919 + number)
        self.model.train()
        with self.engine.autocast():
            features = self.train.features(part, generator)
            if self.reward is None:
                loss = cross_entropy(self.model.decoder, features, part, self.config.label_smoothing)
                tokens = part.lengths.sum()
            else:
                loss, tokens = self.reward(self.model.decoder, features, part)
            if self.label_objective is not None:
                loss = loss + self.label_objective.loss(self.model, features, part, generator)
        if self.processes.size == 1 and self.progress.should_stop():  # a step may take long: it is done again
            raise Stopped
        weight = tokens.to(loss) * counts
        (loss * weight).backward()  # type: ignore[no-untyped-call]
        return torch.stack([loss.detach() * weight, weight])

    def _finish_epoch(self) -> None:
        """Validate and save in the first process; all go on from where it stands then."""
        self.state = self.processes.share(self._validate_and_save)

    def _validate_and_save(self) -> TrainingState:
        """Validate the averaged weights, keep them if they are the best, and save."""
        started = time.monotonic()
        state = self.state
        with self.average.applied():
            self._learn_names()
            found = self.validate()
            row = EpochRow(
                epoch=state.epoch + 1,
                step=state.step,
                train_loss=state.loss_sum / max(state.step_in_epoch, 1),
                **asdict(found.score),
                learning_rate=self._learning_rate(),
                seconds=state.elapsed_s + time.monotonic() - started,
            )
            state.history.append(row)
            state.epoch, state.step_in_epoch, state.loss_sum, state.elapsed_s = state.epoch + 1, 0, 0.0, 0.0
            is_best = state.best is row
            if self.trains_further:
                state.cider_d_each.append(found.captions.cider_d_each)
            if is_best:
                state.best_captions = found.captions
                self._save_best(found)
        self._save_last()
        write_table(self.checkpoints.output / "training.csv", state.history)
        draw_curves(self.checkpoints.output / "training.png", state.history)
        log_epoch(self.checkpoints.output / "tensorboard", row)
        self.progress.epoch(row, is_best)
        return state

    def _learn_names(self) -> None:
        """Fit the name head to what the encoder makes of the photos: once, or where that learns in each epoch."""
        if self.name_objective is None or (self._knows_names and self.model.encoder.frozen):
            return
        found = self.name_objective.fit(self.model, self.heads, self.train, self.stop_if_asked)
        self.heads = replace(self.heads, recognised=found)
        self._knows_names = True

    def _learning_rate(self) -> float:
        """Return the decoder's rate in the last step; a resumed run may not have done any yet."""
        rate = learning_rate_at(max(self.state.step - 1, 0), self.steps * self.config.epochs, self.config)
        return float(self.optimizer.param_groups[0]["peak"]) * rate

    def validate(self) -> Validation:
        """Let the model as it stands caption the dev photos."""
        heads = self.heads
        return validate(self.model, self.dev, self.engine, heads.labels, heads.recognised, self._while_validating)

    def _while_validating(self, done: int) -> None:
        self.progress.validated(done, len(self.dev.captions))
        self.stop_if_asked()

    def stop_if_asked(self) -> None:
        """Raise Stopped where somebody asked for it; several processes agree on that between steps only."""
        if self.processes.size == 1 and self.progress.should_stop():
            raise Stopped

    def _save_best(self, found: Validation) -> None:
        """Keep the model as it stands, with what its heads and its confidence have learned of dev photos."""
        heads = self.heads
        if self.label_objective is not None:
            # Of an encoder that learned, the parent's thresholds say nothing.
            parent = heads.labels if self.trains_further and self.model.encoder.frozen else None
            labels = self.label_objective.thresholds(self.model, self.dev, self.engine, parent)
            heads = replace(heads, labels=labels)
        facts = {"history": self.state.to_json()["history"]}
        self.checkpoints.save_best(self.model, found.fit_confidence(self.model.config), heads, facts)

    def _save_last(self) -> None:
        """Save everything that resuming needs; the first process does it for all."""
        if self.processes.is_first:
            state = {CAPTION_STATE: self.state.to_json()}
            self.checkpoints.save_last(self.model, self.heads, state, pack_state(self.average, self.optimizer))
