import base64
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tokens import tokens

from photocap import evaluation
from photocap.datasets import read_captions
from photocap.datasets.sources import CaptionSet
from photocap.errors import CaptionFileError
from photocap.evaluation import EvaluatedPhoto
from photocap.evaluation.engines import engine_difference
from photocap.evaluation.measures import (
    constant_floor,
    human_ceiling,
    measure_calibration,
    measure_language,
    noun_recall,
    people_words,
)
from photocap.evaluation.page import write_page
from photocap.evaluation.retrieval import by_look, fill_index, measure_retrieval
from photocap.evaluation.text import score_lines, to_json
from photocap.index import PhotoIndex
from photocap.records import Caption
from photocap.search import search

COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "white": (255, 255, 255)}
SAID = {"red": "a red wall", "green": "a green field of grass", "blue": "the blue sky", "white": "a dog on the snow"}


@pytest.fixture(autouse=True)
def no_meteor(monkeypatch):
    """METEOR reads WordNet or starts a Java program; it has tests of its own."""
    monkeypatch.setattr("photocap.metrics.meteor_java._find_jar", lambda: None)
    monkeypatch.setattr("photocap.metrics.meteor.find_wordnet", lambda: None)


class ColourCaptioner:
    """Says the same sentence for each colour; surest about red. Needs no weights."""

    model_id = "colours@1"
    image_size_px = 16
    batch_size = 3

    def __init__(self):
        self.batches = []

    def caption_batch(self, images):
        self.batches.append(len(images))
        colour_of = {rgb: name for name, rgb in COLOURS.items()}
        names = [colour_of[image.getpixel((0, 0))] for image in images]
        return [Caption(text=SAID[name], confidence=0.9 if name == "red" else 0.4) for name in names]


def evaluate(captions, folder, captioner, **options):
    return evaluation.evaluate(CaptionSet(captions, read_captions(captions), folder), captioner, **options)


@pytest.fixture
def photos(tmp_path):
    """Four photos of dev, one of train, and their captions; the white one is captioned wrongly."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, rgb in COLOURS.items():
        Image.new("RGB", (40, 30), rgb).save(folder / f"{name}.png")
    Image.new("RGB", (40, 30)).save(folder / "train.png")
    captions = tmp_path / "captions.csv"
    captions.write_text(
        "image,caption,split\n"
        "red.png,a red wall,dev\nred.png,the red wall of a house,dev\n"
        "green.png,a green field,dev\ngreen.png,grass on a green field,dev\n"
        "blue.png,the blue sky,dev\nblue.png,a sky without clouds,dev\n"
        "white.png,fog,dev\nwhite.png,nothing but <b>fog</b>,dev\n"
        "train.png,a common caption,train\ntrain.png,a common caption,train\n"
    )
    return captions, folder


def test_evaluate_by_split(photos):
    captioner = ColourCaptioner()
    progress = []
    found = evaluate(*photos, captioner, progress=lambda done, total: progress.append((done, total)))  # type: ignore[call-arg]
    assert [photo.path.stem for photo in found.photos] == ["red", "green", "blue", "white"]
    assert [photo.caption.text for photo in found.photos] == list(SAID.values())
    assert captioner.batches == [3, 1]
    assert progress == [(3, 4), (4, 4)]
    assert found.worst_first[0].path.stem == "white"
    assert found.scores.cider_d == pytest.approx(sum(photo.cider_d for photo in found.photos) / 4)
    assert found.floor.caption == "a common caption"
    assert found.human is not None
    assert found.images_per_second > 0
    assert found.problems == ()


def test_all_rows_and_a_split_without_rows(photos):
    captions, folder = photos
    (folder / "train.png").write_bytes((folder / "red.png").read_bytes())
    assert len(evaluate(captions, folder, ColourCaptioner(), split="all").photos) == 5
    with pytest.raises(CaptionFileError, match="no row in the split 'test'"):
        evaluate(captions, folder, ColourCaptioner(), split="test")


def test_bad_photos_cost_the_others_nothing(photos):
    captions, folder = photos
    (folder / "red.png").write_bytes(b"no picture")
    (folder / "blue.png").unlink()
    found = evaluate(captions, folder, ColourCaptioner())
    assert {photo.path.stem: photo.caption.text for photo in found.photos} == {
        "green": SAID["green"],
        "white": SAID["white"],
    }
    assert sorted(problem.line for problem in found.problems) == [2, 6]
    assert any("red.png" in problem.text for problem in found.problems)


def test_no_usable_photo_is_one_clear_error(photos, tmp_path):
    captions, _ = photos
    with pytest.raises(CaptionFileError, match=r"red\.png is not in"):
        evaluate(captions, tmp_path, ColourCaptioner())


def test_the_page_is_self_contained_escaped_and_worst_first(photos, tmp_path):
    found = evaluate(*photos, ColourCaptioner())  # type: ignore[call-arg]
    write_page(found, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    sources = re.findall(r'src="([^"]*)"', page)
    assert len(sources) == 4
    prefix = "data:image/jpeg;base64,"
    assert all(source.startswith(prefix) for source in sources)
    worst = Image.open(io.BytesIO(base64.b64decode(sources[0].removeprefix(prefix))))
    assert min(worst.getpixel((5, 5))) > 250
    assert "&lt;b&gt;fog&lt;/b&gt;" in page
    assert "<b>" not in page
    assert "http" not in page
    assert page.index(SAID["white"]) < page.index(SAID["red"])


def test_text_and_json_say_the_same(photos):
    found = evaluate(*photos, ColourCaptioner())  # type: ignore[call-arg]
    text = "\n".join(score_lines(found))
    values = json.loads(json.dumps(to_json(found)))
    assert f"CIDEr-D            {values['scores']['cider_d']:.1f}" in text
    assert f"{values['scores']['bleu'][3]:.1f}" in text
    assert values["photos"] == 4
    assert values["references"] == 8
    assert values["language"]["distinct"] == 4
    assert values["calibration"]["table"][0]["count"] == 3


def test_language():
    language = measure_language(tokens(["A dog runs.", "a dog runs", "a a dog with a", ""]))
    assert (language.distinct, language.vocabulary, language.stutters, language.loose_ends) == (3, 4, 1, 1)
    assert language.mean_words == pytest.approx(11 / 4)


def test_people_reach_more_than_a_constant_caption():
    references = tokens(
        [
            ["a dog runs on grass", "the dog runs", "a dog on the grass"],
            ["a man rides a bike", "the man on a bike", "a man rides his bike"],
            ["two kids play", "two kids in the park", "kids play in the park"],
        ]
    )
    human = human_ceiling(tokens(["a dog runs on grass", "a red wall", "a dog"]), references)
    floor = constant_floor([words for texts in references for words in texts], references)
    assert human.human_cider_d > human.model_cider_d > 0
    assert human.human_cider_d > floor.cider_d
    assert human_ceiling(tokens(["a dog"]), tokens([["a dog"]])) is None


def test_nobody_is_scored_against_the_own_sentence():
    references = tokens([["red wall", "my house"], ["blue sky", "some clouds"]])
    human = human_ceiling(tokens(["red wall", "blue sky"]), references)
    assert human.human_cider_d == 0
    assert human.model_cider_d > 0


def test_people_as_the_model_reach_what_people_reach():
    references = tokens([["a dog runs", "the dog runs"], ["a man sits", "a man sits down"]])
    same = [[texts[0], texts[0]] for texts in references]
    human = human_ceiling([texts[0] for texts in same], same)
    assert human.human_cider_d == pytest.approx(human.model_cider_d)


def test_calibration_tells_a_good_confidence_from_a_bad_one():
    cider_d = [100.0, 80.0, 5.0, 0.0] * 25
    good = measure_calibration([0.99, 0.98, 0.02, 0.01] * 25, cider_d)
    bad = measure_calibration([0.01, 0.02, 0.98, 0.99] * 25, cider_d)
    assert good.right_share == bad.right_share == 0.5
    assert good.error < 0.05 < bad.error
    assert (good.auroc, bad.auroc) == (1.0, 0.0)
    assert bad.error_refitted < 0.05


def test_noun_recall_asks_two_people_where_there_are_two():
    references = [
        ["a dog on the grass", "the dog is on a field"],
        ["a cat on the grass", "the dog in a garden"],
        ["the dog in the snow", "a dog on the snow"],
    ]
    captions = tokens(["a dog", "a dog", "a cat in the snow"])
    recalls = {noun.noun: noun for noun in noun_recall(captions, tokens(references))}
    assert (recalls["dog"].images, recalls["dog"].recall) == (2, 0.5)
    assert (recalls["snow"].images, recalls["snow"].recall) == (1, 1.0)
    assert "grass" not in recalls  # never two people at once


def test_errors_about_people_both_ways():
    references = [
        ["a woman runs", "the lady runs", "a runner"],
        ["a woman runs", "a girl with her dog", "she runs"],
        ["a man sits", "a boy sits", "a person"],
        ["a man sits", "a woman sits", "a man"],  # they do not agree
        ["a man sits", "a person sits", "somebody"],  # one voice is not enough
    ]
    captions = ["a man runs", "a person runs", "a girl sits", "a woman", "a woman"]
    people = people_words(tokens(captions), tokens(references))
    assert (people.women, people.women_called_men) == (2, 1)
    assert (people.men, people.men_called_women) == (1, 1)


def evaluated(name, caption, references, embedding=None):
    return EvaluatedPhoto(
        Path(name), Caption(text=caption, confidence=0.5, embedding=embedding), tuple(references), 0.0
    )


def test_retrieval_by_hand():
    photos = [evaluated(f"{i}.jpg", "", [f"Number {i}, please!", f"the {i}"]) for i in range(12)]
    asked = []

    def find(text, _count):  # "number 3 please" finds 3 first, "the 3" finds it in the fourth place
        asked.append(text)
        number = int(re.search(r"\d+", text)[0])
        order = [number] if text.startswith("number") else [99, 98, 97, number]
        return [Path(f"{i}.jpg").absolute() for i in order]

    found = measure_retrieval(photos, find)
    assert (found.at_1, found.at_5, found.at_10, found.queries) == (50, 100, 100, 24)
    assert (found.at_10_interval.low, found.at_10_interval.high) == (100, 100)
    assert asked[0] == "number 0 please"
    assert measure_retrieval(photos, lambda *_: []).at_10 == 0


def test_retrieval_by_look_and_by_the_index(tmp_path):
    places = {"red": [1, 0] * 32, "blue": [0, 1] * 32, "violet": [0.6, 0.8] * 32}
    photos = [
        evaluated(f"{name}.jpg", f"a {name} wall", [f"the {name} one"], np.array(place, "<f2").tobytes())
        for name, place in places.items()
    ]
    look = by_look(photos, lambda text: np.array(places[text.split()[1]], np.float32))
    assert [path.stem for path in look("the blue one", 10)] == ["blue", "violet", "red"]
    assert measure_retrieval(photos, look).at_1 == 100
    assert by_look([*photos, evaluated("x.jpg", "", ["x"])], lambda _: np.zeros(2, np.float32)) is None
    with PhotoIndex.open(tmp_path / "index.db", create=True) as index:
        fill_index(index, photos, "test@1")
        hits = search(index, "blue wall").hits
        assert [hit.photo.path for hit in hits] == [Path("blue.jpg").absolute()]


@pytest.fixture
def fake_model(monkeypatch):
    """Stand in for the module that needs torch and weights; return how it was asked each time."""
    loads = []

    def load_captioner(_model, **options):
        loads.append(options)
        return ColourCaptioner()

    monkeypatch.setattr("photocap.captioning.registry.load_captioner", load_captioner)
    return loads


@pytest.mark.usefixtures("fake_model")
def test_command(photos, cli, tmp_path, monkeypatch):
    captions, folder = photos
    (folder / "blue.png").unlink()
    page = tmp_path / "worst.html"
    done = cli("evaluate", captions, "--images", folder, "--html", page, "--json", "--model", tmp_path)
    assert done.exit_code == 0, done.output
    values = json.loads(done.stdout)
    assert values["photos"] == 3
    assert [problem["line"] for problem in values["problems"]] == [6]
    assert "blue.png is not in" in done.stderr
    assert page.read_text().count("<article>") == 3
    monkeypatch.setattr("photocap.cli.finding_again.load_text_encoder", lambda _: None)
    text = cli("evaluate", captions, "--images", folder, "--model", tmp_path, "--retrieval")
    assert re.search(r"found by words +R@1 ", text.stdout)
    assert "CIDEr-D" in text.stdout
    assert "AUROC" in text.stdout


def test_neutral_people_reaches_the_captioner(photos, cli, fake_model):
    captions, folder = photos
    for wish in ([], ["--neutral-people"]):
        assert cli("evaluate", captions, "--images", folder, "--model", folder, *wish).exit_code == 0
    assert [load["neutral_people"] for load in fake_model] == [False, True]


def test_two_engines_are_compared_caption_by_caption(photos, cli, fake_model):
    captions, folder = photos
    asked = ["evaluate", captions, "--images", folder, "--model", folder, "--engine", "onnx"]
    done = cli(*asked, "--engine", "torch-float32")
    assert [load["engine"] for load in fake_model] == ["onnx", "torch-float32"]
    assert "onnx against torch-float32: CIDEr-D +0.00, 100.0% of captions word for word the same" in done.stdout
    (difference,) = json.loads(cli(*asked, "--engine", "onnx", "--json").stdout)["engines"]
    assert (difference["same"], difference["same_or_equal"], difference["cider_d"]) == (1.0, 1.0, 0.0)
    assert "word for word" not in cli(*asked).stdout


def test_a_caption_of_equal_score_counts_as_equal_and_not_as_the_same(photos):
    found = evaluate(*photos, ColourCaptioner())  # type: ignore[call-arg]
    changed = replace(found.photos[0], caption=replace(found.photos[0].caption, text="something else"))
    worse = replace(found.photos[1], caption=changed.caption, cider_d=found.photos[1].cider_d + 1)
    other = replace(found, photos=(changed, worse, *found.photos[2:]))
    difference = engine_difference("a", found, "b", other)
    count = len(found.photos)
    assert difference.same == pytest.approx((count - 2) / count)
    assert difference.same_or_equal == pytest.approx((count - 1) / count)


@pytest.mark.usefixtures("fake_model")
@pytest.mark.parametrize("name", ["photos/red.png", "nowhere/page.html", "photos"])
def test_a_page_never_replaces_a_photo_and_is_checked_before_the_work(photos, cli, tmp_path, name):
    captions, folder = photos
    before = (folder / "red.png").read_bytes()
    done = cli("evaluate", captions, "--images", folder, "--html", tmp_path / name)
    assert done.exit_code == 2
    assert "--html" in done.stderr
    assert (folder / "red.png").read_bytes() == before


@pytest.mark.usefixtures("fake_model")
@pytest.mark.parametrize("content", [None, "", "a,b\n1,2\n"])
def test_command_with_an_unusable_caption_file(photos, cli, tmp_path, content):
    captions, folder = photos
    captions.unlink()
    if content is not None:
        captions.write_text(content)
    done = cli("evaluate", captions, "--images", folder, "--model", tmp_path)
    assert done.exit_code == 1
    assert done.stderr.count("\n") == 1
    assert "captions.csv" in done.stderr


def test_an_interval_needs_enough_photos_to_say_something(monkeypatch, photos):
    evaluation = evaluate(*photos, ColourCaptioner())  # type: ignore[call-arg]
    assert evaluation.scores.intervals
    shown = r"CIDEr-D .* \(\S+ to \S+\)"
    assert not any(re.match(shown, line) for line in score_lines(evaluation))
    monkeypatch.setattr("photocap.evaluation.text._FEWEST", 1)
    assert any(re.match(shown, line) for line in score_lines(evaluation))
