"""The training loop: epochs, validation on generated captions, early stop, `last` and `best`, resume."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from photocap.calibration import RIGHT_CIDER_D, fit_platt
from photocap.caption_data import CaptionDataset
from photocap.checkpoint import save_checkpoint
from photocap.config import ModelConfig, TrainConfig
from photocap.engine import Engine
from photocap.metrics import cider_d
from photocap.model import CaptionModel, beam_search
from photocap.training.curves import draw_curves
from photocap.training.features import FeatureSource
from photocap.training.losses import SelfCritical, cross_entropy
from photocap.training.state import (
    STATE,
    DevScore,
    EpochRow,
    TrainingState,
    WeightAverage,
    pack_state,
    write_table,
)
from photocap.vocabulary import Vocabulary

_DEV_BATCH = 50
_SAVE_EVERY_S = 300.0


@dataclass(frozen=True)
class Side:
    """One side of the split: captions, and where the features of their photos come from."""

    captions: CaptionDataset
    features: FeatureSource


def _ignore(*_told: object) -> bool:
    return False


@dataclass(frozen=True)
class Validation:
    """The dev score, and of each dev photo's caption the mean log-probability and the CIDEr-D (x 100)."""

    score: DevScore
    log_probs: list[float]
    cider_d_each: list[float]


@dataclass(frozen=True)
class Progress:
    """What training tells while it runs; every function may be left as it is.

    Attributes:
        step: told (epoch, steps done in it, steps in it, mean loss so far) after each step.
        epoch: told about each finished epoch, and whether it is the best so far.
        should_stop: asked after each step; True saves and ends the run.
    """

    step: Callable[[int, int, int, float], object] = _ignore
    epoch: Callable[[EpochRow, bool], object] = _ignore
    should_stop: Callable[[], bool] = _ignore


@dataclass
class Training:
    """One training run over prepared data.

    Attributes:
        model: what learns; its parameters say by `requires_grad` which of them do.
        output: the folder of `last`, `best`, the table and the curves.
        name: the name that `best` carries.
        facts: facts for people, written into both checkpoints.
        trains_further: whether the model could speak before; what it reached then is measured first.
    """

    model: CaptionModel
    vocabulary: Vocabulary
    config: TrainConfig
    train: Side
    dev: Side
    engine: Engine
    output: Path
    name: str
    facts: Mapping[str, Any]
    trains_further: bool = False
    progress: Progress = field(default_factory=Progress)
    state: TrainingState = field(default_factory=TrainingState)

    def __post_init__(self) -> None:
        """Set up the optimiser and the weight average."""
        self.optimizer = build_optimizer(self.model, self.config)
        self.average = WeightAverage(self.model, self.config.ema_decay, self.config.start_share)
        self.steps = math.ceil(len(self.train.captions) / self.config.photos_per_step)
        self.reward = SelfCritical(self.train.captions, self.config) if self.config.self_critical else None
        self._saved_at = time.monotonic()

    def run(self) -> bool:
        """Train until the last epoch, an early stop or an interruption.

        Returns:
            True if training is finished, False if it was interrupted (and saved).
        """
        if self.trains_further and self.state.before is None:
            self.state.before = self._validate().score
        while not self.finished:
            if not self._train_epoch():
                self._save_last()
                return False
            self._finish_epoch()
        return True

    @property
    def finished(self) -> bool:
        """Tell whether the last epoch is done or the score has stopped rising."""
        return self.state.epoch >= self.config.epochs or self.state.epochs_without_gain >= self.config.patience

    def _train_epoch(self) -> bool:
        """Train the epoch under way to its end; False if asked to stop before."""
        state, config = self.state, self.config
        seed = config.seed * 100_003 + state.epoch
        batches = self.train.captions.batches(
            config.photos_per_step, shuffle_seed=seed, mirror=config.fine_tune != "none"
        )
        started = time.monotonic() - state.elapsed_s
        for number, batch in enumerate(batches):
            if number < state.step_in_epoch:  # done before the interruption
                continue
            # Chance depends on the seed and the step alone, so a resumed run meets the same.
            torch.manual_seed(config.seed * 1_000_003 + state.step)
            state.loss_sum += self._step(batch)
            state.step += 1
            state.step_in_epoch += 1
            state.elapsed_s = time.monotonic() - started
            self.average.update(state.step)
            mean_loss = state.loss_sum / state.step_in_epoch
            self.progress.step(state.epoch + 1, state.step_in_epoch, self.steps, mean_loss)
            if self.progress.should_stop():
                return False
            if time.monotonic() - self._saved_at > _SAVE_EVERY_S:
                self._save_last()
        return True

    def _step(self, batch: Any) -> float:
        self.model.train()
        generator = torch.Generator().manual_seed(self.config.seed * 7919 + self.state.step)
        rate = learning_rate_at(self.state.step, self.steps * self.config.epochs, self.config)
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * rate
        with self.engine.autocast():
            features = self.train.features(batch, generator)
            if self.reward is None:
                loss = cross_entropy(self.model.decoder, features, batch, self.config.label_smoothing)
            else:
                loss = self.reward(self.model.decoder, features, batch)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.average.learning.values(), self.config.gradient_norm)
        self.optimizer.step()
        return float(loss.detach())

    def _finish_epoch(self) -> None:
        """Validate the averaged weights, keep them if they are the best, and save."""
        started = time.monotonic()
        state = self.state
        with self.average.applied():
            found = self._validate()
            row = EpochRow(
                epoch=state.epoch + 1,
                step=state.step,
                train_loss=state.loss_sum / max(state.step_in_epoch, 1),
                **asdict(found.score),
                learning_rate=self.optimizer.param_groups[0]["lr"],
                seconds=state.elapsed_s + time.monotonic() - started,
            )
            state.history.append(row)
            state.epoch, state.step_in_epoch, state.loss_sum, state.elapsed_s = state.epoch + 1, 0, 0.0, 0.0
            is_best = state.best is row
            if is_best:
                self._save_best(found)
        self._save_last()
        write_table(self.output / "training.csv", state.history)
        draw_curves(self.output / "training.png", state.history)
        self.progress.epoch(row, is_best)

    def _validate(self) -> Validation:
        loss, sentences, log_probs = validate(self.model, self.dev, self.engine)
        score, each = cider_d(sentences, self.dev.captions.references)
        distinct = len(set(sentences)) / max(len(sentences), 1)
        return Validation(DevScore(loss, score, distinct), log_probs, each)

    def _save_best(self, found: Validation) -> None:
        """Keep the model as it stands (the average), with its confidence fitted to the dev captions."""
        platt = fit_platt(found.log_probs, [score >= RIGHT_CIDER_D for score in found.cider_d_each])
        config = replace(self.model.config, confidence_scale=platt.scale, confidence_offset=platt.offset)
        self.save_best(config, {"history": self.state.to_json()["history"]})

    def save_best(self, config: ModelConfig, facts: Mapping[str, Any]) -> None:
        """Keep the model as it stands in `best`, small, with some more facts for people."""
        self._save(self.output / "best", config, {**self.facts, **facts}, torch.float16, {})

    def _save_last(self) -> None:
        """Keep everything that going on needs, in full precision."""
        facts = {**self.facts, "state": self.state.to_json()}
        extra = {STATE: pack_state(self.average, self.optimizer)}
        self._save(self.output / "last", self.model.config, facts, torch.float32, extra)
        self._saved_at = time.monotonic()

    def _save(
        self,
        directory: Path,
        config: ModelConfig,
        facts: Mapping[str, Any],
        dtype: torch.dtype,
        extra: Mapping[str, Mapping[str, Tensor]],
    ) -> None:
        save_checkpoint(
            directory,
            self.model.state_dict(),
            config,
            self.vocabulary,
            name=self.name,
            training=facts,
            extra=extra,
            dtype=dtype,
        )


@torch.no_grad()
def validate(model: CaptionModel, side: Side, engine: Engine) -> tuple[float, list[str], list[float]]:
    """Return the cross-entropy a token (nats), the generated captions, and their mean log-probabilities."""
    model.eval()
    total, tokens = 0.0, 0
    sentences: list[str] = []
    log_probs: list[float] = []
    for batch in side.captions.batches(_DEV_BATCH):
        with engine.autocast():
            features = side.features(batch, None)
            loss = cross_entropy(model.decoder, features, batch)
            generated = beam_search(model.decoder, features, model.config.beam_size)
        count = int(batch.lengths.sum())  # batches differ in size: weigh by real tokens
        total, tokens = total + float(loss) * count, tokens + count
        sentences += [" ".join(side.captions.vocabulary.decode(ids)) for ids in generated.tokens.tolist()]
        log_probs += generated.mean_log_prob.tolist()
    return total / max(tokens, 1), sentences, log_probs


def build_optimizer(model: CaptionModel, config: TrainConfig) -> torch.optim.Optimizer:
    """Return AdamW over what learns: the trunk at its own rates, vectors (biases, norms) without decay."""
    groups: dict[tuple[float, float], list[Tensor]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            peak = _peak_rate(name, config)
            decay = config.weight_decay if parameter.ndim >= 2 else 0.0
            groups.setdefault((peak, decay), []).append(parameter)
    ordered = sorted(groups.items(), key=lambda item: -item[0][0])
    return torch.optim.AdamW(
        [{"params": p, "lr": peak, "peak": peak, "weight_decay": decay} for (peak, decay), p in ordered],
        betas=(0.9, 0.99),
    )


def _peak_rate(name: str, config: TrainConfig) -> float:
    """Return a parameter's own peak learning rate: the nearer to the pixels, the slower (Howard & Ruder 2018)."""
    if not name.startswith("encoder.trunk."):
        return config.learning_rate
    stage = re.search(r"layer(\d)", name)
    below = 4 - int(stage[1]) if stage else 4
    return config.encoder_learning_rate * config.stage_rate_decay**below


def learning_rate_at(step: int, steps: int, config: TrainConfig) -> float:
    """Return the share of the peak learning rate: linear warm-up, then a cosine down to `final_rate`."""
    warmup = min(config.warmup_steps, max(steps // 5, 1))
    if step < warmup:
        return (step + 1) / warmup
    done = min((step - warmup) / max(steps - warmup, 1), 1.0)
    return config.final_rate + (1.0 - config.final_rate) * 0.5 * (1.0 + math.cos(math.pi * done))
