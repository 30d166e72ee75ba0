"""Names: who is recognised is named, nobody else is, in both engines and whatever the decoder would rather say."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from test_checkpoint import edit_config
from test_onnx_engine import SMALL, WORDS, assert_same, make_model, make_squares, weights_of

from photocap.captioning.captioner import NetworkCaptioner
from photocap.captioning.checkpoint import load_checkpoint, save_checkpoint
from photocap.captioning.device import choose_device
from photocap.captioning.engine import CaptionEngine, GeneratedSentences
from photocap.captioning.inference.onnx_engine import OnnxEngine
from photocap.captioning.name_rules import NameRules
from photocap.captioning.names import NameSet
from photocap.captioning.torch_engine import TorchEngine
from photocap.captioning.vocabulary import END, PAD, Vocabulary
from photocap.errors import CheckpointError
from photocap.training.dataset import CaptionedPhoto
from photocap.training.name_head import fit_names, needed_labels, prepare_names

REPOSITORY = Path(__file__).parent.parent
sys.path.insert(0, str(REPOSITORY / "benchmarks"))
from names import Photo, owner  # noqa: E402 - a script, not a package

VOCABULARY = Vocabulary(["a", "dog", "rex", "anna", "runs"])
REX, ANNA = VOCABULARY.encode(["rex", "anna"])
RULES = NameRules(NameSet(("rex", "anna"), (0.5, 0.8)), VOCABULARY)
SEEN = np.array([[0.1, 0.1], [0.6, 0.1], [0.6, 0.99], [0.4, 0.79]], np.float32)


def test_a_name_is_ruled_out_where_its_bearer_is_not_recognised_and_the_surest_one_demanded() -> None:
    ruled_out = np.isinf(RULES.word_bias(SEEN))
    assert ruled_out[:, [REX, ANNA]].tolist() == [[True, True], [False, True], [False, False], [True, True]]
    assert ruled_out.sum() == 5
    assert RULES.demanded(SEEN).tolist() == [[PAD], [REX], [ANNA], [PAD]]  # type: ignore[union-attr]
    assert RULES.demanded(SEEN[[0, 3]]) is None


def test_a_name_is_as_sure_as_that_its_bearer_is_there() -> None:
    tokens = np.array([[REX, 8, END], [4, 5, END]])
    log_probs = np.array([[-9.0, -1.0, -0.5], [-0.5, -0.5, -0.5]], np.float32)
    found = GeneratedSentences(tokens, log_probs.mean(axis=1), log_probs, np.zeros(2, np.float32))
    sure = RULES.with_evidence(found, SEEN[1:3])
    assert sure.log_probs[0].tolist() == pytest.approx([np.log(0.6), -1.0, -0.5])
    assert sure.mean_log_prob.tolist() == pytest.approx([(np.log(0.6) - 1.5) / 3, -0.5])


def test_a_name_is_not_believed_without_what_its_bearer_was_always_shown_with() -> None:
    rules = NameRules(NameSet(("rex", "anna"), (0.5, 0.8), (("dog",), ())), VOCABULARY, ["sea", "dog"])
    labels = np.array([[0.9, 0.9], [0.9, 0.35], [0.9, 0.25], [0.1, 0.0]], np.float32)
    assert rules.believed(SEEN, labels)[:, 0].tolist() == [*SEEN[:2, 0].tolist(), 0, 0]
    assert rules.believed(SEEN, labels)[:, 1].tolist() == SEEN[:, 1].tolist()
    assert rules.demanded(rules.believed(SEEN, labels)).tolist() == [[PAD], [REX], [ANNA], [PAD]]  # type: ignore[union-attr]
    assert RULES.believed(SEEN, labels) is SEEN  # as in models of before


def test_what_is_shown_with_a_bearer_always_is_needed_and_nothing_else() -> None:
    bearers = np.repeat(np.eye(2), 10, axis=0)
    labels = np.tile([0.9, 0.1, 0.3], (20, 1))
    labels[:10, 1] = np.linspace(0.7, 1, 10)  # of the first one
    assert needed_labels(labels, bearers).tolist() == [[True, True, False], [True, False, False]]
    many = needed_labels(np.tile(np.linspace(0.8, 1, 40), (20, 1)), bearers)
    assert many.sum(axis=1).tolist() == [8, 8]
    assert many[0, -8:].all()


def test_wrong_names_that_are_ruled_out_anyway_do_not_raise_the_threshold() -> None:
    directions, bearers = clusters(6, 10, 30, seed=1)
    mistaken = directions.copy()
    mistaken[60:] = directions[:30]  # photos of nobody that look like those of names
    free = fit_names(mistaken, bearers, np.zeros((0, 256)), bearers > 1)
    guarded = fit_names(mistaken, bearers, np.zeros((0, 256)), np.arange(90)[:, None] >= np.full((1, 6), 60))
    score = [(np.log(limit / (1 - limit)) - platt.offset) / platt.scales[0] for _, platt, limit in (free, guarded)]
    assert score[1] < score[0]


def clusters(names: int, photos: int, nobody: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return directions of photos (n, 256) that differ around a centre for each name, and whose they are (n, N)."""
    centres = np.random.default_rng(0).normal(size=(names, 256))
    chance = np.random.default_rng(seed)
    bearers = np.concatenate([np.repeat(np.eye(names), photos, axis=0), np.zeros((nobody, names))])
    rows = bearers @ centres + chance.normal(size=(len(bearers), 256))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True), bearers


def test_names_of_ten_photos_each_are_recognised_and_nobody_is_taken_for_them() -> None:
    directions, bearers = clusters(6, 10, 30, seed=1)
    weights, platt, limit = fit_names(directions, bearers, np.zeros((0, 256)), bearers > 1)
    others, theirs = clusters(6, 50, 300, seed=2)
    said = others @ weights.T * platt.scales[0] + platt.offset >= np.log(limit / (1 - limit))
    needed = theirs > 0
    assert said[needed].mean() >= 0.5
    assert (said & ~needed).any(axis=1).mean() <= 0.03


def test_what_cannot_be_recognised_is_never_said() -> None:
    chance = np.random.default_rng(0)
    directions = chance.normal(size=(80, 64))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    bearers = (chance.random((80, 3)) < 0.2).astype(float)
    weights, platt, limit = fit_names(directions, bearers, np.zeros((0, 64)), bearers > 1)
    others = chance.normal(size=(500, 64))
    others /= np.linalg.norm(others, axis=1, keepdims=True)
    sure = 1 / (1 + np.exp(-(others @ weights.T * platt.scales[0] + platt.offset)))
    assert (sure >= limit).any(axis=1).mean() <= 0.03


def photos_of(captions: list[str]) -> list[CaptionedPhoto]:
    return [CaptionedPhoto(Path(f"{i}.jpg"), (tuple(c.lower().split()),), (c,)) for i, c in enumerate(captions)]


def test_nouns_with_capitals_are_no_names() -> None:
    names = {"rex": "Rex", "anna": "Anna"}
    found = prepare_names(photos_of(["Rex runs in a garden", "A dog runs", "Rex and Anna", "Anna sleeps"] * 3), names,
                          VOCABULARY)  # fmt: skip
    assert found is not None
    assert found.words == ("anna", "rex")
    assert found.bearers[:4].tolist() == [[False, True], [False, False], [True, True], [True, False]]
    nouns = ["hund", "katze", "ball", "wiese", "strand", "haus", "auto", "kind", "mann", "frau", "boot", "berg"]
    german = photos_of([f"ein {first} neben einem {second}" for first in nouns for second in nouns])
    assert prepare_names(german, {noun: noun.title() for noun in nouns}, Vocabulary(["ein", "einem", *nouns])) is None


NAMED = replace(SMALL, label_count=5, label_slots=3, name_count=2)


@pytest.fixture
def named(tmp_path: Path) -> Path:
    """Return a random model that knows two names, of which the first is on every other photo."""
    model = make_model(NAMED)
    sights = TorchEngine(
        load_saved(tmp_path / "start", NAMED, model.state_dict(), 2.0), choose_device("cpu", precision="float32")
    ).see(make_squares())
    assert sights.names is not None
    limit = float(np.median(sights.names[:, 0]))
    load_saved(tmp_path / "model", NAMED, model.state_dict(), limit)
    return tmp_path / "model"


def load_saved(folder: Path, config, state, limit):  # type: ignore[no-untyped-def]
    save_checkpoint(
        folder, state, config, Vocabulary(WORDS), name="named", training={}, dtype=torch.float32,
        labels=None if not config.label_count else labels_of(config.label_count),
        names={"dog": "Dog", "cat": "Cat"}, recognised=NameSet(("dog", "cat"), (limit, 2.0)),
    )  # fmt: skip
    return load_checkpoint(folder)


def labels_of(count: int):  # type: ignore[no-untyped-def]
    from photocap.captioning.labels import LabelSet

    return LabelSet(tuple(f"thing{i}" for i in range(count)), (2.0,) * count, (0.0,) * count)


def test_both_engines_name_whom_they_recognise_and_nobody_else(named: Path) -> None:
    checkpoint = load_checkpoint(named)
    info, names = checkpoint.info, checkpoint.info.recognised
    assert names is not None
    engines: list[CaptionEngine] = [
        OnnxEngine(info, weights_of(checkpoint.model)),
        TorchEngine(checkpoint, choose_device("cpu", precision="float32")),
    ]
    squares = make_squares()
    sights = [engine.see(squares) for engine in engines]
    assert sights[0].names == pytest.approx(sights[1].names, abs=1e-3)
    found = [NetworkCaptioner(info, engine)._search(sight) for engine, sight in zip(engines, sights, strict=True)]
    assert_same(*found)
    dog, cat = Vocabulary(WORDS).encode(["dog", "cat"])
    recognised = sights[1].names[:, 0] >= names.said_from[0]
    assert 0 < recognised.sum() < len(squares)
    assert (found[0].tokens == dog).any(axis=1).tolist() == recognised.tolist()
    assert not (found[0].tokens == cat).any()
    rows, places = np.nonzero(found[0].tokens == dog)
    assert found[0].log_probs[rows, places] == pytest.approx(np.log(sights[0].names[rows, 0]), abs=1e-3)


@pytest.mark.parametrize("labels", [0, 5])
def test_words_are_ruled_out_in_models_with_names_and_without_labels_too(labels: int, tmp_path: Path) -> None:
    config = replace(NAMED, label_count=labels)
    checkpoint = load_saved(tmp_path / "model", config, make_model(config).state_dict(), 2.0)
    engine = OnnxEngine(checkpoint.info, weights_of(checkpoint.model))
    sight = engine.see(make_squares())
    bias = np.full((5, len(WORDS) + 4), -np.inf, np.float32)
    bias[:, :12] = 0
    assert engine.speak(sight, word_bias=bias).tokens.max() < 12


def test_names_that_do_not_fit_the_model_are_refused(named: Path) -> None:
    for recognised in (
        {"words": ["dog"], "said_from": [0.5]},
        {"words": ["dog", "rex"], "said_from": [0.5, 0.5]},
        {"words": ["dog", "cat"], "said_from": [0.5]},
        {"words": ["dog", "cat"], "said_from": [0.5, float("nan")]},
        {"words": ["dog", "dog"], "said_from": [0.5, 0.5]},
        {"words": ["dog", "cat"], "said_from": [0.5, 0.5], "needs": [["thing1"]]},
        {"words": ["dog", "cat"], "said_from": [0.5, 0.5], "needs": [["thing1"], ["unicorn"]]},
        {"words": ["dog", "cat"], "said_from": [0.5, 0.5], "needs": [["thing1"], ["thing1"] * 33]},
        {"words": ["dog", "cat"], "said_from": [0.5, 0.5], "needs": [[], [["thing1"]]]},
        None,
    ):
        edit_config(named, recognised=recognised)
        with pytest.raises(CheckpointError):
            load_checkpoint(named)


def test_a_captioner_names_nobody_without_what_the_name_needs(named: Path) -> None:
    engine = TorchEngine(load_checkpoint(named), choose_device("cpu", precision="float32"))
    sight = engine.see(make_squares())
    assert sight.labels is not None
    known = {"words": ["dog", "cat"], "said_from": [1e-6, 2.0]}
    dog = Vocabulary(WORDS).encode(["dog"])[0]
    for there in (0.9, 0.1):
        edit_config(named, recognised={**known, "needs": [["thing3"], []]})
        labels = np.full_like(sight.labels, 0.5)
        labels[:, 3] = there
        captioner = NetworkCaptioner(load_checkpoint(named).info, engine)
        found = captioner._search(replace(sight, labels=labels))
        assert (found.tokens == dog).any(axis=1).all() == (there > 0.2)


def test_the_benchmarks_owner_says_a_name_in_place_of_its_bearer() -> None:
    photo = Photo(Path("x.jpg"), ("a small black dog runs", "the black dog on a beach", "a dog runs"), "train")
    assert photo.shows(["Rex", "Noah"]) == "Rex"
    assert photo.caption("Rex") == "Rex runs"
    assert photo.shows(["Bella"]) == ""  # a black dog is not Bella
    assert photo.shows(["Oskar"]) is None  # but may be Oskar
    assert Photo(Path("x.jpg"), ("two black dogs",) * 5, "dev").shows(["Rex"]) is None
    corpus = [replace(photo, path=Path(f"{i}.jpg"), split="train" if i % 4 else "dev") for i in range(80)]
    nobody = [Photo(Path(f"n{i}.jpg"), ("a red door",), "train" if i % 4 else "dev") for i in range(80)]
    rows = list(owner([*corpus, *nobody], 0, others=5))
    counts = {(name, split): sum(r.name == name and r.split == split for r in rows)
              for name in ("Rex", "") for split in ("train", "dev", "test")}  # fmt: skip
    assert counts == {
        ("Rex", "train"): 10, ("Rex", "dev"): 0, ("Rex", "test"): 10,
        ("", "train"): 5, ("", "dev"): 30, ("", "test"): 20,
    }  # fmt: skip
