"""The kind of captioner that photocap trains: a ResNet with an LSTM or a GRU."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from photocap.captioning.model_files import CONFIG, RANGES, WEIGHTS, read_model_info
from photocap.captioning.registry import CaptionerOptions, ModelFacts

if TYPE_CHECKING:
    from photocap.captioning.captioner import NetworkCaptioner
    from photocap.captioning.text_encoder import TextEncoder


def read_facts(folder: Path) -> ModelFacts:
    """Return what `config.json` says of a model; that its hash is that of the weights is checked on loading."""
    info = read_model_info(folder)
    return ModelFacts(
        directory=folder,
        name=info.name,
        image_size_px=info.config.image_size_px,
        hash_weights=lambda: info.weights_sha256,
        space_id=info.space_id,
        summary=f"{len(info.words):,} words",
        files=(WEIGHTS, CONFIG, *((RANGES,) if (folder / RANGES).is_file() else ())),
        details={
            "words": len(info.words),
            "names": list(info.names.values()),
            "model": info.config.to_json(),
            "training": dict(info.training),
        },
    )


def load(folder: Path, options: CaptionerOptions) -> NetworkCaptioner:
    """Load a model into the engine that fits the machine.

    Raises:
        CheckpointError: the model cannot be used.
        PhotocapError: the device or the engine is not there.
    """
    from photocap.captioning.captioner import NetworkCaptioner
    from photocap.captioning.engine_choice import load_engine

    info = read_model_info(folder)
    engine = load_engine(
        info,
        options.engine,
        device=options.device,
        batch_size=options.batch_size,
        beam_size=options.beam_size,
        neutral_people=options.neutral_people,
    )
    return NetworkCaptioner(info, engine, hedge_below=options.hedge_below, plain_below=options.plain_below)


def load_text_encoder(folder: Path) -> TextEncoder | None:
    """Read the text side of a model's joint space; None where it has none."""
    from photocap.captioning import text_encoder

    return text_encoder.load_text_encoder(folder)
