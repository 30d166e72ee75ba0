"""The network on an accelerator, where there is one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from test_onnx_engine import FORMS, WORDS, assert_same, make_model, make_squares

from photocap.captioning.checkpoint import Checkpoint
from photocap.captioning.device import choose_device
from photocap.captioning.engine import OutOfDeviceMemory
from photocap.captioning.model_files import ModelInfo
from photocap.captioning.torch_engine import TorchEngine
from photocap.captioning.vocabulary import Vocabulary

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device"),
]


def engine_on(device: str, precision: str = "float32") -> TorchEngine:
    config = FORMS["grid-lstm-5 labels"]
    info = ModelInfo(
        directory=Path(), name="small", weights_sha256="0" * 64, config=config, words=tuple(WORDS), training={}
    )
    checkpoint = Checkpoint(make_model(config), Vocabulary(WORDS), info)
    return TorchEngine(checkpoint, choose_device(device, precision=precision))


def test_the_device_says_what_the_processor_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)  # it rounds float32 to 10 bits
    squares = make_squares(6)
    said, expected = (engine.speak(engine.see(squares)) for engine in (engine_on("cuda"), engine_on("cpu")))
    assert_same(said, expected)


def test_bfloat16_sees_nearly_the_same() -> None:
    squares = make_squares(6)
    exact, rounded = (engine_on("cuda", precision).see(squares).places for precision in ("float32", "auto"))
    assert exact is not None
    assert rounded is not None
    assert (exact * rounded).sum(axis=1).min() > 0.98


def test_a_batch_that_does_not_fit_is_said_so_and_a_smaller_one_still_fits() -> None:
    engine = engine_on("cuda")
    free, _ = torch.cuda.mem_get_info()
    hoard = torch.empty(int(free * 0.97), dtype=torch.uint8, device="cuda")
    with pytest.raises(OutOfDeviceMemory):
        engine.see(np.zeros((20_000, 64, 64, 3), np.uint8))
    del hoard
    torch.cuda.empty_cache()
    assert engine.see(make_squares(2)).count == 2
