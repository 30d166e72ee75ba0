"""Training with labels: cached activations, sentences without pictures, targets of the label head."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torchvision.models import resnet18
from toy_training import QUICK, request, write_corpus
from toy_training import SIZES as TOY_SIZES_50

from photocap.captioning.checkpoint import load_checkpoint
from photocap.captioning.config import ModelConfig
from photocap.captioning.device import Engine
from photocap.captioning.labels import LabelSet
from photocap.captioning.network import CaptionModel, Features, normalise
from photocap.captioning.preprocess import to_square
from photocap.captioning.rules import LabelRules
from photocap.captioning.vocabulary import Vocabulary
from photocap.errors import CaptionFileError, CheckpointError, TrainingError
from photocap.training import LabelRequest, prepare_training
from photocap.training.dataset import CaptionDataset, CaptionedPhoto
from photocap.training.features import LiveFeatures, encoder_hash
from photocap.training.joint_space import hardest_hinge
from photocap.training.label_targets import ImageNetTeacher, LabelTargets
from photocap.training.label_thresholds import between, dev_truth, fit_thresholds
from photocap.training.pictures import Pictures, photo_key
from photocap.training.row_store import RowStore
from photocap.training.sentences import Sentences, masked_grid_features, sentence_loss
from photocap.training.stage_cache import CachedActivations

CPU = Engine(torch.device("cpu"), torch.float32, "test")
NAMES = ("dog", "animal", "cat", "beach", "person")
LABELS = LabelSet(NAMES, (0.5,) * 5, (0.0,) * 5)
VOCABULARY = Vocabulary(
    ["a", "dog", "runs", "on", "the", "beach", "cat", "sleeps", "person", "with", "and", "near", "big", "small"]
)
SIZES = ModelConfig(
    encoder="resnet18",
    embedding_size=12,
    hidden_size=16,
    feature_size=8,
    image_size_px=64,
    max_words=12,
    label_count=5,
    label_slots=3,
)


def make_model(seed: int = 0) -> CaptionModel:
    torch.manual_seed(seed)
    model = CaptionModel(SIZES, len(VOCABULARY)).eval()
    assert model.decoder.labels is not None
    model.decoder.labels.name(NAMES, VOCABULARY)
    return model


def make_data(folder: Path, photos: int = 5) -> CaptionDataset:
    captions = (["a", "dog", "runs"], ["the", "cat", "sleeps"])
    return CaptionDataset(
        [CaptionedPhoto(folder / f"{i}.jpg", tuple(map(tuple, captions))) for i in range(photos)], VOCABULARY, 12
    )


def make_squares(photos: int = 5) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (photos, 64, 64, 3), np.uint8)


def make_pictures(data: CaptionDataset, squares: np.ndarray, folder: Path) -> Pictures:
    """Keep squares as if photos of them had been decoded; photo files of that content need not exist."""
    store = RowStore(folder / "pictures", 3 * SIZES.image_size_px**2)
    assert store.open()
    for number, photo in enumerate(data.photos):
        if not photo.path.exists():
            photo.path.touch()
        key = photo_key(photo)
        if key not in store:
            store.add(key, squares[number])
    store.close()
    return Pictures(data.photos, store, SIZES.image_size_px, workers=1)


def cached(model: CaptionModel, data: CaptionDataset, squares: np.ndarray, folder: Path) -> CachedActivations:
    pictures = make_pictures(data, squares, folder)
    name = f"maps-{encoder_hash(model.encoder, without_last_stage=True)}"
    store = RowStore(folder / name, CachedActivations.row_bytes(SIZES))
    assert store.open()
    found = CachedActivations(model.encoder, pictures, store, SIZES, CPU)
    done: list[int] = []
    found.fill(model.encoder, done.append)
    store.close()
    assert not done or done[-1] == len(squares)
    return found


def test_cached_activations_equal_the_live_ones_plain_and_mirrored(tmp_path: Path) -> None:
    model, squares, data = make_model(), make_squares(), make_data(tmp_path)
    maps = cached(model, data, squares, tmp_path)
    plain = data.collate(torch.tensor([3, 1]), torch.tensor([False, False]))
    live = LiveFeatures(model.encoder, squares, SIZES, CPU)(plain, None)
    found = maps(plain, None)
    assert torch.allclose(found.grid, live.grid, atol=2e-2, rtol=1e-2)  # float16
    assert torch.allclose(found.pooled, live.pooled, atol=2e-2, rtol=1e-2)
    mirrored = data.collate(torch.tensor([3, 1]), torch.tensor([False, True]))
    flipped = squares.copy()
    flipped[1] = squares[1, :, ::-1]
    live = LiveFeatures(model.encoder, flipped, SIZES, CPU)(mirrored, None)
    found = maps(mirrored, None)
    assert torch.allclose(found.pooled, live.pooled, atol=2e-2, rtol=1e-2)


def test_the_last_stage_learns_from_cached_activations_and_the_cache_is_used_again(tmp_path: Path) -> None:
    model, squares, data = make_model(), make_squares(), make_data(tmp_path)
    model.encoder.unfreeze(1)
    maps = cached(model, data, squares, tmp_path)
    batch = data.collate(torch.tensor([0, 2]), torch.tensor([False, True]))
    maps(batch, torch.Generator().manual_seed(0)).pooled.sum().backward()
    assert model.encoder.trunk.layer4[0].conv1.weight.grad.abs().sum() > 0
    assert model.encoder.trunk.layer3[0].conv1.weight.grad is None
    size = maps.store.file.with_name(maps.store.file.name + ".rows").stat().st_size
    assert size == len(squares) * CachedActivations.row_bytes(SIZES)
    with torch.no_grad():
        model.encoder.trunk.layer4[0].conv1.weight.add_(1.0)  # what learns may change
    assert cached(model, data, squares, tmp_path).store.file == maps.store.file
    assert maps.store.file.with_name(maps.store.file.name + ".rows").stat().st_size == size
    with torch.no_grad():
        model.encoder.trunk.layer1[0].conv1.weight.add_(1.0)
    assert cached(model, data, squares, tmp_path).store.file != maps.store.file


def test_training_sees_windows_of_the_maps_and_validation_the_whole(tmp_path: Path) -> None:
    model, squares, data = make_model(), make_squares(), make_data(tmp_path)
    maps = cached(model, data, squares, tmp_path)
    batch = data.collate(torch.tensor([0, 2]), torch.tensor([False, False]))
    whole = maps(batch, None).pooled
    seen = [maps(batch, torch.Generator().manual_seed(seed)).pooled for seed in range(12)]
    assert any(torch.equal(pooled, whole) for pooled in seen)
    assert not all(torch.equal(pooled, whole) for pooled in seen)
    assert torch.equal(maps(batch, None).pooled, whole)


SAID = ["a dog runs on the beach", "the cat sleeps near a person"]
LINES = ["A dog runs on the beach.", "the cat sleeps near a person", "A zebra!", "a dog"]


def test_sentences_carry_their_labels_and_unknown_or_short_ones_are_left_out() -> None:
    source = Sentences(LINES, LABELS, VOCABULARY)
    assert [" ".join(words) for words in source.sentences] == SAID
    drawn, labels = source.draw(200, torch.Generator().manual_seed(0))
    dogs = labels[[i for i, words in enumerate(drawn) if "dog" in words]]
    told = (dogs[:, [0, 1, 3]] >= 0.3).float().mean(dim=0)  # dog, animal, beach
    assert ((told > 0.7) & (told < 1.0)).all()  # some are held back
    assert (dogs[:, [2, 4]] < 0.3).all()
    assert (dogs[:, [2, 4]] > 0).any()  # and noise is told


def test_a_decoder_learns_sentences_from_labels_alone() -> None:
    model = make_model()
    source = Sentences(LINES, LABELS, VOCABULARY)
    optimizer = torch.optim.Adam(model.decoder.parameters(), lr=2e-2)
    generator = torch.Generator().manual_seed(0)
    for _ in range(150):
        optimizer.zero_grad()
        sentence_loss(model.decoder, source, 16, generator).backward()
        optimizer.step()
    labels = torch.tensor([[0.9, 0.9, 0.0, 0.8, 0.0], [0.0, 0.9, 0.9, 0.0, 0.9]])
    features = masked_grid_features(model.decoder, labels, model.config.grid_places)
    found = model.caption(features, 1)
    said = [" ".join(VOCABULARY.decode(ids)) for ids in found.tokens.tolist()]
    assert said == SAID


def test_a_file_without_usable_sentences_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "sentences.txt"
    file.write_text("zebras everywhere, and more\n")
    with pytest.raises(CaptionFileError, match="known words"):
        Sentences.read(file, LABELS, VOCABULARY)


def photo(name: str, *captions: str) -> CaptionedPhoto:
    return CaptionedPhoto(Path(name), tuple(tuple(text.split()) for text in captions))


def test_label_targets_come_from_captions_and_complete_lists() -> None:
    photos = [photo("a.jpg", "a dog runs"), photo("b.jpg", "a person with a cat")]
    complete = frozenset({"dog", "cat", "person"})
    found = LabelTargets(photos, LABELS, {"b.jpg": frozenset({"cat"})}, complete)
    assert found.targets[0].tolist() == [1, 1, 0, 0, 0]  # a dog is an animal
    assert found.targets[1].tolist() == [0, 1, 1, 0, 0]  # the list knows of no person
    assert found.weights[0].tolist() == [1, 1, 0.25, 0.25, 0.25]
    assert found.weights[1].tolist() == [1, 1, 1, 0.25, 1]


def test_the_teacher_speaks_only_where_nothing_is_known() -> None:
    targets = LabelTargets([photo("a.jpg", "a dog runs")], LABELS, {"a.jpg": frozenset({"dog"})}, frozenset({"dog"}))
    logits, photos = torch.zeros(1, 5), torch.tensor([0])
    plain = targets.loss(logits, photos)
    beach = targets.loss(logits, photos, torch.tensor([[0.0, 0.0, 0.0, 1.0, 0.0]]))
    dog = targets.loss(logits, photos, torch.tensor([[1.0, 0.0, 0.0, 0.0, 0.0]]))
    assert float(beach) > float(plain)
    assert float(dog) == pytest.approx(float(plain))
    sure = torch.tensor([[9.0, 9.0, -9.0, -9.0, -9.0]])
    assert float(targets.loss(sure, photos)) < 0.01 * float(plain)


def test_the_teacher_adds_up_the_classes_of_a_label_and_of_those_below_it() -> None:
    weight, bias = torch.zeros(1000, 512), torch.full((1000,), -50.0)
    bias[[207, 281]] = 0.0  # a golden retriever, a tabby: half each
    teacher = ImageNetTeacher({"fc.weight": weight, "fc.bias": bias}, LABELS, Path("weights"))
    found = teacher(Features(torch.zeros(1, 4, 8), torch.zeros(1, 512)))[0]
    assert found.tolist() == pytest.approx([0.5, 1.0, 0.5, 0.0, 0.0], abs=1e-3)
    with pytest.raises(CheckpointError, match="classifier"):
        ImageNetTeacher({}, LABELS, Path("weights"))


def test_the_hinge_counts_the_hardest_wrong_answer_of_each_photo_and_each_caption() -> None:
    likeness = torch.tensor([[0.9, 0.8, 0.1], [0.0, 0.9, 0.0], [0.0, 0.0, 0.5]])
    # Photo 0 has caption 1 within 0.1; caption 1 has photo 0 within 0.1; everything else is apart.
    assert float(hardest_hinge(likeness)) == pytest.approx(0.1 / 3 + 0.1 / 3)
    assert float(hardest_hinge(torch.eye(3))) == 0.0


def test_thresholds_show_what_is_mostly_right_and_rule_out_what_is_hardly_ever_there() -> None:
    rng = np.random.default_rng(0)
    names = ("dog", "cup", "heron")
    truth = rng.random((600, 3)) < (0.3, 0.3, 0.0)
    truth[:3, 2] = True  # too rare for a threshold of its own
    # The surer the likelier: a label of probability p is there in p of the cases; the cup's head is blind.
    probabilities = np.where(truth, rng.beta(4, 2, truth.shape), rng.beta(1, 8, truth.shape)).astype(np.float32)
    probabilities[:, 1] = rng.random(600)
    found = fit_thresholds(names, probabilities, truth, np.ones_like(truth))
    shown = probabilities[:, 0] >= found.shown_from[0]
    assert truth[shown, 0].mean() >= 0.85
    assert shown.sum() > 0.5 * truth[:, 0].sum()
    assert found.shown_from[1] > 1  # never
    missed = truth[:, 0] & (probabilities[:, 0] < found.absent_below[0])
    assert missed.sum() <= 0.031 * truth[:, 0].sum()
    assert found.absent_below[0] > 0.05
    assert 0 < found.absent_below[2] < 0.01  # a being, rarely seen
    listed = fit_thresholds(names, probabilities, truth, np.ones_like(truth), complete=["cup", "heron"])
    assert listed.absent_below == (found.absent_below[0], 0.5, 0.4)  # a thing, a being
    assert listed.shown_from == found.shown_from


def test_the_parents_thresholds_count_until_many_photos_say_otherwise() -> None:
    parent, measured = (LabelSet(("dog", "cup"), shown, absent) for shown, absent in (
        ((0.6, 2.0), (0.1, 0.0)), ((0.9, 0.5), (0.0, 0.05)),
    ))  # fmt: skip
    few, many = between(parent, measured, 10), between(parent, measured, 40_000)
    assert few.shown_from == pytest.approx(parent.shown_from, abs=0.04)
    assert few.absent_below == pytest.approx(parent.absent_below, abs=0.005)
    assert many.shown_from == pytest.approx(measured.shown_from, abs=0.02)
    assert between(parent, measured, 400).absent_below == pytest.approx((0.05, 0.025))


def test_what_a_table_or_a_caption_names_is_there_and_a_table_without_it_says_it_is_not() -> None:
    photos = [
        CaptionedPhoto(Path("in-table.jpg"), (("a", "puppy", "runs"),)),
        CaptionedPhoto(Path("other.jpg"), (("a", "cat", "sleeps"),)),
    ]
    names = ("dog", "animal", "cat", "cup")
    truth, known = dev_truth(photos, names, {"in-table.jpg": frozenset({"cat"})}, ["dog", "cat", "cup"])
    assert truth.tolist() == [[True, True, True, False], [False, True, True, False]]
    assert known.tolist() == [[True, True, True, True], [True, True, True, False]]


TOY_SIZES = replace(TOY_SIZES_50, encoder="resnet18")


@pytest.fixture(scope="module")
def tiny_resnet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    file = tmp_path_factory.mktemp("weights") / "resnet.safetensors"
    save_file(resnet18().state_dict(), file)
    return file


def test_a_new_model_learns_labels_and_sentences_beside_captions(
    tmp_path: Path, tiny_resnet: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Red balls and green trees: the label head tells them apart, and a label that is sure is shown."""
    write_corpus(tmp_path)
    table, sentences = tmp_path / "labels.csv", tmp_path / "sentences.txt"
    table.write_text("image,coco_labels\n" + "".join(f"red{i}.png,sports ball\ngreen{i}.png,book\n" for i in range(13)))
    sentences.write_text("a red ball lies in the garden\ntwo green trees stand near a house\n")
    job = replace(
        request(tmp_path, tiny_resnet, tmp_path / "out", replace(QUICK, epochs=6), TOY_SIZES),
        labels=LabelRequest(table, sentences),
    )
    training = prepare_training(job).training
    assert training.heads.labels is not None
    assert {"ball", "book"} <= set(training.heads.labels.names)
    assert training.run()
    assert any("red ball" in sentence for sentence in training.validate().captions.sentences)
    against_balls = np.zeros((4, len(training.train.captions.vocabulary)), np.float32)
    against_balls[:, training.train.captions.vocabulary.encode(["ball"])] = -np.inf
    with monkeypatch.context() as patch:  # what labels say for and against words counts, as it does in use
        patch.setattr(LabelRules, "word_bias", lambda _self, _probabilities: against_balls)
        assert not any("ball" in sentence for sentence in training.validate().captions.sentences)
    best = load_checkpoint(tmp_path / "out" / "best")
    assert best.info.labels is not None
    names = best.info.labels.names
    seen = {}
    for colour in ("red", "green"):
        squares = to_square(Image.open(tmp_path / f"{colour}12.png").convert("RGB"), 64)[None]
        seen[colour] = best.model.see(normalise(torch.from_numpy(squares.copy()), best.info.config)).labels[0]
    assert seen["red"][names.index("ball")] > seen["green"][names.index("ball")]
    assert seen["green"][names.index("book")] > seen["red"][names.index("book")]


def test_a_model_without_a_label_head_says_that_it_cannot_learn_labels(tmp_path: Path, tiny_resnet: Path) -> None:
    write_corpus(tmp_path)
    table = tmp_path / "labels.csv"
    table.write_text("image,coco_labels\nred0.png,dog\n")
    job = request(tmp_path, tiny_resnet, tmp_path / "out", replace(QUICK, epochs=1), TOY_SIZES)
    assert prepare_training(job).training.run()
    with pytest.raises(TrainingError, match="no label head"):
        prepare_training(replace(job, init=str(tmp_path / "out" / "best"), labels=LabelRequest(table)))
