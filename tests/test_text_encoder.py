"""The text side of the joint space: numpy says what torch says, and no query is too odd."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from photocap.captioning.checkpoint import save_checkpoint
from photocap.captioning.config import ModelConfig
from photocap.captioning.network import CaptionModel
from photocap.captioning.text_encoder import load_text_encoder
from photocap.captioning.vocabulary import Vocabulary
from photocap.errors import CheckpointError

SIZES = ModelConfig(embedding_size=12, hidden_size=16, feature_size=8, joint_size=10)
VOCABULARY = Vocabulary(["a", "dog", "on", "the", "beach", "red", "ball"])
QUERIES = ["dog", "a dog on the beach", "red ball red ball red ball", "The BEACH, a dog!"]


@pytest.fixture
def model(tmp_path: Path) -> CaptionModel:
    torch.manual_seed(0)
    model = CaptionModel(SIZES, len(VOCABULARY))
    save(model, tmp_path / "model", SIZES)
    return model


def save(model: CaptionModel, folder: Path, sizes: ModelConfig) -> None:
    state = model.state_dict()
    save_checkpoint(folder, state, sizes, VOCABULARY, name="m", training={}, dtype=torch.float32)


def test_numpy_equals_torch(model: CaptionModel, tmp_path: Path) -> None:
    encoder = load_text_encoder(tmp_path / "model")
    assert encoder is not None
    assert model.joint is not None
    model.eval()
    ids = [VOCABULARY.encode(q.lower().replace(",", "").replace("!", "").split()) for q in QUERIES]
    lengths = torch.tensor([len(i) for i in ids])
    tokens = torch.tensor([i + [0] * (int(lengths.max()) - len(i)) for i in ids])
    with torch.no_grad():
        expected = model.joint.embed_texts(tokens, lengths).numpy()
    found = np.stack([encoder.encode(q) for q in QUERIES])
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1.0, atol=1e-5)


@pytest.mark.parametrize("text", ["", "zebra", "<pad> <unk>", "\0\ud800", "🐕", "dog " * 5000])
def test_any_text_has_a_place_or_none(model: CaptionModel, tmp_path: Path, text: str) -> None:
    encoder = load_text_encoder(tmp_path / "model")
    assert model
    assert encoder is not None
    place = encoder.encode(text)
    assert place.shape == (10,)
    assert np.isfinite(place).all()
    assert np.linalg.norm(place) == pytest.approx(1.0 if "dog" in text else 0.0, abs=1e-5)


def test_a_model_without_a_joint_space_has_no_text_side(tmp_path: Path) -> None:
    sizes = ModelConfig(embedding_size=12, hidden_size=16, feature_size=8)
    save(CaptionModel(sizes, len(VOCABULARY)), tmp_path / "plain", sizes)
    assert load_text_encoder(tmp_path / "plain") is None


def test_a_damaged_model_is_a_clear_message(model: CaptionModel, tmp_path: Path) -> None:
    assert model
    (tmp_path / "model" / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match="no usable text side"):
        load_text_encoder(tmp_path / "model")


def test_the_text_side_needs_no_torch() -> None:
    code = "import photocap.captioning.text_encoder, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
