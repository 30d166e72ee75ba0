"""Searching for photos whose captions are known, by words, by look and by both, for `photocap evaluate`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from photocap.captioning.registry import load_text_encoder
from photocap.evaluation import Evaluation
from photocap.evaluation.retrieval import Find, Retrieval, by_look, fill_index, measure_retrieval
from photocap.evaluation.things import ThingRetrieval, measure_things
from photocap.index import PhotoIndex
from photocap.search import TextEncoderProtocol, search

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Found:
    """How well photos are found by sentences about them, and things by one word; for each way of searching."""

    photos: dict[str, Retrieval]
    things: dict[str, ThingRetrieval]


def find_again(evaluation: Evaluation, model: Path | None, folder: Path, task: Callable[[str], Progress]) -> Found:
    """Search for the photos of an evaluation in an index of them alone.

    Args:
        evaluation: the photos.
        model: the model's folder.
        folder: a folder for the index, made here.
        task: starts a progress bar by its name.
    """
    folder.mkdir(exist_ok=True)
    encoder = load_text_encoder(model)
    with PhotoIndex.open(folder / "index.db", create=True) as index:
        fill_index(index, evaluation.photos, evaluation.model_id)

        def find(text: str, count: int, text_encoder: TextEncoderProtocol | None = None) -> list[Path]:
            hits = search(index, text, limit=count, text_encoder=text_encoder).hits
            return [hit.photo.path for hit in hits]

        ways: dict[str, Find] = {"found by words": find}
        look = encoder and by_look(evaluation.photos, encoder.encode)
        if look:
            ways |= {"found by look": look, "found by both": partial(find, text_encoder=encoder)}
        things = {way: measure_things(evaluation.photos, chosen, task(f"nouns {way}")) for way, chosen in ways.items()}
        photos = {way: measure_retrieval(evaluation.photos, chosen, task(way)) for way, chosen in ways.items()}
    return Found(photos, {way: found for way, found in things.items() if found})
