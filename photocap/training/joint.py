"""Training the joint text-image space that searches use; encoder and decoder stay as they are."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

import torch

from photocap.captioning.confidence import PARENT_CAPTIONS
from photocap.training.dataset import CaptionBatch
from photocap.training.joint_space import PHOTOS_PER_STEP, JointSpace, Recall
from photocap.training.loop import Training
from photocap.training.progress import Stopped
from photocap.training.state import WeightAverage, pack_state, read_state, unpack_state
from photocap.training.validate import Validation

JOINT_SIZE = 256
JOINT_STATE = "joint_state"
_PEAK_RATE = 1e-3


@dataclass(kw_only=True)
class JointState:
    """Where the training of a joint space stands.

    Attributes:
        before: the recall on dev of the space that the model had; a fresh one finds nothing.
        start_share: share of that space in what is kept.
        best: the best recall on dev so far; None while no epoch found more than the space before.
        epoch: epochs finished.
        step_in_epoch: steps done in the epoch under way.
        loss_sum: summed loss of the epoch under way.
        log_scale: what the space's cosines are scaled by.
    """

    before: Recall
    start_share: float
    log_scale: float
    best: Recall | None = None
    epoch: int = 0
    step_in_epoch: int = 0
    loss_sum: float = 0.0

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> JointState:
        """Build from plain values."""
        best = values["best"] and Recall(**values["best"])
        return cls(**{**values, "before": Recall(**values["before"]), "best": best})


class JointTraining:
    """Trains the joint space on pooled features; `best` is the epoch with the highest recall on dev.

    A space that was known counts like several hundred captions: what is kept lies between it and what fewer teach.

    Args:
        training: a prepared training over a frozen encoder, with a fresh or a known joint space in its model.
        tell: called with epoch, mean loss, recall on dev and whether it is the best so far.
    """

    def __init__(self, training: Training, *, tell: Callable[[int, float, Recall, bool], object]) -> None:
        assert training.model.joint is not None
        self.training, self.tell = training, tell
        self.space = JointSpace(training.model, training.model.joint, training.engine.device)
        self.steps = max(len(training.train.captions) // PHOTOS_PER_STEP, 1)
        self.optimizer = torch.optim.AdamW(
            self.space.parameters(), lr=_PEAK_RATE, weight_decay=training.config.weight_decay
        )

    def resume(self) -> None:
        """Go on where the training in `last` stopped; the model is the one of that folder already.

        Raises:
            CheckpointError: there is no such training, or it is damaged.
        """
        last = self.training.checkpoints.last
        self._follow(read_state(last, JOINT_STATE, JointState.from_json))
        unpack_state(last, self.average, self.optimizer)
        with torch.no_grad():
            self.space.log_scale.fill_(self.state.log_scale)

    def run(self) -> bool:
        """Train until the last epoch or an interruption.

        Returns:
            True if training is finished, False if it was interrupted (and saved).
        """
        try:
            captions = self.training.validate()  # they stay; what they are worth in the new space does not
            if not hasattr(self, "state"):
                self._follow(self._begin())
        except Stopped:
            return False
        try:
            while self.state.epoch < self.training.config.epochs:
                self._train_epoch()
                self._finish_epoch(captions)
        except Stopped:
            self._save_last()
            return False
        self._save_last()
        return True

    def _begin(self) -> JointState:
        training = self.training
        dev_captions = sum(len(photo) for photo in training.dev.captions.references)
        return JointState(
            before=self.space.recall(training.dev, training.stop_if_asked),
            start_share=PARENT_CAPTIONS / (PARENT_CAPTIONS + dev_captions) if training.knows_space else 0.0,
            log_scale=float(self.space.log_scale.detach()),
        )

    def _follow(self, state: JointState) -> None:
        """Train from that state on; what is kept of the weights follows them from here."""
        self.state = state
        self.average = WeightAverage(self.space, self.training.config.ema_decay, state.start_share)

    def _train_epoch(self) -> None:
        """Train the epoch under way to its end.

        Raises:
            Stopped: somebody asked for it.
        """
        training, state = self.training, self.state
        batches = training.train.captions.batches(PHOTOS_PER_STEP, shuffle_seed=state.epoch)
        # Without the small last batch, which has too few wrong answers to learn from.
        for batch in islice(batches, state.step_in_epoch, self.steps):
            state.loss_sum += self._step(batch, state.epoch * self.steps + state.step_in_epoch)
            state.step_in_epoch += 1
            mean_loss = state.loss_sum / state.step_in_epoch
            training.progress.step(state.epoch + 1, state.step_in_epoch, self.steps, mean_loss)
            training.stop_if_asked()
            if training.checkpoints.is_due:
                self._save_last()

    def _step(self, batch: CaptionBatch, step: int) -> float:
        """Move the weights by the gradient of a batch; return its loss."""
        config = self.training.config
        done = step / (self.steps * config.epochs)
        torch.manual_seed(
            config.seed * 1_000_003 + step
        )  # chance depends on the step alone: a resumed run meets the same
        for group in self.optimizer.param_groups:
            group["lr"] = _PEAK_RATE * 0.5 * (1.0 + math.cos(math.pi * done))
        self.space.train()
        loss = self.space.loss(self.training.train, batch, hardest=min(2 * done, 1))
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.space.joint.parameters(), config.gradient_norm)
        self.optimizer.step()
        self.average.update(step + 1)
        return float(loss.detach())

    def _finish_epoch(self, captions: Validation) -> None:
        """Measure the averaged space and keep it if it is the best."""
        training, state = self.training, self.state
        with self.average.applied():
            recall = self.space.recall(training.dev, training.stop_if_asked)
            training.progress.validated(len(training.dev.captions), len(training.dev.captions))
            is_best = recall.sum > (state.best or state.before).sum
            if is_best:
                state.best = recall
                self._save_best(captions, recall)
        self.tell(state.epoch + 1, state.loss_sum / self.steps, recall, is_best)
        state.epoch, state.step_in_epoch, state.loss_sum = state.epoch + 1, 0, 0.0

    def _save_best(self, captions: Validation, recall: Recall) -> None:
        training = self.training
        spoken = captions.with_likeness(self.space.likeness(training.dev, captions.captions.sentences))
        config = spoken.fit_confidence(training.model.config)
        facts = {"recall_on_dev": asdict(recall), "joint_epochs": self.state.epoch + 1}
        training.checkpoints.save_best(training.model, config, training.heads, facts)

    def _save_last(self) -> None:
        training, state = self.training, self.state
        state.log_scale = float(self.space.log_scale.detach())
        tensors = pack_state(self.average, self.optimizer)
        training.checkpoints.save_last(training.model, training.heads, {JOINT_STATE: asdict(state)}, tensors)
