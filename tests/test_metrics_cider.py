import math

import pytest
from tokens import tokens

from photocap.metrics import CiderD, DocumentFrequency, cider_d

CANDIDATES = tokens(["a dog runs on the beach", "a man rides a bike"])
REFERENCES = tokens(
    [
        ["a dog runs along the beach", "a brown dog is running on sand"],
        ["a man on a bike", "a person rides a red bike down a hill"],
    ]
)


def test_a_lone_perfect_caption_gets_the_most_there_is():
    score, scores = cider_d(
        tokens(["a dog runs here", "two cats sleep there"]), tokens([["a dog runs here"], ["two cats sleep there"]])
    )
    assert score == pytest.approx(1000)
    assert scores == pytest.approx([1000, 1000])


def test_against_the_formula_by_hand():
    # One shared word of four unigrams and no shared n-gram above; every n-gram occurs in one of two images.
    score, scores = cider_d(tokens(["red dog", "blue cat"]), tokens([["red bird"], ["blue cat"]]))
    assert scores[0] == pytest.approx(1000 / 4 * (math.log(2) ** 2 / (2 * math.log(2) ** 2)))
    assert score == pytest.approx((scores[0] + 500) / 2)  # two words have no n-grams of three and four


def test_length_is_punished_as_the_gaussian_says():
    references = [[list("abcd")], [list("wxyz")]]
    longer = CiderD([[[*list("abcd"), "e"]], [list("wxyz")]], DocumentFrequency.of(references))
    weights = [4, 3, 2, 1]
    cosines = sum(w / math.sqrt(w * (w + 1)) for w in weights)
    assert longer.score(list("abcd"), 0) == pytest.approx(1000 / 4 * cosines * math.exp(-1 / 72))


def test_repetition_is_clipped():
    repeated, once = (cider_d(tokens([caption, "x"]), REFERENCES)[1] for caption in ("dog dog dog dog", "dog"))
    assert repeated[0] < once[0]


def test_words_and_ids_score_alike():
    words = {word for caption in [*CANDIDATES, *REFERENCES[0], *REFERENCES[1]] for word in caption}
    ids = {w: i for i, w in enumerate(sorted(words))}
    scorer = CiderD([[[ids[w] for w in caption] for caption in captions] for captions in REFERENCES])
    by_ids = [scorer.score([ids[w] for w in caption], i) for i, caption in enumerate(CANDIDATES)]
    assert by_ids == pytest.approx(cider_d(CANDIDATES, REFERENCES)[1])


def test_the_end_token_rewards_finished_sentences():
    scorer = CiderD(REFERENCES, end="<end>")
    cut = ["a", "man", "on", "a"]
    finished, fragment = [*cut, "bike", "<end>"], [*cut, "<end>"]
    assert scorer.score(finished, 1) > scorer.score(cut, 1)
    assert scorer.score(finished, 1) > scorer.score(fragment, 1)


def test_document_frequencies_count_images_not_sentences():
    frequency = DocumentFrequency.of([[["a", "dog"], ["a", "cat"], ["a", "cat"]], [["a", "cow"]]])
    assert frequency.n_images == 2
    assert frequency.counts == {
        ("a",): 2, ("dog",): 1, ("cat",): 1, ("cow",): 1, ("a", "dog"): 1, ("a", "cat"): 1, ("a", "cow"): 1
    }  # fmt: skip


def test_document_frequencies_of_a_small_batch_change_the_score():
    whole, _ = cider_d(CANDIDATES, REFERENCES)
    alone, _ = cider_d(CANDIDATES[:1], REFERENCES[:1])
    assert whole > 0
    assert alone == 0  # with one image every n-gram is everywhere and weighs nothing


def test_nothing_to_score():
    assert cider_d([], []) == (0.0, [])
    assert cider_d(tokens(["", "a"]), REFERENCES)[1][0] == 0
    with pytest.raises(ValueError, match="without references"):
        cider_d([["a"]], [[]])
