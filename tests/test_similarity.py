"""Finding things by one word, and how like words a picture must be to be shown."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from photocap.captioning.model_files import base_model_dir, change_settings, read_model_info
from photocap.errors import CheckpointError
from photocap.evaluation import EvaluatedPhoto
from photocap.evaluation.similarity import fit_similarity
from photocap.evaluation.things import measure_things, things_of
from photocap.records import Caption

PLACES = {"dog": 0, "cat": 1, "tree": 2}


def photo(name, references, vector):
    unit = np.array(vector, np.float32) / np.linalg.norm(vector)  # of dog, cat, tree, anything else
    return EvaluatedPhoto(
        Path(name), Caption(text="", confidence=0.5, embedding=unit.astype("<f2").tobytes()), tuple(references), 0.0
    )


def encode(text):
    """Return a place for each of three words, alone or after "a"; nothing for others, such as "hot dog"."""
    vector = np.zeros(4, np.float32)
    if (word := text.removeprefix("a ")) in PLACES:
        vector[PLACES[word]] = 1
    return vector


@pytest.fixture
def photos():
    """Six dogs and six cats, some of which look rather like the other, and scenes of nothing. Trees there are none."""
    dogs = [photo(f"dog{i}.jpg", ["a dog", "two dogs"], [1, 0.1 * i, 0.1, 0]) for i in range(6)]
    cats = [photo(f"cat{i}.jpg", ["a kitten", "the cat"], [0.1 * i, 1, 0.1, 0]) for i in range(6)]
    scenes = [photo(f"scene{i}.jpg", ["quiet", "calm"], [0.3, 0.3, 0.25, 1]) for i in range(20)]
    return [*dogs, *cats, photo("both.jpg", ["a dog", "a cat"], [1, 1, 0, 0]), *scenes]


def test_things_by_what_people_say(photos):
    things = {thing.name: thing for thing in things_of(photos)}
    assert things["dog"].shown == (*[True] * 6, *[False] * 6, None, *[False] * 20)
    assert things["animal"].shown == (*[True] * 13, *[False] * 20)
    assert set(things["tree"].shown) == {False}
    assert things["dog"].said > things["kitten"].said
    assert next(iter(things.values())).name == "dog"


def test_r_precision_by_hand(photos):
    order = {"dog": [0, 1, 2, 6, 7, 3, 4, 5], "cat": [6, 7, 8, 9, 10, 11]}
    asked = []

    def find(text, count):
        asked.append((text, count))
        return [photos[i].path.absolute() for i in order.get(text, [])][:count]

    found = measure_things(photos, find)
    assert ("dog", 6) in asked
    precision = dict(found.worst)
    assert precision["dog"] == pytest.approx(4 / 6)
    assert precision["cat"] == 1
    assert found.things == len(asked)
    assert measure_things(photos[:2], find) is None


def test_fit_shows_what_fits_and_nothing_for_what_is_absent(photos):
    fit = fit_similarity([photos], encode)
    assert fit.scale > 0

    def similarity(cosine):
        return 1 / (1 + np.exp(-(fit.scale * cosine + fit.offset)))

    vectors = {p.path.stem: np.frombuffer(p.caption.embedding, "<f2").astype(np.float32) for p in photos}
    above = {name for name, vector in vectors.items() if similarity(vector @ encode("dog")) >= fit.floor}
    assert {f"dog{i}" for i in range(6)} <= above
    assert len(above) <= 12
    assert not any(similarity(vector @ encode("tree")) >= fit.floor for vector in vectors.values())
    assert fit.absent >= 1
    assert fit.absent_shown == 0
    assert 0 <= fit.description_floor <= fit.floor <= 1


def test_nothing_to_fit(photos):
    assert (
        fit_similarity([[EvaluatedPhoto(Path("x.jpg"), Caption(text="", confidence=0.5), ("a dog",), 0.0)]], encode)
        is None
    )
    assert fit_similarity([], encode) is None
    assert fit_similarity([photos], lambda _: np.zeros(4, np.float32)) is None


def test_no_fit_where_all_look_the_same():
    same = [photo(f"{i}.jpg", ["a dog"] if i < 3 else ["a cat"], [1, 1, 1, 1]) for i in range(12)]
    assert fit_similarity([same], lambda text: np.full(4, 0.5, np.float32) if text == "dog" else encode("")) is None


def test_a_floor_above_all_where_too_few_fit():
    few = [photo(f"{i}.jpg", ["a dog"] if i % 4 == 0 else ["a cat"], [1, 0.01 * (i // 4), 0, 0]) for i in range(40)]
    few += [photo(f"{i}.png", ["a cat"], [0, 0, 0, 1]) for i in range(10)]
    fit = fit_similarity([few], lambda text: encode(text) if text == "dog" else encode(""))
    assert (fit.floor, fit.recall) == (1.0, 0.0)


def test_settings_change_and_the_weights_stay(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    shutil.copy(base_model_dir() / "config.json", folder)
    before = json.loads((folder / "config.json").read_text())
    info = change_settings(folder, {"similarity_scale": 7.5, "similarity_floor": 0.25})
    assert (info.config.similarity_scale, info.config.similarity_floor) == (7.5, 0.25)
    assert info.config.joint_size == read_model_info(base_model_dir()).config.joint_size
    after = json.loads((folder / "config.json").read_text())
    assert {name: value for name, value in after.items() if name != "model"} == {
        name: value for name, value in before.items() if name != "model"
    }
    with pytest.raises(CheckpointError):
        change_settings(tmp_path / "nothing", {"similarity_floor": 0.5})


def test_fitting_goes_with_searching(cli, tmp_path):
    captions = tmp_path / "captions.csv"
    captions.write_text("image,caption\n")
    done = cli("evaluate", captions, "--fit-similarity")
    assert done.exit_code == 2
    assert "--retrieval" in done.stderr
