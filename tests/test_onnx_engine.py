"""ONNX Runtime against torch: the same features, words, log-probabilities and places, whatever a model is built of."""

from __future__ import annotations

import itertools
import json
import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import load_file, save_file

from photocap.captioning.captioner import NetworkCaptioner
from photocap.captioning.checkpoint import Checkpoint, save_checkpoint
from photocap.captioning.config import ModelConfig
from photocap.captioning.device import choose_device
from photocap.captioning.engine import GeneratedSentences, Sight
from photocap.captioning.engine_choice import load_engine
from photocap.captioning.inference import onnx_engine
from photocap.captioning.inference.graph import Graph
from photocap.captioning.inference.onnx_engine import OnnxEngine
from photocap.captioning.inference.session import Session
from photocap.captioning.model_files import CONFIG, WEIGHTS, ModelInfo, hash_file, read_model_info
from photocap.captioning.network import CaptionModel
from photocap.captioning.text_encoder import load_text_encoder
from photocap.captioning.torch_engine import TorchEngine
from photocap.captioning.vocabulary import PAD, Vocabulary
from photocap.errors import CheckpointError

WORDS = [
    "a",
    "dog",
    "cat",
    "man",
    "woman",
    "boy",
    "person",
    "child",
    "he",
    "they",
    "runs",
    "sits",
    "and",
    "on",
    "grass",
]
SMALL = ModelConfig(
    encoder="resnet18",
    embedding_size=12,
    hidden_size=16,
    feature_size=8,
    attention_heads=4,
    image_size_px=64,
    max_words=9,
    min_words=3,
    beam_size=3,
    joint_size=6,
)
FORMS = {
    f"{attention}-{rnn}-{labels} labels": replace(
        SMALL, attention=attention, rnn=rnn, label_count=labels, label_slots=3
    )
    for attention, rnn, labels in itertools.product(("grid", "none"), ("lstm", "gru"), (0, 5))
}
FORMS["grid-lstm-prototypes"] = replace(
    FORMS["grid-lstm-5 labels"], prototype_count=7, prototype_size=4, prototype_labels=3
)


def make_model(config: ModelConfig, seed: int = 0) -> CaptionModel:
    """Return a random model with opinions strong enough to differ from photo to photo."""
    torch.manual_seed(seed)
    model = CaptionModel(config, len(WORDS) + 4).eval()
    for name, value in model.state_dict().items():
        if "running_mean" in name:
            torch.nn.init.uniform_(value, -0.1, 0.1)
        elif "running_var" in name:
            torch.nn.init.uniform_(value, 0.8, 1.2)
    torch.nn.init.normal_(model.decoder.embedding.weight, std=1.5)
    torch.nn.init.normal_(model.decoder.bias, std=0.5)
    torch.nn.init.uniform_(model.decoder.pooled_std, 0.05, 0.2)
    torch.nn.init.normal_(model.decoder.start.weight, std=0.5)
    if model.decoder.labels is not None:
        model.decoder.labels.words[:] = torch.randint(0, len(WORDS) + 4, model.decoder.labels.words.shape)
        model.decoder.labels.words[:2, 1:] = PAD  # two nouns, which are said once
        model.decoder.labels.words[:2, 0] = torch.tensor([5, 18])
        if model.decoder.labels.prototypes is not None:
            for value in model.decoder.labels.prototypes.buffers():
                torch.nn.init.normal_(value)
    return model


def weights_of(model: CaptionModel) -> dict[str, NDArray[np.float32]]:
    return {name: value.detach().clone().numpy() for name, value in model.state_dict().items()}


def make_engines(
    config: ModelConfig, beam_size: int | None = None, *, neutral_people: bool = False
) -> tuple[OnnxEngine, TorchEngine]:
    model = make_model(config)
    info = ModelInfo(
        directory=Path(), name="small", weights_sha256="0" * 64, config=config, words=tuple(WORDS), training={}
    )
    onnx = OnnxEngine(info, weights_of(model), None, beam_size, neutral_people=neutral_people)
    checkpoint = Checkpoint(model, Vocabulary(WORDS), info)
    device = choose_device("cpu", precision="float32")
    return onnx, TorchEngine(checkpoint, device, None, beam_size, neutral_people=neutral_people)


def make_squares(photos: int = 5) -> NDArray[np.uint8]:
    generator = np.random.default_rng(7)
    coarse = generator.integers(0, 256, (photos, 4, 4, 3), dtype=np.uint8)
    return coarse.repeat(16, axis=1).repeat(16, axis=2)


def assert_same(found: GeneratedSentences, expected: GeneratedSentences) -> None:
    length = found.tokens.shape[1]
    assert np.array_equal(found.tokens, expected.tokens[:, :length])
    assert (expected.tokens[:, length:] == PAD).all()
    assert found.mean_log_prob == pytest.approx(expected.mean_log_prob, abs=1e-3)
    assert found.log_probs == pytest.approx(expected.log_probs[:, :length], abs=1e-3)
    assert found.likeness == pytest.approx(expected.likeness, abs=1e-3)


@pytest.mark.parametrize("name", FORMS)
def test_every_form_of_the_network_says_the_same(name: str) -> None:
    squares = make_squares()
    engines = make_engines(FORMS[name])
    sights = [engine.see(squares) for engine in engines]
    assert all((sight.labels is None) == (FORMS[name].label_count == 0) for sight in sights)
    for part in ("labels", "places"):
        ours, theirs = (getattr(sight, part) for sight in sights)
        assert theirs is None or ours == pytest.approx(theirs, abs=1e-3)
    said, expected = (engine.speak(sight) for engine, sight in zip(engines, sights, strict=True))  # type: ignore[attr-defined]
    assert_same(said, expected)
    assert len({tuple(row) for row in said.tokens.tolist()}) > 1  # else the pictures made no difference


@pytest.mark.parametrize("name", FORMS)
def test_every_form_of_the_network_looks_at_the_same_places(name: str) -> None:
    squares = make_squares()
    engines = make_engines(FORMS[name])
    sights = [engine.see(squares) for engine in engines]
    tokens = engines[0].speak(sights[0]).tokens
    ours, theirs = (engine.attention(sight, tokens) for engine, sight in zip(engines, sights, strict=True))  # type: ignore[attr-defined]
    if name.startswith("none"):
        assert ours is theirs is None
        return
    assert ours is not None
    assert theirs is not None
    assert ours.shape == theirs.shape == (*tokens.shape, FORMS[name].grid_places)
    assert ours == pytest.approx(theirs, abs=1e-4)
    assert ours.std(axis=2).min() > 0  # it looks at some places more than at others


@pytest.mark.parametrize("beam_size", [1, 3, 5])
@pytest.mark.parametrize("neutral_people", [False, True])
def test_every_way_to_search_says_the_same(beam_size: int, neutral_people: bool) -> None:
    config = FORMS["grid-lstm-5 labels"]
    squares = make_squares()
    engines = make_engines(config, beam_size, neutral_people=neutral_people)
    sights = [engine.see(squares) for engine in engines]
    generator = np.random.default_rng(3)
    bias = generator.normal(size=(len(squares), len(WORDS) + 4)).astype(np.float32)
    bias[generator.random(bias.shape) < 0.2] = -np.inf
    bias[:, :4] = 0
    demanded = np.array([[9, 10], [PAD, PAD], [18, PAD], [11, 12], [7, PAD]])
    for rules in ({}, {"word_bias": bias}, {"demanded": demanded}, {"word_bias": bias, "demanded": demanded}):
        said, expected = (engine.speak(sight, **rules) for engine, sight in zip(engines, sights, strict=True))  # type: ignore[attr-defined]
        assert_same(said, expected)


@pytest.mark.parametrize("encoder", ["resnet18", "resnet50"])
def test_the_encoders_of_both_kinds_of_blocks_see_the_same(encoder: str) -> None:
    config = replace(SMALL, encoder=encoder, label_count=5)
    ours, theirs = (engine.see(make_squares(2)) for engine in make_engines(config))
    assert ours.places == pytest.approx(theirs.places, abs=1e-3)
    assert ours.labels == pytest.approx(theirs.labels, abs=1e-3)


def test_weights_that_do_not_fit_are_an_error_with_the_file() -> None:
    weights = weights_of(make_model(SMALL))
    info = ModelInfo(
        directory=Path("somewhere"),
        name="small",
        weights_sha256="0" * 64,
        config=SMALL,
        words=tuple(WORDS),
        training={},
    )
    for broken in (
        {name: value for name, value in weights.items() if name != "decoder.out.weight"},
        weights | {"decoder.query.weight": np.zeros((3, 3), np.float32)},
        weights | {"decoder.embedding.weight": np.zeros((3, 12), np.float32)},
    ):
        with pytest.raises(CheckpointError, match="does not fit its configuration"):
            OnnxEngine(info, broken)


def test_numbers_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    state = make_model(SMALL).state_dict()
    state["decoder.bias"][0] = float("nan")
    save_checkpoint(tmp_path / "m", state, SMALL, Vocabulary(WORDS), name="m", training={})
    with pytest.raises(CheckpointError, match="not finite"):
        load_engine(read_model_info(tmp_path / "m"), "onnx")


def test_tensors_of_a_type_that_numpy_does_not_have_are_an_error_with_the_file(tmp_path: Path) -> None:
    folder = tmp_path / "m"
    save_checkpoint(folder, make_model(SMALL).state_dict(), SMALL, Vocabulary(WORDS), name="m", training={})
    weights, config = folder / WEIGHTS, folder / CONFIG
    save_file({name: value.bfloat16() for name, value in load_file(weights).items()}, weights)
    values = json.loads(config.read_text()) | {"weights_sha256": hash_file(weights)}
    config.write_text(json.dumps(values))
    with pytest.raises(CheckpointError, match=r"model\.safetensors.*cannot be read.*bfloat16"):
        load_engine(read_model_info(folder), "onnx")
    with pytest.raises(CheckpointError, match=r"model\.safetensors.*bfloat16"):
        load_text_encoder(folder)


def test_a_batch_is_shared_out_among_lanes_and_stays_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_engine, "cpu_threads", lambda: 4)
    pictures = [Image.fromarray(square) for square in make_squares(7)]
    model = make_model(SMALL)
    info = ModelInfo(
        directory=Path(), name="small", weights_sha256="0" * 64, config=SMALL, words=tuple(WORDS), training={}
    )
    engine, alone = (OnnxEngine(info, weights_of(model), batch_size) for batch_size in (5, 1))
    assert (engine.lanes, alone.lanes) == (2, 1)
    shares: list[int] = []
    see = engine.see

    def noted(squares: NDArray[np.uint8]) -> Sight:
        shares.append(len(squares))
        return see(squares)

    monkeypatch.setattr(engine, "see", noted)
    found = NetworkCaptioner(info, engine).caption_batch(pictures)
    expected = NetworkCaptioner(info, alone).caption_batch(pictures)
    assert [caption.text for caption in found] == [caption.text for caption in expected]
    assert len({caption.text for caption in found}) > 1
    assert sorted(shares) == [1, 1, 2, 3]  # of batches of 5 and 2


def test_a_session_does_not_keep_the_weights_a_second_time() -> None:
    graph = Graph()
    weight = np.eye(64, dtype=np.float32)
    graph.output(graph.node("MatMul", graph.input("x", "float32", ["B", 64]), graph.constant(weight)), "y", ["B", 64])
    session, alive = Session(graph), weakref.ref(weight)
    del weight
    assert np.array_equal(session.run({"x": np.ones((1, 64), np.float32)})["y"], np.ones((1, 64)))
    assert alive() is None
