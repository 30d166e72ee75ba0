import csv
import sys

import pytest
from systems import posix_only
from tokens import tokens

from photocap.metrics import meteor, meteor_java, score_captions
from photocap.metrics.bootstrap import bootstrap_mean
from photocap.metrics.rouge import rouge_l
from photocap.tokenizer import tokenize

CANDIDATES = ["a dog runs on the beach", "a man rides a red bike down", "two kids", "snow"]
REFERENCES = [
    ["a dog runs along the beach .", "a brown dog is running on sand", "A wet dog"],
    ["a man on a bike", "a person rides a red bike down a hill"],
    ["two kids play in the isn't-sea", "Two kids , playing", "kids"],
    ["a mountain", "the man's skis"],
]


def words(text):
    return text.split()


def corpus_bleu(candidates, references):
    return score_captions(candidates, references, meteor=False).bleu


def test_bleu_by_hand():
    # 5 of 6 words, 3 of 5 pairs ("the the" is no pair of the reference), brevity exp(1 - 7/6).
    bleu = corpus_bleu([words("the cat the cat on mat")], [[words("the cat is on the mat now")]])
    precisions = [5 / 6, 1 / 5]
    brevity = 2.718281828459045 ** (1 - 7 / 6)
    assert bleu[0] == pytest.approx(100 * brevity * precisions[0])
    assert bleu[1] == pytest.approx(100 * brevity * (precisions[0] * precisions[1]) ** 0.5)
    assert bleu[2:] == (0, 0)


def test_bleu_is_over_the_corpus_not_a_mean_of_sentences():
    whole = corpus_bleu([["a", "b", "c", "d", "e"], ["x", "y"]], [[["a", "b", "c", "d", "e"]], [["x", "z"]]])
    assert whole[0] == pytest.approx(100 * 6 / 7)


def test_bleu_allows_a_word_as_often_as_one_reference_has_it():
    assert corpus_bleu([["a", "a"]], [[["a", "b"], ["a", "c"]]])[0] == pytest.approx(50)


def test_bleu_takes_the_closest_reference_length_and_the_shorter_of_two():
    assert corpus_bleu([["a", "b"]], [[["a"], ["a", "b", "c"]]])[0] == pytest.approx(100)


def test_rouge_l_by_hand():
    # Common subsequence "a c": precision 2/3 and recall 2/4 in one reference, recall 1/1 in the other.
    value = rouge_l(["a", "b", "c"], [["a", "x", "c", "y"], ["b"]])
    precision, recall = 2 / 3, 1.0
    assert value == pytest.approx(100 * (1 + 1.44) * precision * recall / (recall + 1.44 * precision))
    assert rouge_l(["a"], [["b"]]) == 0
    assert rouge_l([], [["b"]]) == 0


def test_scores_without_captions_or_words():
    assert score_captions([], [], meteor=False).bleu == (0, 0, 0, 0)
    scores = score_captions(tokens(["", "!"]), tokens([["a dog"], ["a cat"]]), meteor=False)
    assert (scores.bleu, scores.rouge_l, scores.cider_d) == ((0, 0, 0, 0), 0, 0)


@pytest.fixture
def no_java(monkeypatch):
    monkeypatch.setattr(meteor_java.shutil, "which", lambda _: None)


# Scored by METEOR 1.5 with `-l en -norm -m "exact stem synonym" -w "1.0 0.6 0.8"`.
METEOR_PAIRS = [
    ("a dog runs on the beach", ["a brown dog is running along the beach", "a wet dog"], 33.546346),
    ("a dog runs on the beach", ["a dog runs on the beach"], 100.0),
    ("two kids are playing near the water", ["two children play by the lake", "a boy and a girl playing"], 15.788234),
    ("a girl smokes a cigarette outside", ["a woman smoking a cigarette outside in the snow"], 26.874450),
    ("the children are playing in the water", ["two boys play in a puddle"], 11.008025),
    ("a person eats while watching a small television", ["someone in front of the tv eating food"], 10.491803),
    ("a grey dog beside a white dog running in green grass", ["two dogs playing in a field"], 20.782820),
    ("a man's well-known car", ["the car of a man is known well"], 34.955524),
    ("snow", ["a mountain"], 0.0),
    ("men carry heavy boxes up the stairs", ["a man carries a heavy box upstairs", "workmen with boxes"], 25.288394),
    ("in the park a dog is with a man in a park", ["a man walks in the park with a dog in a coat"], 35.219883),
]


@pytest.mark.parametrize(("candidate", "references", "published"), METEOR_PAIRS)
@pytest.mark.usefixtures("no_java")
def test_meteor_without_paraphrases_is_what_the_published_program_says(candidate, references, published):
    scores = score_captions(tokens([candidate]), tokens([references]))
    assert scores.meteor == pytest.approx(published, abs=1e-4)
    assert scores.meteor_name == "METEOR (exact, stem, synonym)"


@pytest.mark.usefixtures("no_java")
def test_meteor_adds_counts_up_over_captions():
    candidates, references, _ = zip(*METEOR_PAIRS, strict=True)
    assert score_captions(tokens(candidates), tokens(references)).meteor == pytest.approx(26.499340, abs=1e-4)


@pytest.mark.parametrize("package", ["wn", "snowballstemmer"])
@pytest.mark.usefixtures("no_java")
def test_meteor_says_what_is_missing(monkeypatch, package):
    if package == "wn":
        monkeypatch.setattr(meteor, "find_wordnet", lambda: None)
    else:
        monkeypatch.setitem(sys.modules, "snowballstemmer", None)
    scores = score_captions(tokens(CANDIDATES), tokens(REFERENCES))
    assert scores.meteor is None
    assert f"not installed: {package}" in scores.meteor_reason
    assert "photocap[meteor]" in scores.meteor_reason


@posix_only
def test_where_the_meteor_program_fails_its_stages_are_computed_here(monkeypatch, tmp_path):
    (tmp_path / "meteor").mkdir()
    (tmp_path / "meteor" / "meteor-1.5.jar").touch()
    program = tmp_path / "java"
    program.write_text("#!/bin/sh\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setattr(meteor_java.shutil, "which", lambda _: str(program))
    monkeypatch.setattr(meteor_java, "_find_jar", lambda: tmp_path / "meteor" / "meteor-1.5.jar")
    assert "failed" in meteor_java.meteor_1_5(tokens(CANDIDATES), tokens(REFERENCES)).reason
    scores = score_captions(tokens(CANDIDATES), tokens(REFERENCES))
    assert scores.meteor is not None
    assert scores.meteor_name != "METEOR 1.5"


def test_intervals_hold_the_score_and_shrink_with_more_photos():
    few = score_captions(tokens(CANDIDATES), tokens(REFERENCES), meteor=False, intervals=True)
    assert set(few.intervals) == {"bleu_1", "bleu_4", "rouge_l", "cider_d"}
    assert few.intervals["cider_d"].low < few.cider_d < few.intervals["cider_d"].high
    assert few.intervals["bleu_1"].low < few.bleu[0] < few.intervals["bleu_1"].high
    one = score_captions(tokens(CANDIDATES[:1]), tokens(REFERENCES[:1]), meteor=False, intervals=True)
    assert one.intervals == {}


def test_interval_of_a_mean_is_what_theory_says():
    values = [float(i % 2) for i in range(400)]  # mean 0.5, standard error 0.025
    interval = bootstrap_mean(values)
    assert interval.low == pytest.approx(0.5 - 1.96 * 0.025, abs=0.007)
    assert interval.high == pytest.approx(0.5 + 1.96 * 0.025, abs=0.007)


@pytest.fixture
def flickr8k(shared):
    with (shared / "flickr8k" / "captions.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "dev"][:1500]
    by_image = {}
    for row in rows:
        by_image.setdefault(row["image"], []).append(row["caption"])
    texts = list(by_image.values())
    return [t[0] for t in texts], [t[1:] for t in texts]


def for_pycocoevalcap(candidates, references):
    """The same words as they go into pycocoevalcap: references first."""
    sentences = {i: [" ".join(words) for words in texts] for i, texts in enumerate(tokens(references))}
    return sentences, {i: [" ".join(words)] for i, words in enumerate(tokens(candidates))}


@pytest.mark.parametrize("source", ["written here", "flickr8k"])
def test_equal_to_pycocoevalcap(source, request):
    candidates, references = (
        (CANDIDATES, REFERENCES) if source == "written here" else request.getfixturevalue("flickr8k")
    )
    ours = score_captions(tokens(candidates), tokens(references), meteor=False)
    bleu = pytest.importorskip("pycocoevalcap.bleu.bleu", reason="pycocoevalcap is not installed").Bleu(4)
    rouge = pytest.importorskip("pycocoevalcap.rouge.rouge", reason="pycocoevalcap is not installed").Rouge()
    # Its class Cider is CIDEr-D: counts are clipped and lengths punished.
    cider = pytest.importorskip("pycocoevalcap.cider.cider", reason="pycocoevalcap is not installed").Cider()
    texts = for_pycocoevalcap(candidates, references)
    assert ours.bleu == pytest.approx([100 * b for b in bleu.compute_score(*texts, verbose=0)[0]], abs=1e-3)
    assert ours.rouge_l == pytest.approx(100 * rouge.compute_score(*texts)[0])
    mean, each = cider.compute_score(*texts)
    assert ours.cider_d == pytest.approx(100 * mean)
    assert list(ours.cider_d_each) == pytest.approx([100 * e for e in each])


@pytest.fixture
def java_and_meteor():
    if meteor_java.shutil.which("java") is None or meteor_java._find_jar() is None:
        pytest.skip("java or the METEOR program of pycocoevalcap is not installed")


@pytest.mark.slow  # two Java programs read tables of 60 MB
@pytest.mark.usefixtures("java_and_meteor")
def test_meteor_is_equal_to_pycocoevalcap():
    from pycocoevalcap.meteor.meteor import Meteor

    ours = score_captions(tokens(CANDIDATES), tokens(REFERENCES))
    program = Meteor()
    theirs, _ = program.compute_score(*for_pycocoevalcap(CANDIDATES, REFERENCES))
    for pipe in (program.meteor_p.stdin, program.meteor_p.stdout, program.meteor_p.stderr):
        pipe.close()
    program.meteor_p.kill()
    program.meteor_p.wait()
    assert ours.meteor == pytest.approx(100 * theirs)


@pytest.mark.usefixtures("java_and_meteor")
def test_tokens_agree_with_the_stanford_tokenizer(shared):
    from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

    with (shared / "flickr8k" / "captions.csv").open(encoding="utf-8") as file:
        captions = [row["caption"] for row in csv.DictReader(file)][:5000]
    theirs = PTBTokenizer().tokenize({i: [{"caption": c}] for i, c in enumerate(captions)})
    differing = [c for i, c in enumerate(captions) if tokenize(c) != theirs[i][0].split()]
    assert len(differing) <= 0.002 * len(captions), differing
