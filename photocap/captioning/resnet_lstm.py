"""The kind of captioner that photocap trains: a ResNet with an LSTM or a GRU."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from photocap.captioning.model_files import CONFIG, RANGES, WEIGHTS, read_model_info
from photocap.captioning.registry import CaptionerOptions, ModelFacts
from photocap.records import CaptionerProtocol

if TYPE_CHECKING:
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


def load(folder: Path, options: CaptionerOptions) -> CaptionerProtocol:
    """Load a model into the engine that fits the machine."""
    from photocap.captioning.captioner import load_captioner

    return load_captioner(
        folder,
        engine=options.engine,
        device=options.device,
        batch_size=options.batch_size or "auto",
        beam_size=options.beam_size,
        precision=options.precision,
        neutral_people=options.neutral_people,
        hedge_below=options.hedge_below,
        plain_below=options.plain_below,
    )


def load_text_encoder(folder: Path) -> TextEncoder | None:
    """Read the text side of a model's joint space; None where it has none."""
    from photocap.captioning import text_encoder

    return text_encoder.load_text_encoder(folder)
