"""From a model to sentences: neutral words, hedged sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import log
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from photocap.captioning.captioner import NetworkCaptioner
from photocap.captioning.checkpoint import Checkpoint
from photocap.captioning.config import ModelConfig
from photocap.captioning.device import choose_device
from photocap.captioning.engine import GeneratedSentences, Sight
from photocap.captioning.hedge import hedged, unhedged
from photocap.captioning.model_files import ModelInfo
from photocap.captioning.network import CaptionModel
from photocap.captioning.torch_engine import TorchEngine
from photocap.captioning.vocabulary import END, Vocabulary

SMALL = ModelConfig(
    embedding_size=4, hidden_size=4, feature_size=4, attention_heads=1, image_size_px=32, max_words=1, min_words=1
)
SHARES = {"dog": 0.3, "man": 0.25, "woman": 0.25, "person": 0.02}


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    """A model that says the same of every picture: most probably "dog", then "man" or "woman"."""
    vocabulary = Vocabulary(list(SHARES))
    model = CaptionModel(SMALL, len(vocabulary))
    torch.nn.init.zeros_(model.decoder.embedding.weight)
    model.decoder.bias.data = torch.tensor([1e-9] * 4 + list(SHARES.values())).log()
    model.decoder.bias.data[END] = torch.tensor(0.18).log()
    return Checkpoint(
        model,
        vocabulary,
        ModelInfo(
            directory=Path(), name="small", weights_sha256="0" * 64, config=SMALL, words=vocabulary.words, training={}
        ),
    )


def caption(checkpoint: Checkpoint, *, neutral_people: bool = False, hedge_below: float = 0.0) -> tuple[str, float]:
    engine = choose_device("cpu", precision="float32")
    ready = TorchEngine(checkpoint, engine, 2, neutral_people=neutral_people)
    captioner = NetworkCaptioner(checkpoint.info, ready, hedge_below=hedge_below)
    (found,) = captioner.caption_batch([Image.new("RGB", (40, 30), "red")])
    return found.text, found.confidence


def test_neutral_words_and_the_id_that_tells_of_them(checkpoint: Checkpoint) -> None:
    assert caption(checkpoint)[0] == "Dog."
    assert caption(checkpoint, neutral_people=True)[0] == "Person."
    engine = choose_device("cpu", precision="float32")
    engines = [TorchEngine(checkpoint, engine, 1, neutral_people=wish) for wish in (False, True)]
    ids = [NetworkCaptioner(checkpoint.info, ready).model_id for ready in engines]
    assert ids == ["small@000000000000", "small@000000000000+neutral"]


def test_a_sentence_is_hedged_below_the_confidence_and_not_at_it(checkpoint: Checkpoint) -> None:
    text, confidence = caption(checkpoint)
    assert 0 < confidence < 1
    assert caption(checkpoint, hedge_below=confidence) == (text, confidence)
    assert caption(checkpoint, hedge_below=confidence + 1e-6) == ("Perhaps dog.", confidence)


def test_the_likeness_in_the_joint_space_counts_in_the_confidence() -> None:
    torch.manual_seed(0)
    vocabulary = Vocabulary(list(SHARES))
    plain = replace(SMALL, joint_size=4)
    weights = CaptionModel(plain, len(vocabulary)).state_dict()
    odds, likeness = [], []
    for config in (plain, replace(plain, confidence_likeness=5.0)):
        model = CaptionModel(config, len(vocabulary))
        model.load_state_dict(weights)
        info = ModelInfo(
            directory=Path(), name="small", weights_sha256="0" * 64, config=config, words=vocabulary.words, training={}
        )
        engine = TorchEngine(Checkpoint(model, vocabulary, info), choose_device("cpu", precision="float32"), 2)
        captioner = NetworkCaptioner(info, engine)
        (found,) = captioner.caption_batch([Image.new("RGB", (40, 30), "red")])
        odds.append(log(found.confidence / (1 - found.confidence)))
        assert model.joint
        ids = torch.tensor([vocabulary.encode([found.text.lower().rstrip(".")])])
        with torch.no_grad():
            sentence = model.joint.embed_texts(ids, torch.tensor([1]))[0]
        likeness.append(float(sentence @ torch.from_numpy(np.frombuffer(found.embedding or b"", "<f2").astype("f4"))))
    assert likeness[0] == likeness[1] != 0
    assert odds[1] - odds[0] == pytest.approx(5.0 * likeness[0], abs=0.02)  # embeddings have three digits


class Speaker:
    """An engine that says one sentence of every picture, and looks at another place for each word."""

    name, batch_size, lanes, neutral_people = "speaker", 1, 1, False

    def __init__(self, tokens: Sequence[int]) -> None:
        self.tokens = np.array([tokens])

    def see(self, squares: NDArray[np.uint8]) -> Sight:
        return Sight(count=len(squares), labels=None, places=None, names=None, state=None)

    def speak(self, sight: Sight, **_: object) -> GeneratedSentences:
        chances = np.linspace(0.9, 0.5, self.tokens.size, dtype=np.float32)[None]
        unknown = np.zeros(sight.count, np.float32)
        return GeneratedSentences(self.tokens, unknown, np.log(chances), unknown)

    def attention(self, sight: Sight, tokens: NDArray[np.int64]) -> NDArray[np.float32]:
        return np.tile(np.eye(tokens.size, dtype=np.float32), (sight.count, 1, 1))


def test_each_word_of_the_sentence_has_its_own_probability_and_attention(checkpoint: Checkpoint) -> None:
    words = ["a", "owl", "with", "yellow", "eyes"]
    vocabulary = Vocabulary(words)
    said = vocabulary.encode(["a", "owl", "with", "a", "yellow", "eyes"])
    info = replace(checkpoint.info, words=vocabulary.words)
    found = NetworkCaptioner(info, Speaker([*said, END])).caption_with_attention(Image.new("RGB", (40, 30)))
    assert found.text == "An owl with yellow eyes."
    assert [word.word for word in found.words] == ["an", "owl", "with", "yellow", "eyes"]
    assert [word.attention.index(1.0) for word in found.words] == [0, 1, 2, 4, 5]
    falling = np.linspace(0.9, 0.5, 7)
    assert [word.probability for word in found.words] == pytest.approx(falling[[0, 1, 2, 4, 5]].tolist())


def test_hedging_there_and_back() -> None:
    assert hedged("A dog runs.") == "Perhaps a dog runs."
    assert unhedged("Perhaps a dog runs.") == "A dog runs."
    assert unhedged("A dog runs, perhaps home.") == "A dog runs, perhaps home."
    assert (hedged(""), unhedged("")) == ("", "")
