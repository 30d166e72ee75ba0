"""Labels: the table of names, the head in the network, and the rules they give."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from photocap.captioning.config import ModelConfig
from photocap.captioning.labels import (
    LabelSet,
    broader_labels,
    label_sentence,
    label_table,
    labels_in,
    most_specific,
    narrower_labels,
    with_broader,
    words_of,
)
from photocap.captioning.network import CaptionModel, Features, beam_search
from photocap.captioning.rules import LabelRules
from photocap.captioning.vocabulary import END, PAD, START, Vocabulary
from photocap.records import Label
from photocap.tokenizer import tokenize

WORDS = ["a", "the", "dog", "dogs", "cat", "person", "man", "hot", "beach", "on", "runs", "sits", "near"]
VOCABULARY = Vocabulary(WORDS)
NAMES = ("dog", "cat", "animal", "person", "hot dog", "beach")
LABELS = LabelSet(NAMES, (0.5,) * 6, (0.0, 0.0, 0.0, 0.1, 0.0, 0.0))
SIZES = ModelConfig(
    embedding_size=12,
    hidden_size=16,
    feature_size=8,
    attention_heads=4,
    max_words=9,
    min_words=3,
    label_count=len(NAMES),
    label_slots=3,
)


def make_model(seed: int = 0) -> CaptionModel:
    torch.manual_seed(seed)
    model = CaptionModel(SIZES, len(VOCABULARY)).eval()
    assert model.decoder.labels is not None
    model.decoder.labels.name(NAMES, VOCABULARY)
    torch.nn.init.normal_(model.decoder.embedding.weight, std=1.5)
    torch.nn.init.normal_(model.decoder.bias, std=0.5)
    return model


def make_features(photos: int, labels: torch.Tensor | None = None) -> Features:
    generator = torch.Generator().manual_seed(1)
    return Features(
        torch.randn(photos, 49, SIZES.feature_size, generator=generator),
        torch.randn(photos, SIZES.encoder_channels, generator=generator),
        labels,
    )


def test_every_broader_label_of_the_table_is_in_it_and_none_is_above_itself() -> None:
    table = label_table()
    for entry in table.values():
        assert set(entry.broader) <= table.keys()
        assert entry.name not in broader_labels(entry.name)
        assert entry.name in entry.words
        assert all(0 <= number < 1000 for number in entry.imagenet)


def test_the_table_covers_imagenet_and_coco() -> None:
    table = label_table()
    covered = {number for entry in table.values() for number in entry.imagenet}
    assert len(covered) > 850
    coco = "person bicycle car motorcycle airplane bus train truck boat bench bird cat dog horse sheep cow pizza toilet"
    assert set(coco.split()) <= table.keys()


def test_labels_of_a_sentence_are_its_longest_phrases() -> None:
    assert labels_in(["a", "hot", "dog", "on", "a", "plate", "near", "two", "dogs"]) == {"hot dog", "plate", "dog"}
    assert labels_in(["a", "hot", "dog", "on", "a", "plate"]) == {"hot dog", "plate"}


def test_broader_and_narrower_labels_are_inverse() -> None:
    assert "animal" in broader_labels("kitten")
    assert "kitten" in narrower_labels("animal")
    assert with_broader(["kitten"]) >= {"kitten", "cat", "animal"}
    assert "men" in words_of("person", narrower=True)
    assert "men" not in words_of("person")


def test_the_sentence_of_labels_names_the_likeliest_of_the_most_specific() -> None:
    labels = [Label("animal", 0.99), Label("cat", 0.95), Label("couch", 0.9)]
    assert [label.name for label in most_specific(labels)] == ["cat", "couch"]
    assert label_sentence(labels) == "A photo of a cat."
    assert label_sentence([Label("airplane", 0.9)]) == "A photo of an airplane."
    assert label_sentence([Label("people", 0.9)]) == "A photo of people."
    assert label_sentence([]) is None


def test_a_label_set_shows_what_is_sure_likeliest_first() -> None:
    shown = LABELS.shown([0.5, 0.9, 0.49, 0.1, 0.0, 0.0])
    assert [label.name for label in shown] == ["cat", "dog"]
    assert LABELS.absent([0.0, 0.0, 0.0, 0.09, 0.0, 0.0]) == ["person"]


@pytest.mark.parametrize("names", [("a", "a"), ("a", "b", "c")])
def test_a_label_set_that_does_not_fit_together_is_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"twice|differ"):
        LabelSet(names, (0.5, 0.5), (0.0, 0.0))


def test_the_decoder_attends_to_labels_and_to_likely_ones_more() -> None:
    model = make_model()
    unlikely = torch.full((1, 6), 1e-3)
    likely = unlikely.clone()
    likely[0, 5] = 0.99
    plain, sure = (model.decoder.start_state(make_features(1, p)) for p in (unlikely, likely))
    assert plain.keys.shape[2] == 49 + SIZES.label_slots
    assert float(sure.bias[0, 0, 0, 49]) == pytest.approx(float(torch.tensor(0.99).log()))
    tokens = torch.tensor([[START, 4, 6]])
    lengths, one = torch.tensor([3]), torch.tensor([1])
    logits = [model.decoder(make_features(1, p), tokens, lengths, one) for p in (unlikely, likely)]
    assert not torch.allclose(*logits)


def test_a_label_is_embedded_as_the_mean_of_its_words() -> None:
    model = make_model()
    head, embedding = model.decoder.labels, model.decoder.embedding
    assert head is not None
    hot, dog = VOCABULARY.encode(["hot", "dog"])
    expected = (embedding.weight[hot] + embedding.weight[dog]) / 2
    assert torch.allclose(head.embed(embedding, torch.tensor([[4]]))[0, 0], expected)


def test_a_photo_like_a_prototype_gets_its_labels() -> None:
    config = replace(SIZES, prototype_count=2, prototype_size=2, prototype_labels=3)
    model = CaptionModel(config, len(VOCABULARY)).eval()
    head = model.decoder.labels
    assert head is not None
    assert head.prototypes is not None
    head.prototypes.project[0, 0] = head.prototypes.project[1, 1] = 1.0
    head.prototypes.centres[:] = torch.tensor([[2.0, 0.0], [0.0, 2.0]])
    head.prototypes.weight[1, 0] = 1.0  # the first of the two shows the second label
    photos = torch.zeros(3, config.encoder_channels)
    photos[0, 0], photos[1, 1], photos[2, 0] = 1.0, 1.0, 5.0
    added = head(photos) - head.linear(photos)
    assert added[:, 1].tolist() == pytest.approx([math.exp(2), 1.0, math.exp(2)], rel=1e-5)
    assert added[:, [0, 2, 3, 4, 5]].abs().max() < 1e-5
    with torch.autocast("cpu", torch.bfloat16):
        assert head.prototypes(photos).dtype == torch.float32


def test_a_model_without_labels_has_no_slots() -> None:
    plain = CaptionModel(replace(SIZES, label_count=0), len(VOCABULARY))
    assert plain.decoder.labels is None
    assert plain.decoder.start_state(make_features(1)).keys.shape[2] == 49


def test_attention_of_a_sentence_sums_to_one_over_places_and_slots() -> None:
    model = make_model()
    features = make_features(2, torch.rand(2, 6))
    found = beam_search(model.decoder, features, 2)
    weights = model.decoder.attention(features, found.tokens)
    assert weights.shape == (2, found.tokens.shape[1], 49 + SIZES.label_slots)
    assert torch.allclose(weights.sum(dim=2), torch.ones(weights.shape[:2]), atol=1e-5)  # type: ignore[index]


@pytest.mark.parametrize("beam_size", [1, 3])
def test_words_ruled_out_never_appear(beam_size: int) -> None:
    model = make_model(3)
    features = make_features(4, torch.rand(4, 6))
    free = beam_search(model.decoder, features, beam_size).tokens
    bias = torch.zeros(4, len(VOCABULARY))
    for row, tokens in zip(bias, free, strict=True):
        row[[t for t in tokens.tolist() if t > END][:2]] = float("-inf")
    held = beam_search(model.decoder, features, beam_size, word_bias=bias).tokens
    for row, before, after in zip(bias, free.tolist(), held.tolist(), strict=True):
        assert any(row[t] for t in before)
        assert not any(row[t] for t in after)


def test_what_speaks_for_a_word_brings_it_in_and_leaves_its_probability() -> None:
    model = make_model(3)
    features = make_features(4, torch.rand(4, 6))
    free = beam_search(model.decoder, features, 3)
    word = next(t for t in range(4, len(VOCABULARY)) if t not in free.tokens)
    bias = torch.zeros(4, len(VOCABULARY))
    bias[:2, word] = 30.0
    held = beam_search(model.decoder, features, 3, word_bias=bias)
    assert all(word in row for row in held.tokens[:2].tolist())
    assert held.log_probs.max() <= 0
    length = free.tokens.shape[1]
    assert torch.equal(held.tokens[2:, :length], free.tokens[2:])
    assert torch.allclose(held.mean_log_prob[2:], free.mean_log_prob[2:], atol=1e-5)


@pytest.mark.parametrize("beam_size", [1, 3])
def test_a_noun_is_said_once_and_other_words_again(beam_size: int) -> None:
    model = make_model()
    assert model.decoder.labels is not None
    nouns = model.decoder.labels.nouns(len(VOCABULARY))
    assert VOCABULARY.decode(nouns.nonzero().flatten().tolist()) == ["dog", "cat", "person", "beach"]
    with torch.no_grad():
        model.decoder.bias[VOCABULARY.encode(["dog", "a", "the"])] += 20  # what it would say for ever
    (said,) = beam_search(model.decoder, make_features(1, torch.rand(1, 6)), beam_size).tokens.tolist()
    assert VOCABULARY.decode(said).count("dog") == 1
    assert VOCABULARY.decode(said).count("a") > 1


@pytest.mark.parametrize("beam_size", [1, 3])
def test_a_demanded_word_appears_and_photos_without_a_demand_keep_their_sentence(beam_size: int) -> None:
    model = make_model(5)
    features = make_features(3, torch.rand(3, 6))
    free = beam_search(model.decoder, features, beam_size)
    missing = [t for t in range(4, len(VOCABULARY)) if t not in free.tokens[:2].flatten().tolist()][:2]
    demanded = torch.tensor([missing, missing, [PAD, PAD]])
    held = beam_search(model.decoder, features, beam_size, demanded=demanded)
    for tokens in held.tokens[:2].tolist():
        assert set(tokens) & set(missing)
    length = free.tokens.shape[1]
    assert held.tokens[2, :length].tolist() == free.tokens[2].tolist()
    assert not held.tokens[2, length:].any()
    assert float(held.mean_log_prob[2]) == pytest.approx(float(free.mean_log_prob[2]), abs=1e-5)


def test_the_log_probabilities_of_the_words_add_up_to_that_of_the_sentence() -> None:
    model = make_model()
    found = beam_search(model.decoder, make_features(3, torch.rand(3, 6)), 3)
    lengths = (found.tokens != PAD).sum(dim=1)
    assert torch.allclose(found.log_probs.sum(dim=1) / lengths, found.mean_log_prob, atol=1e-5)


def test_rules_forbid_the_words_of_what_is_absent_but_not_those_of_a_likely_phrase() -> None:
    labels = replace(LABELS, absent_below=(0.1, 0.0, 0.0, 0.1, 0.0, 0.0))
    rules = LabelRules(labels, VOCABULARY)
    dog, dogs, man, cat = VOCABULARY.encode(["dog", "dogs", "man", "cat"])
    nothing, sausage = [0.0] * 6, [0.0, 0.0, 0.0, 0.0, 0.8, 0.0]
    ruled_out = np.isinf(rules.word_bias(np.array([nothing, sausage], np.float32)))
    assert ruled_out[0, [dog, dogs, man]].all()
    assert not ruled_out[:, cat].any()
    assert not ruled_out[1, dog]
    assert ruled_out[1, man]


def test_labels_speak_for_and_against_their_words_alone() -> None:
    rules = LabelRules(replace(LABELS, absent_below=(0.0,) * 6), VOCABULARY)
    dog, dogs, cat, the = VOCABULARY.encode(["dog", "dogs", "cat", "the"])
    sure, unsure = (np.array([[p if name == "dog" else 0.5 for name in LABELS.names]], np.float32) for p in (0.9, 0.2))
    (likely,), (unlikely,) = rules.word_bias(sure), rules.word_bias(unsure)
    assert likely[dog] == likely[dogs] > 0 > unlikely[dog] == unlikely[dogs]
    assert likely[the] == unlikely[the] == likely[cat] == unlikely[cat] == 0
    (least,), (less,) = (rules.word_bias(np.full((1, 6), p, np.float32)) for p in (0.01, 0.0))
    assert least[dog] == less[dog]


def test_rules_demand_the_surest_label_that_a_sentence_lacks() -> None:
    rules = LabelRules(LABELS, VOCABULARY, demand_from=0.9)
    sure = np.array([[0.95, 0.0, 0.99, 0.0, 0.0, 0.92]] * 3, np.float32)
    said = [["a", "dog", "runs", "on", "the", "beach"], ["a", "dog", "runs"], ["a", "cat", "sits"]]
    demanded = rules.demanded(sure, said)
    assert demanded is not None
    beach = VOCABULARY.encode(["beach"])[0]
    dogs = set(VOCABULARY.encode(["dog", "dogs"]))
    rows = [set(row) - {PAD} for row in demanded.tolist()]
    assert rows == [set(), {beach}, dogs]
    assert rules.demanded(sure[:1], said[:1]) is None


def test_the_words_of_the_table_are_tokens_as_they_stand() -> None:
    for entry in label_table().values():
        for word in entry.words:
            assert tokenize(word) == word.split(), word
