"""Generate captions for batches of images."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from photocap.captioning.engine import CaptionEngine, Floats32, GeneratedSentences, OutOfDeviceMemory, Sight
from photocap.captioning.evidence import calibration_of, evidence, parent_calibration_of
from photocap.captioning.hedge import hedged
from photocap.captioning.labels import label_sentence
from photocap.captioning.model_files import ModelInfo
from photocap.captioning.name_rules import NameRules
from photocap.captioning.neutral_terms import NEUTRAL_SUFFIX
from photocap.captioning.preprocess import to_square
from photocap.captioning.rules import LabelRules
from photocap.captioning.sentence import as_sentence, correct_grammar
from photocap.captioning.vocabulary import PAD, Vocabulary
from photocap.records import Caption, WordProbability
from photocap.tokenizer import join_words

if TYPE_CHECKING:
    from PIL import Image


class NetworkCaptioner:
    """Captions batches of pictures with one model.

    Args:
        info: the model.
        engine: what runs it.
        hedge_below: the confidence from which a sentence is said without "perhaps".
        plain_below: the confidence below which a sentence gives way to the surest label, if there is one:
            "A photo of a cup."; None takes the model's own.
    """

    def __init__(
        self, info: ModelInfo, engine: CaptionEngine, *, hedge_below: float = 0.0, plain_below: float | None = None
    ) -> None:
        self.model_id = info.model_id + (NEUTRAL_SUFFIX if engine.neutral_people else "")
        self.weights_sha256 = info.weights_sha256
        self.space_id = info.space_id
        self.config = info.config
        self.image_size_px = self.config.image_size_px
        self.batch_size = engine.batch_size
        self.engine = engine
        self._lanes = ThreadPoolExecutor(engine.lanes, thread_name_prefix="photocap-lane")
        self.labels = info.labels
        self._vocabulary = Vocabulary(info.words)
        self._spellings = info.names
        self._rules = LabelRules(self.labels, self._vocabulary, self.config.demand_from) if self.labels else None
        self._names = NameRules(info.recognised, self._vocabulary, self.label_names) if info.recognised else None
        self._hedge_below = hedge_below
        self._plain_below = self.config.plain_below if plain_below is None else plain_below
        self._confidence = calibration_of(self.config, neutral_people=engine.neutral_people)
        self._parent_confidence = parent_calibration_of(self.config, neutral_people=engine.neutral_people)

    @property
    def label_names(self) -> tuple[str, ...]:
        """Return the labels that the model knows, in the order of `Caption.label_probabilities`."""
        return self.labels.names if self.labels else ()

    @property
    def runs_on(self) -> str:
        """Return what runs the network."""
        library = "onnxruntime" if self.engine.name.startswith("onnx") else "torch"
        return f"{self.engine.name}, {library} {version(library)}"

    @property
    def batches_at_once(self) -> int:
        """Return how many lanes there are: one that has done its share of a batch begins with the next."""
        return self.engine.lanes

    def caption_batch(self, images: Sequence[Image.Image]) -> list[Caption]:
        """Return one caption for each upright RGB picture, in order; any number of pictures, any size."""
        captions: list[Caption] = []
        for start in range(0, len(images), self.batch_size):
            captions += self._caption_in_lanes(images[start : start + self.batch_size])
        return captions

    def _caption_in_lanes(self, images: Sequence[Image.Image]) -> list[Caption]:
        """Share a batch out among the engine's lanes: while one chooses words, another looks at its pictures."""
        share = -(-len(images) // self.engine.lanes)
        shares = [images[start : start + share] for start in range(0, len(images), share)]
        return [caption for captions in self._lanes.map(self._caption_pictures, shares) for caption in captions]

    def _caption_pictures(self, images: Sequence[Image.Image]) -> list[Caption]:
        return self._caption(np.stack([to_square(image, self.image_size_px) for image in images]))

    def caption_with_attention(self, image: Image.Image) -> Caption:
        """Return the caption of an upright RGB picture, its words with where the model looked for each."""
        sight = self.engine.see(to_square(image, self.image_size_px)[None])
        found = self._search(sight)
        (caption,) = self._captions_of(sight, found, self.engine.attention(sight, found.tokens))
        return caption

    def sentences(self, squares: NDArray[np.uint8]) -> list[list[str]]:
        """Return the sentences about (B, S, S, 3) uint8 pictures as the model generates them, in words it knows."""
        return self._decode(self._search(self.engine.see(squares)))

    def _decode(self, found: GeneratedSentences) -> list[list[str]]:
        return [self._vocabulary.decode(ids) for ids in found.tokens.tolist()]

    def _caption(self, squares: NDArray[np.uint8]) -> list[Caption]:
        """Caption (B, S, S, 3) uint8 pictures; where the device's memory does not suffice, by halves from now on."""
        try:
            sight = self.engine.see(squares)
            found = self._search(sight)
        except OutOfDeviceMemory:
            if len(squares) == 1:
                raise
            half = len(squares) // 2
            self.batch_size = min(self.batch_size, half)
            return self._caption(squares[:half]) + self._caption(squares[half:])
        return self._captions_of(sight, found)

    def _captions_of(self, sight: Sight, found: GeneratedSentences, attention: Floats32 | None = None) -> list[Caption]:
        places = sight.places
        embeddings = [None] * sight.count if places is None else list(map(_to_bytes, places))
        labels = [()] * sight.count if sight.labels is None else sight.labels.tolist()
        sentences = self._decode(found)
        supports = evidence(found, sight.labels, self.labels, sentences)
        chances = np.exp(found.log_probs).tolist()
        weights = [()] * sight.count if attention is None else attention.round(4).tolist()
        parts = zip(sentences, chances, weights, supports, labels, embeddings, strict=True)
        return [self._caption_of(*each) for each in parts]

    def _search(self, sight: Sight) -> GeneratedSentences:
        """Search sentences as labels have it, with the name of who is recognised and without any other."""
        if self._names is None or sight.names is None:
            return self._search_labelled(sight, None, None)
        seen = self._names.believed(sight.names, sight.labels)
        bias, demanded = self._names.word_bias(seen), self._names.demanded(seen)
        return self._names.with_evidence(self._search_labelled(sight, bias, demanded), seen)

    def _search_labelled(
        self, sight: Sight, bias: Floats32 | None, demanded: NDArray[np.int64] | None
    ) -> GeneratedSentences:
        """Search sentences as labels have it, and once more where one must be said."""
        if self._rules is None or sight.labels is None:
            return self.engine.speak(sight, word_bias=bias, demanded=demanded)
        by_labels = self._rules.word_bias(sight.labels)
        bias = by_labels if bias is None else bias + by_labels
        found = self.engine.speak(sight, word_bias=bias, demanded=demanded)
        sentences = self._decode(found)
        lacking = self._rules.demanded(sight.labels, sentences)
        if lacking is None:
            return found
        if demanded is not None:  # of one sentence only one thing can be demanded: the name
            is_named = demanded[:, 0] != PAD
            lacking[is_named] = PAD
            lacking[is_named, 0] = demanded[is_named, 0]
        return self.engine.speak(sight, word_bias=bias, demanded=lacking)

    def _caption_of(
        self,
        words: Sequence[str],
        chances: Sequence[float],
        attention: Sequence[Sequence[float]],
        support: NDArray[np.float64],
        label_probabilities: Sequence[float],
        embedding: bytes | None,
    ) -> Caption:
        """Say of one photo what is sure enough."""
        confidence = self._confidence(*support)
        labels = self.labels.shown(label_probabilities) if self.labels else ()
        corrected = correct_grammar([self._spellings.get(word, word) for word in words])
        sentence = as_sentence(join_words(word for _, word in corrected))
        text = hedged(sentence) if confidence < self._hedge_below else sentence
        if confidence < self._plain_below:
            text = label_sentence(labels) or text
        spoken = tuple(
            WordProbability(word, chances[index], tuple(attention[index]) if attention else ())
            for index, word in corrected
        )
        return Caption(
            text=text,
            confidence=confidence,
            embedding=embedding,
            labels=labels,
            likely_labels=self.labels.likely(label_probabilities) if self.labels else (),
            words=spoken,
            label_probabilities=tuple(label_probabilities),
            parent_confidence=self._parent_confidence(*support) if self._parent_confidence else None,
        )


def _to_bytes(vector: np.ndarray) -> bytes:
    return vector.astype("<f2").tobytes()
