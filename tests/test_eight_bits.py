"""Linear layers in 8 bits: how near they come, and that a row does not depend on those beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from test_onnx_engine import FORMS, WORDS, make_model, make_squares, weights_of

from photocap.captioning.config import ModelConfig
from photocap.captioning.inference.eight_bits import linear_in_8_bits, round_weight
from photocap.captioning.inference.graph import Graph
from photocap.captioning.inference.onnx_engine import OnnxEngine
from photocap.captioning.inference.session import Session
from photocap.captioning.model_files import ModelInfo

Floats = NDArray[np.float32]


def apply(rows: Floats, weight: Floats, bias: Floats, largest: float | None) -> Floats:
    graph = Graph()
    x = graph.input("x", "float32", ["N", rows.shape[1]])
    graph.output(linear_in_8_bits(graph, x, weight, bias, largest=largest), "y", ["N", len(bias)])
    found: Floats = Session(graph).run({"x": rows})["y"]
    return found


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3, 3)])
def test_a_weight_is_rounded_output_by_output(shape: tuple[int, ...]) -> None:
    weight = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    weight[1] *= 1000
    weight[2] = 0
    rounded, step = round_weight(weight)
    assert np.abs(rounded).max() == 127
    assert np.array_equal(rounded, rounded.round())
    by_output = step.reshape(-1, *[1] * (weight.ndim - 1))
    assert (np.abs(rounded * by_output - weight) <= 0.501 * by_output).all()


@pytest.mark.parametrize("largest", [1.0, None])
def test_a_layer_comes_near_what_float32_gives_and_each_row_is_its_own(largest: float | None) -> None:
    generator = np.random.default_rng(1)
    weight, bias = (generator.normal(size=shape).astype(np.float32) for shape in ((40, 64), (40,)))
    rows = generator.uniform(-1, 1, size=(6, 64)).astype(np.float32)
    if largest is None:
        rows *= np.array([0, 1e-4, 1, 1, 1e4, 3], np.float32)[:, None]
    found, exact = apply(rows, weight, bias, largest), rows @ weight.T + bias
    size = np.abs(rows).max(axis=1, keepdims=True) * np.sqrt(64)
    assert (np.abs(found - exact) <= 0.02 * size + 1e-5).all()
    alone = np.concatenate([apply(row[None], weight, bias, largest) for row in rows])
    assert np.array_equal(alone, found)


def engine(config: ModelConfig, ranges: dict[str, tuple[float, float]] | None) -> OnnxEngine:
    info = ModelInfo(
        directory=Path(), name="small", weights_sha256="0" * 64, config=config, words=tuple(WORDS), training={}
    )
    return OnnxEngine(info, weights_of(make_model(config)), ranges=ranges)


@pytest.mark.parametrize("name", FORMS)
def test_a_decoder_in_8_bits_rates_words_nearly_as_in_float32(name: str) -> None:
    squares = make_squares()
    exact, rounded = engine(FORMS[name], None), engine(FORMS[name], {})  # the encoder stays in float32
    sight = exact.see(squares)
    tokens = exact.speak(sight).tokens
    expected, found = (each.rate(sight, tokens).log_probs for each in (exact, rounded))
    assert found == pytest.approx(expected, abs=0.2)
    assert not np.array_equal(found, expected)
    together = rounded.speak(sight)
    for number in range(len(squares)):
        alone = rounded.speak(rounded.see(squares[number : number + 1]))
        length = alone.tokens.shape[1]
        assert np.array_equal(alone.tokens[0], together.tokens[number, :length])
        assert alone.log_probs[0] == pytest.approx(together.log_probs[number, :length], abs=1e-4)
