"""Models on disk: what was saved comes back, and nothing hostile or broken gets in."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from photocap.captioning.checkpoint import load_checkpoint, read_resnet, save_checkpoint
from photocap.captioning.config import ModelConfig
from photocap.captioning.model_files import read_model_info, replace_directory
from photocap.captioning.network import CaptionModel
from photocap.captioning.vocabulary import Vocabulary
from photocap.errors import CheckpointError

SMALL = ModelConfig(embedding_size=12, hidden_size=16, feature_size=8)
VOCABULARY = Vocabulary(["a", "dog", "runs"])


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Path, CaptionModel]:
    torch.manual_seed(0)
    model = CaptionModel(SMALL, len(VOCABULARY))
    folder = tmp_path / "model"
    save_checkpoint(folder, model.state_dict(), SMALL, VOCABULARY, name="small", training={"seed": 0})
    return folder, model


def edit_config(folder: Path, **changes: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_what_was_saved_comes_back(saved: tuple[Path, CaptionModel]) -> None:
    folder, model = saved
    found = load_checkpoint(folder)
    assert found.vocabulary.words == VOCABULARY.words
    assert found.info.config == SMALL
    assert found.info.model_id.startswith("small@")
    for name, value in model.state_dict().items():
        assert torch.allclose(found.model.state_dict()[name].float(), value.float(), rtol=1e-3, atol=1e-6), name


def test_a_configuration_of_before_there_was_a_choice_is_a_resnet50_with_an_lstm(
    saved: tuple[Path, CaptionModel],
) -> None:
    old = {n: v for n, v in SMALL.to_json().items() if n not in ("encoder", "rnn")}
    edit_config(saved[0], model=old)
    assert load_checkpoint(saved[0]).info.config == SMALL


def test_another_encoder_and_a_gru_come_back(tmp_path: Path) -> None:
    sizes = replace(SMALL, encoder="resnet18", rnn="gru")
    state = CaptionModel(sizes, len(VOCABULARY)).state_dict()
    save_checkpoint(tmp_path / "m", state, sizes, VOCABULARY, name="m", training={})
    found = load_checkpoint(tmp_path / "m")
    assert found.info.config == sizes
    assert found.model.state_dict().keys() == state.keys()


def test_weights_are_stored_in_half_precision_but_statistics_are_not(saved: tuple[Path, CaptionModel]) -> None:
    tensors = load_file(saved[0] / "model.safetensors")
    assert tensors["decoder.embedding.weight"].dtype == torch.float16
    assert tensors["encoder.trunk.bn1.running_var"].dtype == torch.float32


class Bomb:
    """Pickled, it would create the file named here when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (str(self.mark),)


def test_a_hostile_pickle_is_refused_and_never_run(saved: tuple[Path, CaptionModel], tmp_path: Path) -> None:
    folder, mark = saved[0], tmp_path / "owned"
    data = pickle.dumps(Bomb(mark))
    pickle.loads(data)
    assert mark.exists(), "the bomb works"
    mark.rmdir()
    weights = folder / "model.safetensors"
    weights.write_bytes(data)
    with pytest.raises(CheckpointError, match="is not the file that"):
        load_checkpoint(folder)
    import hashlib

    edit_config(folder, weights_sha256=hashlib.sha256(data).hexdigest())
    with pytest.raises(CheckpointError, match="not a safetensors file"):
        load_checkpoint(folder)
    (tmp_path / "resnet.pth").write_bytes(data)
    with pytest.raises(CheckpointError, match="not a safe weights file"):
        read_resnet(tmp_path / "resnet.pth")
    assert not mark.exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 99}, "format 1 was expected"),
        ({"vocabulary": ["a", 3]}, "not a list of words"),
        ({"vocabulary": ["a", "a", "b"]}, "each word once"),
        ({"vocabulary": ["a", "dog"]}, "does not fit"),
        ({"model": {"hidden_size": 10**9}}, "not from 1 to 4,096"),
        ({"model": {"hidden_size": 4096}}, "does not fit"),
        ({"model": {"hidden_size": "x"}}, "hidden_size"),
        ({"model": {"attention_heads": 3}}, "does not divide"),
        ({"model": {"shell": "rm"}}, "unknown setting"),
        ({"model": {"encoder": "resnet9"}}, "encoder is 'resnet9', which is none of resnet18, "),
        ({"model": {"encoder": ["resnet50"]}}, "encoder is .* not a str"),
        ({"model": {"encoder": "resnet152"}}, "does not fit"),
        ({"model": {"rnn": "transformer"}}, "rnn is 'transformer'"),
        ({"model": {"attention": "none of it"}}, "attention is 'none of it'"),
        ({"weights_sha256": "0" * 64}, "SHA-256 differs"),
        ({"name": None}, "not a short text"),
    ],
)
def test_a_configuration_with_false_claims_is_refused(
    saved: tuple[Path, CaptionModel], changes: dict[str, Any], message: str
) -> None:
    edit_config(saved[0], **changes)
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(saved[0])


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000, "\udcff", "null"])
def test_a_configuration_that_is_none_is_refused(saved: tuple[Path, CaptionModel], text: str) -> None:
    (saved[0] / "config.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(CheckpointError, match="config"):
        read_model_info(saved[0])


def test_a_header_that_claims_more_than_the_file_holds_allocates_nothing(saved: tuple[Path, CaptionModel]) -> None:
    import hashlib

    header = json.dumps({"x": {"dtype": "F32", "shape": [10**6, 10**6], "data_offsets": [0, 4 * 10**12]}}).encode()
    data = struct.pack("<Q", len(header)) + header
    (saved[0] / "model.safetensors").write_bytes(data)
    edit_config(saved[0], weights_sha256=hashlib.sha256(data).hexdigest())
    with pytest.raises(CheckpointError, match="not a safetensors file"):
        load_checkpoint(saved[0])


def test_numbers_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    state = CaptionModel(SMALL, len(VOCABULARY)).state_dict()
    state["decoder.bias"][0] = float("nan")
    save_checkpoint(tmp_path / "m", state, SMALL, VOCABULARY, name="m", training={})
    with pytest.raises(CheckpointError, match="not finite"):
        load_checkpoint(tmp_path / "m")


def test_no_folder_is_a_clear_message(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"is not a model folder.*--model"):
        load_checkpoint(tmp_path / "nowhere")


def test_resnet_file_in_torchvisions_layout(tmp_path: Path) -> None:
    save_file({"conv1.weight": torch.ones(2), "fc.weight": torch.ones(1)}, tmp_path / "r.safetensors")
    torch.save({"conv1.weight": torch.ones(2, dtype=torch.float16)}, tmp_path / "r.pth")
    assert list(read_resnet(tmp_path / "r.safetensors")) == ["conv1.weight"]
    assert read_resnet(tmp_path / "r.pth")["conv1.weight"].dtype == torch.float32
    with pytest.raises(CheckpointError, match="does not exist"):
        read_resnet(tmp_path / "none.pth")


def folder_with(path: Path, text: str) -> Path:
    path.mkdir()
    (path / "config.json").write_text(text)
    return path


def test_a_folder_is_replaced_whole(tmp_path: Path) -> None:
    target = folder_with(tmp_path / "best", "old")
    replace_directory(folder_with(tmp_path / "best.new", "new"), target)
    assert (target / "config.json").read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["best"]


@pytest.mark.parametrize("renames_before_the_kill", [0, 1, 2])
def test_a_kill_while_a_folder_is_replaced_leaves_the_old_or_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, renames_before_the_kill: int
) -> None:
    target = folder_with(tmp_path / "best", "old")
    new = folder_with(tmp_path / "best.new", "new")
    left = [renames_before_the_kill]
    real_replace = os.replace

    def replace_or_die(a: Path, b: Path) -> None:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        real_replace(a, b)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", replace_or_die)
        patch.setattr(
            "photocap.captioning.model_files._remove",
            replace_or_die if renames_before_the_kill == 2 else lambda _: None,
        )
        with contextlib.suppress(KeyboardInterrupt, TypeError):
            replace_directory(new, target)
    from photocap.captioning.model_files import recover_replaced

    recover_replaced(target)
    assert (target / "config.json").read_text() == ("new" if renames_before_the_kill == 2 else "old")
    assert not (tmp_path / "best.old").exists()


def test_the_space_is_named_by_what_a_photos_place_depends_on(tmp_path: Path) -> None:
    sizes = replace(SMALL, joint_size=8)
    torch.manual_seed(0)
    state = CaptionModel(sizes, len(VOCABULARY)).state_dict()

    def space_id(name: str, **changes: torch.Tensor) -> str | None:
        changed = {**state, **{k.replace("__", "."): v for k, v in changes.items()}}
        save_checkpoint(tmp_path / name, changed, sizes, VOCABULARY, name=name, training={})
        return read_model_info(tmp_path / name).space_id

    first = space_id("first")
    assert first is not None
    assert space_id("other_words", decoder__bias=torch.ones(len(VOCABULARY))) == first
    assert space_id("other_place", joint__image__bias=torch.ones(8)) != first
    save_checkpoint(tmp_path / "m", CaptionModel(SMALL, 7).state_dict(), SMALL, VOCABULARY, name="m", training={})
    assert read_model_info(tmp_path / "m").space_id is None
