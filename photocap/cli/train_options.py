"""The options of `photocap train` as a request: what goes together, and what fits where nothing was chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from photocap.captioning.config import ModelConfig, TrainConfig
from photocap.cli import settings
from photocap.cli.train_run import Adoption

if TYPE_CHECKING:
    from photocap.training import TrainRequest

_NEW_MODEL = ("encoder", "rnn", "attention", "embedding_size", "hidden_size", "layers")
_OWNERS_RECIPE: Mapping[str, Any] = {
    # An owner's captions are few: small steps, so that there are enough of them for new words.
    "learning_rate": 5e-4,
    "photos_per_step": 8,
    "start_share": 0.65,
    "min_count": 3,
}


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """The options, each under the name that click gives it, and `sources`: where each value comes from."""

    captions: tuple[Path, ...]
    images: tuple[Path, ...]
    from_library: bool
    output: Path
    init: str
    epochs: int
    fine_tune: str
    encoder: str
    rnn: str
    attention: str
    embedding_size: int
    hidden_size: int
    layers: int
    learning_rate: float | None
    batch_size: int | None
    optimizer: str
    dropout: float | None
    min_count: int | None
    labels: Path | None
    sentences: Path | None
    scst: bool
    retrieval: bool
    accumulate: int
    beam_size: int | None
    val_share: float | None
    use: bool | None
    check: tuple[Path, ...]
    seed: int
    resume: bool
    db: Path
    device: str
    sources: Mapping[str, ParameterSource | None]

    @classmethod
    def of(cls, ctx: click.Context) -> TrainOptions:
        """Return the options of a command line.

        Raises:
            click.UsageError: they do not go together.
        """
        known = {field.name for field in fields(cls)}
        sources = {name: ctx.get_parameter_source(name) for name in ctx.params}
        options = cls(sources=sources, **{name: value for name, value in ctx.params.items() if name in known})
        options._check()
        return options

    def request(self) -> TrainRequest:
        """Return what is asked of the training."""
        from photocap.training import LabelRequest, TrainRequest

        labels = LabelRequest(self.labels, self.sentences, self._teacher()) if self.labels else None
        return TrainRequest(
            captions=self.captions,
            images=self.images,
            output=self.output,
            init=self.init,
            model=self._model(),
            config=self._config(),
            device=self.device,
            resume=self.resume,
            library=self.db if self.from_library else None,
            beam_size=self.beam_size,
            dev_share=self.val_share,
            cache=settings.cache_dir() / "training",
            labels=labels,
        )

    def adoption(self) -> Adoption:
        """Return what becomes of the model."""
        by_itself = self.sources["output"] is ParameterSource.DEFAULT and self.init == "base"
        return Adoption(use=by_itself if self.use is None else self.use, check=self.check)

    def _check(self) -> None:
        if not self.captions and not self.from_library:
            raise click.UsageError("give CAPTIONS, or --from-library")
        if self.sentences and not self.labels:
            raise click.UsageError("--sentences goes with --labels")
        if self.use and not self._goes_further:
            raise click.UsageError("--use is for a model that is trained further; `photocap models use` takes any")
        if self.retrieval and (self.scst or self.fine_tune != "none" or self.accumulate > 1):
            raise click.UsageError("--retrieval goes with none of --scst, --fine-tune, --accumulate")
        shape = [name for name in _NEW_MODEL if self.sources[name] is ParameterSource.COMMANDLINE]
        if shape and self._goes_further:
            option = shape[0].replace("_", "-")
            raise click.UsageError(f"--{option} is for a new model: it goes with --init imagenet or --init FILE")
        if self.hidden_size % ModelConfig.attention_heads:
            raise click.UsageError(f"--hidden-size must be a multiple of {ModelConfig.attention_heads}")

    @property
    def _goes_further(self) -> bool:
        """Return whether it starts from a model, which has its shape already."""
        return self.init == "base" or Path(self.init).is_dir()

    def _model(self) -> ModelConfig:
        from photocap.training import JOINT_SIZE

        shape = {name: getattr(self, name) for name in _NEW_MODEL}
        return ModelConfig.from_json({**shape, "joint_size": JOINT_SIZE if self.retrieval else 0})

    def _config(self) -> TrainConfig:
        chosen = {
            "learning_rate": self.learning_rate,
            "photos_per_step": self.batch_size,
            "word_dropout": self.dropout,
            "feature_dropout": self.dropout,
            "min_count": self.min_count,
            "optimizer": self.optimizer,
            "epochs": self.epochs,
            "accumulate": self.accumulate,
            "fine_tune": self.fine_tune,
            "self_critical": self.scst,
            "seed": self.seed,
        }
        return TrainConfig.from_json(
            {**self._recipe(), **{name: value for name, value in chosen.items() if value is not None}}
        )

    def _recipe(self) -> Mapping[str, Any]:
        """Return the settings that fit: a decoder that can speak already is changed with care."""
        if self.scst:
            return {"learning_rate": 2e-4, "encoder_learning_rate": 2e-5}
        if self.fine_tune != "none":
            return {"learning_rate": 4e-4, "encoder_learning_rate": 8e-5}
        return _OWNERS_RECIPE if self._goes_further else {}

    def _teacher(self) -> Path | None:
        """Return the weights whose classifier teaches labels: it must look at the features that it was trained on."""
        path = Path(self.init)
        if self.fine_tune != "none" or path.suffix != ".safetensors" or not path.is_file():
            return None
        from photocap.captioning.checkpoint import has_classifier

        return path if has_classifier(path) else None
