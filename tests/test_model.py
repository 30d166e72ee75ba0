"""The network against references: torchvision, step by step, greedy by hand, one photo at a time."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import get_args

import pytest
import torch
import torch.nn.functional as F
from torchvision.models import get_model
from torchvision.models.feature_extraction import create_feature_extractor

from photocap.captioning.config import ModelConfig, Rnn
from photocap.captioning.device import choose_device, compile_model
from photocap.captioning.encoders import EncoderName
from photocap.captioning.network import CaptionModel, Decoder, Features, beam_search
from photocap.captioning.network.encoder import STAGES
from photocap.captioning.vocabulary import END, PAD, START, UNK

WORDS = 40
SMALL = ModelConfig(embedding_size=12, hidden_size=16, feature_size=8, attention_heads=4, max_words=9, min_words=3)


@pytest.fixture(params=itertools.product(["grid", "none"], ["lstm", "gru"]), ids="-".join)
def config(request: pytest.FixtureRequest) -> ModelConfig:
    attention, rnn = request.param
    return replace(SMALL, attention=attention, rnn=rnn)


def make_decoder(config: ModelConfig, seed: int = 0, words: int = WORDS) -> Decoder:
    torch.manual_seed(seed)
    decoder = Decoder(config, words).eval()
    torch.nn.init.normal_(decoder.embedding.weight, std=1.5)  # opinions strong enough to differ
    torch.nn.init.normal_(decoder.bias, std=0.5)
    return decoder


def make_features(photos: int, seed: int = 1) -> Features:
    generator = torch.Generator().manual_seed(seed)
    return Features(
        torch.randn(photos, 49, SMALL.feature_size, generator=generator),
        torch.randn(photos, 2048, generator=generator),
    )


@pytest.mark.parametrize("name", ["resnet50", "resnet18"])
def test_encoder_equals_torchvision(name: EncoderName) -> None:
    torch.manual_seed(3)
    reference = get_model(name, weights=None).eval()
    model = CaptionModel(replace(SMALL, encoder=name), WORDS).eval()
    state = {n: v for n, v in reference.state_dict().items() if not n.startswith("fc.")}
    model.encoder.trunk.load_state_dict(state)
    pixels = torch.randn(1, 3, 224, 224)
    extractor = create_feature_extractor(reference, {"layer4": "grid", "flatten": "pooled"})
    with torch.no_grad():
        expected = extractor(pixels)
        grid, found = model.encoder.grid_features(pixels), model.encoder(pixels)
    assert torch.allclose(grid, expected["grid"].flatten(2).transpose(1, 2), atol=1e-5)
    assert torch.allclose(found.pooled, expected["pooled"], atol=1e-5)
    assert torch.allclose(found.grid, model.encoder.reduce(grid), atol=1e-5)


@pytest.mark.parametrize(
    ("name", "features"),
    [
        ("densenet121", lambda m, x: torch.relu(m.features(x))),  # as its `forward` does
        ("mobilenet_v2", lambda m, x: m.features(x)),
    ],
)
def test_encoders_of_other_kinds_equal_torchvision(
    name: EncoderName, features: Callable[[torch.nn.Module, torch.Tensor], torch.Tensor]
) -> None:
    torch.manual_seed(3)
    reference = get_model(name, weights=None).eval()
    model = CaptionModel(replace(SMALL, encoder=name), WORDS).eval()
    state = {n: v for n, v in reference.state_dict().items() if not n.startswith(("fc.", "classifier."))}
    model.encoder.trunk.load_state_dict(state)
    pixels = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        expected, found = features(reference, pixels), model.encoder.grid_features(pixels)
    assert torch.allclose(found, expected.flatten(2).transpose(1, 2), atol=1e-5)


@pytest.mark.parametrize("rnn", ["lstm", "gru"])
def test_several_layers_say_word_by_word_what_they_say_at_once(rnn: Rnn) -> None:
    torch.manual_seed(0)
    decoder = Decoder(replace(SMALL, rnn=rnn, layers=2), WORDS).eval()
    features, tokens = make_features(2), torch.tensor([[1, 5, 6], [1, 4, 7]])
    with torch.no_grad():
        expected = decoder(features, tokens, torch.tensor([3, 3]), torch.tensor([1, 1]))
        state = decoder.start_state(features)
        for place in range(3):
            logits, state = decoder.step(tokens[:, place], state)
            assert torch.allclose(logits, expected[:, place], atol=1e-5)


@pytest.mark.parametrize("name", get_args(EncoderName))
def test_the_channels_are_those_that_the_encoder_has(name: EncoderName) -> None:
    config = replace(SMALL, encoder=name)
    with torch.device("meta"):
        model = CaptionModel(config, WORDS)
        features = model.encoder(torch.empty(2, 3, 64, 64))
        whole = model.encoder(torch.empty(1, 3, 224, 224))
    assert features.pooled.shape == (2, config.encoder_channels)
    assert whole.grid.shape == (1, 49, config.feature_size)
    stages = model.encoder.stages()
    assert len(stages) == STAGES
    assert sum(p.numel() for s in stages for p in s.parameters()) == sum(
        p.numel() for p in model.encoder.trunk.parameters()
    )
    assert model.decoder.standardise(features.pooled).shape == features.pooled.shape


def test_folded_batch_norm_changes_nothing() -> None:
    model = CaptionModel(SMALL, WORDS)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -0.1, 0.1)
            torch.nn.init.uniform_(module.running_var, 0.8, 1.2)
            torch.nn.init.uniform_(module.weight, 0.4, 0.6)
    pixels = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        before = model.encoder.grid_features(pixels)
        compiled = compile_model(model, choose_device("cpu", precision="float32"))
        after = compiled.encoder.grid_features(pixels)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in compiled.modules())
    assert torch.allclose(before, after, rtol=1e-3, atol=1e-4 * float(before.abs().max()))


@pytest.mark.parametrize("call_train", [True, False])
def test_batch_norm_stays_in_eval_mode_and_keeps_its_statistics(call_train: bool) -> None:
    model = CaptionModel(SMALL, WORDS)
    model.encoder.unfreeze(5)
    if call_train:
        model.train()
    before = {n: b.clone() for n, b in model.named_buffers()}
    model.encoder(torch.randn(2, 3, 64, 64)).pooled.sum().backward()
    assert all(torch.equal(b, before[n]) for n, b in model.named_buffers())
    assert all(p.grad is not None for p in model.encoder.trunk.parameters())


@pytest.mark.parametrize(("stages", "learning"), [(0, set()), (1, {"layer4", "reduce"})])
def test_unfreezing_by_stages(stages: int, learning: set[str]) -> None:
    encoder = CaptionModel(SMALL, WORDS).encoder
    encoder.unfreeze(stages)
    names = {n.removeprefix("trunk.").split(".")[0] for n, p in encoder.named_parameters() if p.requires_grad}
    assert names == learning


def test_frozen_encoder_makes_no_graph_but_the_decoder_does() -> None:
    model = CaptionModel(SMALL, WORDS)
    model.encoder.unfreeze(0)
    logits = model(torch.randn(1, 3, 64, 64), torch.tensor([[START, 5]]), torch.tensor([2]), torch.tensor([1]))
    logits.sum().backward()
    assert all(p.grad is None for p in model.encoder.parameters())
    assert model.decoder.embedding.weight.grad is not None


def test_teacher_forced_logits_equal_step_by_step_logits(config: ModelConfig) -> None:
    decoder, features = make_decoder(config), make_features(2)
    tokens = torch.tensor([[START, 5, 6, 7], [START, 8, 9, PAD], [START, 10, 11, 12]])
    lengths, counts = torch.tensor([4, 3, 4]), torch.tensor([2, 1])
    with torch.no_grad():
        forced = decoder(features, tokens, lengths, counts)
        state = decoder.start_state(features).repeat(counts)
        for place in range(tokens.shape[1]):
            logits, state = decoder.step(tokens[:, place], state)
            real = lengths > place
            assert torch.allclose(forced[real, place], logits[real], atol=1e-5)


@torch.no_grad()
def greedy_by_hand(decoder: Decoder, features: Features, photo: int, moved: dict[int, int] | None = None) -> list[int]:
    """One photo, one word at a time, the rules written out a second time."""
    config = decoder.config
    state = decoder.start_state(Features(features.grid[photo : photo + 1], features.pooled[photo : photo + 1]))
    words = [START]
    while True:
        logits, state = decoder.step(torch.tensor(words[-1:]), state)
        scores = F.log_softmax(logits[0], dim=0)
        for word, neutral in (moved or {}).items():
            scores[neutral] = torch.logaddexp(scores[neutral], scores[word])
            scores[word] = float("-inf")
        spoken = len(words) - 1
        banned = {PAD, START, UNK, *words[-2:]}
        if spoken < config.min_words:
            banned.add(END)
        for i in range(len(words) - 2):
            if words[i : i + 2] == words[-2:]:
                banned.add(words[i + 2])
        if spoken == config.max_words:
            banned = set(range(WORDS)) - {END}
        scores[list(banned)] = float("-inf")
        words.append(int(scores.argmax()))
        if words[-1] == END:
            return words[1:]


def real(tokens: torch.Tensor) -> list[int]:
    return [t for t in tokens.tolist() if t != PAD]


def test_beam_of_one_equals_greedy_by_hand(config: ModelConfig) -> None:
    for seed in range(4):
        decoder, features = make_decoder(config, seed), make_features(5, seed)
        found = beam_search(decoder, features, 1)
        assert [real(row) for row in found.tokens] == [greedy_by_hand(decoder, features, i) for i in range(5)]


@pytest.mark.parametrize("beam_size", [1, 3, 5])
def test_a_batch_of_sixteen_equals_sixteen_batches_of_one(config: ModelConfig, beam_size: int) -> None:
    decoder, features = make_decoder(config), make_features(16)
    together = beam_search(decoder, features, beam_size)
    for i in range(16):
        alone = beam_search(decoder, Features(features.grid[i : i + 1], features.pooled[i : i + 1]), beam_size)
        assert real(alone.tokens[0]) == real(together.tokens[i])
        assert torch.allclose(alone.mean_log_prob[0], together.mean_log_prob[i], atol=1e-4)


MOVED = {5: 4, 6: 4, 7: PAD, 9: 8, 20: 8, 21: 4, 22: PAD}  # word -> the word that speaks for it, or none


def as_tensor(moved: dict[int, int]) -> torch.Tensor:
    return torch.tensor([moved.get(word, word) for word in range(WORDS)])


def test_moved_words_give_their_probability_to_the_word_that_speaks_for_them() -> None:
    end, dog, man, woman, person = END, 4, 5, 6, 7
    share = {dog: 0.4, man: 0.25, woman: 0.25, person: 0.02, end: 0.08}
    decoder = make_decoder(replace(SMALL, max_words=1, min_words=1), words=8)
    torch.nn.init.zeros_(decoder.embedding.weight)  # so that the bias alone decides
    decoder.bias.data = torch.tensor([share.get(word, 1e-9) for word in range(8)]).log()
    token_map = torch.tensor([0, 1, 2, 3, dog, person, person, person])
    forbidden = torch.tensor([0, 1, 2, 3, dog, PAD, PAD, person])
    for beam_size in (1, 3):
        for moved, said in ((None, dog), (forbidden, dog), (token_map, person)):
            found = beam_search(decoder, make_features(2), beam_size, moved)
            assert found.tokens.tolist() == [[said, end]] * 2
        both = (torch.tensor(0.52).log() + torch.tensor(0.08).log()) / 2
        assert torch.allclose(found.mean_log_prob, both.expand(2), atol=1e-4)


def test_moved_words_are_never_said_and_the_other_rules_hold(config: ModelConfig) -> None:
    said: set[int] = set()
    plain: set[int] = set()
    for seed in range(3):
        decoder, features = make_decoder(config, seed), make_features(20, seed)
        plain.update(*map(real, beam_search(decoder, features, 3).tokens))
        for row in beam_search(decoder, features, 3, as_tensor(MOVED)).tokens:
            words = real(row)
            assert all(a != b for a, b in itertools.pairwise(words))
            assert all(a != b for a, b in zip(words, words[2:], strict=False))
            said.update(words)
    assert not said & set(MOVED)
    assert plain & set(MOVED)
    assert not said & {PAD, START, UNK}


def test_moving_equals_greedy_by_hand_and_a_batch_equals_one_by_one(config: ModelConfig) -> None:
    for seed in range(3):
        decoder, features = make_decoder(config, seed), make_features(5, seed)
        greedy = beam_search(decoder, features, 1, as_tensor(MOVED))
        assert [real(row) for row in greedy.tokens] == [greedy_by_hand(decoder, features, i, MOVED) for i in range(5)]
        together = beam_search(decoder, features, 3, as_tensor(MOVED))
        for i in range(5):
            one = Features(features.grid[i : i + 1], features.pooled[i : i + 1])
            alone = beam_search(decoder, one, 3, as_tensor(MOVED))
            assert real(alone.tokens[0]) == real(together.tokens[i])
            assert torch.allclose(alone.mean_log_prob[0], together.mean_log_prob[i], atol=1e-4)


def test_moving_nothing_changes_no_bit(config: ModelConfig) -> None:
    decoder, features = make_decoder(config), make_features(8)
    before, after = beam_search(decoder, features, 3), beam_search(decoder, features, 3, as_tensor({}))
    assert torch.equal(before.tokens, after.tokens)
    assert torch.equal(before.mean_log_prob, after.mean_log_prob)


@torch.no_grad()
def test_beam_search_finds_the_best_sentence_when_the_beam_holds_everything() -> None:
    config = replace(SMALL, max_words=3, min_words=1, length_penalty=0.0)
    decoder = make_decoder(config, seed=5, words=7)  # three real words: 4, 5, 6
    features = make_features(1)

    def all_sentences(words: list[int]) -> list[list[int]]:
        ended = [[*words, END]] if words else []
        longer = [w for w in (4, 5, 6) if w not in words[-2:]] if len(words) < 3 else []
        return ended + [s for w in longer for s in all_sentences([*words, w])]

    def log_prob(sentence: list[int]) -> float:
        tokens = torch.tensor([[START, *sentence[:-1]]])
        logits = decoder(features, tokens, torch.tensor([len(sentence)]), torch.tensor([1]))
        return float(logits[0].log_softmax(dim=1).gather(1, torch.tensor(sentence).unsqueeze(1)).sum())

    best = max(all_sentences([]), key=log_prob)
    found = beam_search(decoder, features, 60)
    assert real(found.tokens[0]) == best
    assert float(found.mean_log_prob[0]) == pytest.approx(log_prob(best) / len(best), abs=1e-4)


def test_sentences_obey_the_rules(config: ModelConfig) -> None:
    for seed in range(3):
        decoder = make_decoder(config, seed)
        for row in beam_search(decoder, make_features(20, seed), 3).tokens:
            words = real(row)
            assert words[-1] == END
            assert config.min_words <= len(words) - 1 <= config.max_words
            assert not {START, UNK, PAD} & set(words)
            assert all(a != b for a, b in itertools.pairwise(words))
            assert all(a != b for a, b in zip(words, words[2:], strict=False))
            trigrams = [tuple(words[i : i + 3]) for i in range(len(words) - 2)]
            assert len(trigrams) == len(set(trigrams))


def test_likeness_is_that_of_each_sentence_to_its_own_photo_whatever_else_is_in_the_batch() -> None:
    torch.manual_seed(0)
    model = CaptionModel(replace(SMALL, joint_size=8), 30).eval()
    features = make_features(3)
    together = model.caption(features)
    for i in range(3):
        alone = model.caption(Features(features.grid[i : i + 1], features.pooled[i : i + 1]))
        words = [t for t in alone.tokens[0].tolist() if t not in (PAD, END)]
        assert model.joint
        assert alone.places is not None
        with torch.no_grad():
            sentence = model.joint.embed_texts(torch.tensor([words]), torch.tensor([len(words)]))[0]
        assert float(together.likeness[i]) == pytest.approx(float(alone.places[0] @ sentence), abs=1e-5)
    plain = CaptionModel(SMALL, 30).eval().caption(features)
    assert plain.places is None
    assert plain.likeness.tolist() == [0.0] * 3
