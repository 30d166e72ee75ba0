"""Hugging Face image-to-text models in a local folder: tiny ones with random weights, made here."""

from __future__ import annotations

import importlib.util
import json
import shutil
import socket
from pathlib import Path

import pytest
from PIL import Image

if not all(map(importlib.util.find_spec, ("torch", "torchvision", "transformers"))):
    pytest.skip("a vlm needs the extra `vlm`, which is not installed", allow_module_level=True)

import torch
import transformers
from safetensors.torch import load_file
from tokenizers import Tokenizer, models, pre_tokenizers

from photocap.captioning.registry import hash_files, load_captioner, read_facts
from photocap.captioning.vlm import VlmCaptioner
from photocap.errors import CheckpointError, PhotocapError

pytestmark = pytest.mark.filterwarnings("ignore")  # of transformers' own code
WORDS = ["[PAD]", "[BOS]", "[EOS]", "[UNK]", "a", "dog", "cat", "on", "the", "beach", "red", "blue", "photo", "of"]
PAD, BOS, EOS, UNK = range(4)
SIDE_PX = 32
SMALL = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
SQUARE = {"image_size": SIDE_PX, "patch_size": 16}
SPECIAL = {"bos_token_id": BOS, "eos_token_id": EOS, "pad_token_id": PAD}
SIZE = {"height": SIDE_PX, "width": SIDE_PX}
IMAGES = [Image.new("RGB", (64, 48), colour) for colour in ("red", "blue", "white")]


def tokenizer() -> transformers.PreTrainedTokenizerFast:
    words = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="[PAD]", bos_token="[BOS]", eos_token="[EOS]", unk_token="[UNK]"
    )


def make_vit_gpt2(folder: Path) -> None:
    gpt2 = transformers.GPT2Config(
        vocab_size=len(WORDS), n_embd=16, n_layer=1, n_head=2, n_positions=64, add_cross_attention=True, **SPECIAL
    )
    vit = transformers.ViTConfig(**SMALL, **SQUARE)
    config = transformers.VisionEncoderDecoderConfig.from_encoder_decoder_configs(vit, gpt2)
    model = transformers.VisionEncoderDecoderModel(config=config)
    model.generation_config = transformers.GenerationConfig(
        decoder_start_token_id=BOS, suppress_tokens=[PAD, BOS, UNK], begin_suppress_tokens=[EOS], **SPECIAL
    )
    model.save_pretrained(folder)
    transformers.ViTImageProcessor(size=SIZE).save_pretrained(folder)
    tokenizer().save_pretrained(folder)


def make_blip(folder: Path) -> None:
    text = SMALL | SPECIAL | {"vocab_size": len(WORDS), "encoder_hidden_size": 16, "sep_token_id": EOS}
    config = transformers.BlipConfig(
        text_config=text | {"projection_dim": 8, "max_position_embeddings": 64},
        vision_config=SMALL | SQUARE | {"projection_dim": 8},
        projection_dim=8,
        image_text_hidden_size=8,
    )
    transformers.BlipForConditionalGeneration(config).save_pretrained(folder)
    pictures = transformers.BlipImageProcessor(size=SIZE)
    transformers.BlipProcessor(pictures, tokenizer()).save_pretrained(folder)


def make_git(folder: Path) -> None:
    config = transformers.GitConfig(
        vision_config=SMALL | SQUARE, vocab_size=len(WORDS), max_position_embeddings=128, **SMALL, **SPECIAL
    )
    transformers.GitForCausalLM(config).save_pretrained(folder)
    pictures = transformers.CLIPImageProcessor(size={"shortest_edge": SIDE_PX}, crop_size=SIZE)
    transformers.GitProcessor(pictures, tokenizer()).save_pretrained(folder)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with one tiny model of each kind."""
    root = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    transformers.utils.logging.disable_progress_bar()
    for name, make in {"vit-gpt2": make_vit_gpt2, "blip": make_blip, "git": make_git}.items():
        make(root / name)
    return root


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("name", ["vit-gpt2", "blip", "git"])
@pytest.mark.parametrize("beam_size", [None, 3])
def test_a_local_folder_is_loaded_and_captions(folders: Path, name: str, beam_size: int | None) -> None:
    captioner = load_captioner(folders / name, device="cpu", engine="torch-float32", beam_size=beam_size)
    captions = captioner.caption_batch(IMAGES)
    assert len(captions) == 3
    for caption in captions:
        assert caption.text[0].isupper()
        assert caption.text.endswith(".")
        assert set(caption.text.lower().removesuffix(".").split()) <= set(WORDS)
        assert 0 < caption.confidence < 1
    assert captioner.weights_sha256 == hash_files([folders / name / "model.safetensors"])
    assert captioner.model_id == f"{name}@{captioner.weights_sha256[:12]}"
    assert captioner.image_size_px == SIDE_PX
    assert isinstance(captioner, VlmCaptioner)
    assert "float32" in captioner.runs_on


@pytest.mark.parametrize("beam_size", [1, 3])
def test_the_confidence_is_the_mean_probability_of_a_word(folders: Path, beam_size: int) -> None:
    """The reference scores the sentence anew, with the sentence itself as the decoder's input."""
    captioner = load_captioner(folders / "vit-gpt2", device="cpu", engine="torch-float32", beam_size=beam_size)
    model = transformers.VisionEncoderDecoderModel.from_pretrained(folders / "vit-gpt2").eval()
    pictures = transformers.ViTImageProcessor(size=SIZE)
    for image, caption in zip(IMAGES, captioner.caption_batch(IMAGES), strict=True):
        ids = [WORDS.index(word) for word in caption.text.lower().removesuffix(".").split()]
        ids += [EOS] if len(ids) < 40 else []
        pixels = pictures(images=image, return_tensors="pt")["pixel_values"]
        with torch.no_grad():
            logits = model(pixel_values=pixels, decoder_input_ids=torch.tensor([[BOS, *ids[:-1]]])).logits[0]
        logits[:, [PAD, BOS, UNK]] = -torch.inf
        logits[0, EOS] = -torch.inf
        expected = logits.log_softmax(-1)[range(len(ids)), ids].mean().exp()
        assert caption.confidence == pytest.approx(float(expected), rel=1e-4)


def test_batches_change_nothing(folders: Path) -> None:
    one, many = (
        load_captioner(folders / "vit-gpt2", device="cpu", engine="torch-float32", batch_size=size) for size in (1, 8)
    )
    for a, b in zip(one.caption_batch(IMAGES), many.caption_batch(IMAGES), strict=True):
        assert a.text == b.text
        assert a.confidence == pytest.approx(b.confidence, rel=1e-5)


def test_too_little_memory_halves_the_batch(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    captioner = load_captioner(folders / "git", device="cpu", engine="torch-float32", batch_size=8)
    generate = captioner._model.generate  # type: ignore[attr-defined]

    def limited(*, pixel_values: torch.Tensor, **options: object) -> object:
        if len(pixel_values) > 1:
            raise torch.OutOfMemoryError
        return generate(pixel_values=pixel_values, **options)

    monkeypatch.setattr(captioner._model, "generate", limited)  # type: ignore[attr-defined]
    assert len(captioner.caption_batch(IMAGES)) == 3
    assert captioner.batch_size == 1


def test_the_commands_take_such_a_folder(folders: Path, tmp_path: Path, cli) -> None:
    photo = tmp_path / "photos" / "a.png"
    photo.parent.mkdir()
    IMAGES[0].save(photo)
    folder, db = folders / "blip", tmp_path / "index.db"
    done = cli("index", photo.parent, "--model", folder, "--device", "cpu", "--db", db)
    assert (done.exit_code, done.stderr) == (0, "1 captioned\n")
    assert json.loads(cli("models", "info", folder, "--json").stdout)["kind"] == "vlm"
    assert "transformers" in cli("doctor", "--model", folder, "--device", "cpu", "--db", db).stdout
    assert cli("search", "photo", "--model", folder, "--db", db).exit_code == 0
    assert cli("models", "use", folder, "--name", "tiny").exit_code == 0
    assert cli("caption", photo, "--device", "cpu").exit_code == 0


def test_what_it_cannot_do_is_said(folders: Path) -> None:
    for options in ({"neutral_people": True}, {"engine": "onnx"}):
        with pytest.raises(PhotocapError, match=f"--{next(iter(options)).replace('_', '-')}"):
            load_captioner(folders / "git", **options)


def test_hedged_captions_say_so(folders: Path) -> None:
    captioner = load_captioner(folders / "git", device="cpu", hedge_below=0.99)
    assert captioner.caption_batch(IMAGES[:1])[0].text.startswith("Perhaps ")


def copied(folders: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folders / "vit-gpt2", tmp_path / "model"))


def test_pickled_weights_are_refused(folders: Path, tmp_path: Path) -> None:
    folder = copied(folders, tmp_path)
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match="no weights in safetensors files"):
        load_captioner(folder, device="cpu")
    (folder / "other.safetensors").write_bytes(b"")
    with pytest.raises(CheckpointError):
        load_captioner(folder, device="cpu")


def test_code_in_the_folder_is_never_run(folders: Path, tmp_path: Path) -> None:
    folder = copied(folders, tmp_path)
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Model: pass\nclass Config: pass\n")
    config = json.loads((folder / "config.json").read_text())
    config |= {
        "model_type": "evil",
        "auto_map": {"AutoConfig": "evil.Config", "AutoModelForImageTextToText": "evil.Model"},
    }
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match=r"can load from here"):
        load_captioner(folder, device="cpu")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("damage", ["model.safetensors", "tokenizer.json", "preprocessor_config.json", "config.json"])
def test_a_damaged_folder_is_named(folders: Path, tmp_path: Path, damage: str) -> None:
    folder = copied(folders, tmp_path)
    (folder / damage).write_bytes(b"{" * 100)
    with pytest.raises(CheckpointError):
        load_captioner(folder, device="cpu")


def test_weights_are_hashed_when_the_hash_is_needed(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("photocap.captioning.vlm.hash_files", lambda paths: f"{len(paths)}" * 64)
    facts = read_facts(folders / "git")
    assert facts.space_id is None
    assert facts.model_id == "git@111111111111"
