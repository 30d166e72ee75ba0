"""Pictures in, sentences out: a model, the engine it runs on, and the way from one to the other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from photocap.captioning.checkpoint import Checkpoint, load_checkpoint
from photocap.captioning.device import Engine, choose_batch_size, choose_device, compile_model
from photocap.captioning.evidence import calibration_of, evidence
from photocap.captioning.hedge import hedged
from photocap.captioning.labels import label_sentence
from photocap.captioning.model_files import base_model_dir
from photocap.captioning.network import CaptionOutput, Features
from photocap.captioning.neutral_terms import NEUTRAL_SUFFIX, neutral_ids
from photocap.captioning.preprocess import normalise, to_square
from photocap.captioning.rules import LabelRules
from photocap.records import Caption, WordProbability
from photocap.tokenizer import join_words

if TYPE_CHECKING:
    from PIL import Image


class Captioner:
    """Captions batches of pictures with one model on one device.

    Args:
        checkpoint: the model; it is changed in place into its inference form.
        engine: where it runs.
        batch_size: photos to run at once.
        beam_size: sentences kept in play; None takes the model's own.
        neutral_people: use none of the words about people for which `people_words` has neutral ones.
        hedge_below: the confidence from which a sentence is said without "perhaps".
        plain_below: the confidence below which a sentence gives way to the surest label, if there is one:
            "A photo of a cup."; None takes the model's own.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        engine: Engine,
        batch_size: int,
        beam_size: int | None = None,
        *,
        neutral_people: bool = False,
        hedge_below: float = 0.0,
        plain_below: float | None = None,
    ) -> None:
        self.model_id = checkpoint.info.model_id + (NEUTRAL_SUFFIX if neutral_people else "")
        self.weights_sha256 = checkpoint.info.weights_sha256
        self.space_id = checkpoint.info.space_id
        self.config = checkpoint.info.config
        self.image_size_px = self.config.image_size_px
        self.batch_size = batch_size
        self.beam_size = beam_size or self.config.beam_size
        self.engine = engine
        self._vocabulary = checkpoint.vocabulary
        self.labels = checkpoint.info.labels
        self._rules = LabelRules(self.labels, checkpoint.vocabulary, self.config.demand_from) if self.labels else None
        self._model = compile_model(checkpoint.model, engine)
        ids = neutral_ids(checkpoint.vocabulary) if neutral_people else None
        self._moved_to = None if ids is None else torch.tensor(ids, device=engine.device)
        self._hedge_below = hedge_below
        self._plain_below = self.config.plain_below if plain_below is None else plain_below
        self._confidence = calibration_of(self.config, neutral_people=neutral_people)

    @property
    def label_names(self) -> tuple[str, ...]:
        """Return the labels that the model knows, in the order of `Caption.label_probabilities`."""
        return self.labels.names if self.labels else ()

    def caption_batch(self, images: Sequence[Image.Image]) -> list[Caption]:
        """Return one caption for each upright RGB picture, in order; any number of pictures, any size."""
        captions: list[Caption] = []
        for start in range(0, len(images), self.batch_size):
            squares = np.stack([to_square(i, self.image_size_px) for i in images[start : start + self.batch_size]])
            captions += self._caption(squares)
        return captions

    def _caption(self, squares: np.ndarray) -> list[Caption]:
        """Caption (B, S, S, 3) uint8 pictures; where the device's memory does not suffice, by halves."""
        try:
            pixels = normalise(torch.from_numpy(squares).to(self.engine.device), self.config)
            with torch.inference_mode(), self.engine.autocast():
                features = self._model.see(pixels.contiguous(memory_format=torch.channels_last))
                found = self._search(features)
        except torch.OutOfMemoryError:
            if len(squares) == 1:
                raise
            half = len(squares) // 2
            return self._caption(squares[:half]) + self._caption(squares[half:])
        places = found.places
        embeddings = [None] * len(squares) if places is None else list(map(_to_bytes, places.float().cpu().numpy()))
        labels = [()] * len(squares) if features.labels is None else features.labels.float().cpu().tolist()
        sentences = [self._vocabulary.decode(ids) for ids in found.tokens.tolist()]
        confidences = [self._confidence(*row) for row in evidence(found, features, self.labels, sentences)]
        chances = found.log_probs.float().exp().tolist()
        parts = zip(sentences, chances, confidences, labels, embeddings, strict=True)
        return [self._caption_of(*each) for each in parts]

    def _search(self, features: Features) -> CaptionOutput:
        """Search sentences; where labels forbid words without them, and once more where one must be said."""
        if self._rules is None or features.labels is None:
            return self._model.caption(features, self.beam_size, self._moved_to)
        forbidden = self._rules.forbidden(features.labels)
        found = self._model.caption(features, self.beam_size, self._moved_to, forbidden=forbidden)
        sentences = [self._vocabulary.decode(ids) for ids in found.tokens.tolist()]
        demanded = self._rules.demanded(features.labels, sentences)
        if demanded is None:
            return found
        return self._model.caption(features, self.beam_size, self._moved_to, forbidden=forbidden, demanded=demanded)

    def _caption_of(
        self,
        words: Sequence[str],
        chances: Sequence[float],
        confidence: float,
        label_probabilities: Sequence[float],
        embedding: bytes | None,
    ) -> Caption:
        """Say of one photo what is sure enough."""
        labels = self.labels.shown(label_probabilities) if self.labels else ()
        sentence = as_sentence(words)
        text = hedged(sentence) if confidence < self._hedge_below else sentence
        if confidence < self._plain_below:
            text = label_sentence(labels) or text
        spoken = tuple(WordProbability(word, p) for word, p in zip(words, chances, strict=False))
        return Caption(text, confidence, embedding, labels, spoken, tuple(label_probabilities))


def load_captioner(
    model_dir: Path | None = None,
    *,
    device: str = "auto",
    batch_size: int | str = "auto",
    beam_size: int | None = None,
    precision: str = "auto",
    neutral_people: bool = False,
    hedge_below: float = 0.0,
    plain_below: float | None = None,
) -> Captioner:
    """Load a model and make it ready.

    Args:
        model_dir: a model folder; None is the base model.
        device: as for `choose_device`.
        batch_size: photos at once, or "auto".
        beam_size: sentences kept in play; None takes the model's own.
        precision: "auto", or "float32".
        neutral_people: as for `Captioner`.
        hedge_below: as for `Captioner`.
        plain_below: as for `Captioner`.

    Raises:
        CheckpointError: the model cannot be used.
        PhotocapError: the device is not there.
    """
    engine = choose_device(device, precision=precision)
    checkpoint = load_checkpoint(model_dir or base_model_dir())
    size = choose_batch_size(engine) if isinstance(batch_size, str) else batch_size
    return Captioner(
        checkpoint,
        engine,
        size,
        beam_size,
        neutral_people=neutral_people,
        hedge_below=hedge_below,
        plain_below=plain_below,
    )


def _to_bytes(vector: np.ndarray) -> bytes:
    return vector.astype("<f2").tobytes()


def as_sentence(words: Sequence[str]) -> str:
    """Write words as people write a caption: "a dog runs" -> "A dog runs."."""
    text = join_words(words)
    return f"{text[0].upper()}{text[1:]}." if text else ""
