from __future__ import annotations

import random
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from fakes import make_facts
from test_query import random_query

from photocap.index import CaptionRecord, PhotoIndex, PhotoRecord, PhotoState, Sort, filter_sql
from photocap.query import (
    And,
    Compare,
    Contains,
    Field,
    Not,
    Or,
    Phrase,
    Taken,
    Trait,
    Word,
    edit_distance,
    parse_query,
)
from photocap.query.fields import FIELDS, TRAITS
from photocap.records import CaptionSource, PhotoFacts
from photocap.search import MatchKind, search
from photocap.search.vector_search import cosines, nearest

NO_FACTS = make_facts()


@dataclass(frozen=True)
class Photo:
    """A photo for the naive evaluator and for the index alike."""

    path: str
    caption: str | None
    by_person: bool = False
    confidence: float | None = None
    facts: PhotoFacts = NO_FACTS
    state: PhotoState = PhotoState.PRESENT
    embedding: bytes | None = None

    def record(self) -> PhotoRecord:
        source = CaptionSource.PERSON if self.by_person else CaptionSource.MODEL
        caption = CaptionRecord(text=self.caption, source=source, confidence=self.confidence) if self.caption else None
        return PhotoRecord(
            path=Path(self.path),
            size_bytes=1,
            mtime_ns=1,
            picture_hash=self.path,
            caption=caption,
            facts=self.facts,
            state=self.state,
            embedding=self.embedding,
        )


def make_index(path: Path, photos: list[Photo]) -> PhotoIndex:
    index = PhotoIndex.open(path, create=True)
    run = index.runs.start("test")
    index.record_batch(run, [photo.record() for photo in photos])
    for photo in photos:
        if photo.state is PhotoState.MISSING:
            index.scan.start()
            index.scan.mark_missing(Path(photo.path))
    return index


def paths(result) -> list[str]:
    return [str(hit.photo.path) for hit in result.hits]


# --- the meaning of queries, against an evaluator that knows nothing of SQL ---

WORDS = ["zebra", "lamp", "kiwi", "drum", "Émile", "robot"]
CAMERAS = ["PENTAX K-5", "Canon EOS", "50%_off", None]


def random_photos(random_: random.Random, count: int) -> list[Photo]:
    photos = []
    for number in range(count):
        by_person = random_.random() < 0.2
        facts = make_facts(
            width_px=random_.choice([None, 640, 4000, 6000]),
            taken=random_.choice([None, datetime(random_.randrange(2014, 2020), random_.randrange(1, 13), 5)]),
            camera=random_.choice(CAMERAS),
            latitude=random_.choice([None, 48.2]),
            longitude=16.4,
            rating=random_.choice([None, 1, 3, 5]),
        )
        caption = " ".join(random_.choices(WORDS, k=random_.randrange(1, 5))) if random_.random() < 0.9 else None
        folder = random_.choice(["/p/Holiday", "/p/work"])
        state = PhotoState.MISSING if random_.random() < 0.1 else PhotoState.PRESENT
        confidence = None if by_person or not caption else random_.random()
        photos.append(Photo(f"{folder}/{number}.jpg", caption, by_person, confidence, facts, state))
    return photos


def fold(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower().replace("é", "e"))


def holds(node, photo: Photo) -> bool:
    words = fold(photo.caption or "")
    match node:
        case Word(text, prefix):
            (wanted,) = fold(text)
            return any(word.startswith(wanted) if prefix else word == wanted for word in words)
        case Phrase(text):
            return f" {' '.join(fold(text))} " in f" {' '.join(words)} "
        case And(parts):
            return all(holds(part, photo) for part in parts)
        case Or(parts):
            return any(holds(part, photo) for part in parts)
        case Not(part):
            return not holds(part, photo)
        case Contains(field, text):
            value = photo.path if field is Field.PATH else photo.facts.camera
            return value is not None and text.lower() in value.lower()
        case Taken(start, end):
            taken = photo.facts.taken and photo.facts.taken.isoformat()
            return bool(taken) and (start is None or taken >= start) and (end is None or taken < end)  # type: ignore[operator]
        case Compare(field, operator, limit):
            value = {
                Field.RATING: photo.facts.rating,
                Field.WIDTH: photo.facts.width_px,
                Field.CONFIDENCE: photo.confidence,
            }[field]
            sign = "==" if operator == "=" else operator
            return value is not None and eval(f"{value} {sign} {limit}")
        case Trait(_, name):
            return {
                "gps": photo.facts.latitude is not None,
                "edited": photo.by_person and bool(photo.caption),
                "missing": photo.state is PhotoState.MISSING,
                "caption": bool(photo.caption),
            }[name]
    raise AssertionError(node)


def asks_for(node, name: str) -> bool:
    """Whether a trait is asked for, not only excluded."""
    parts = node.parts if isinstance(node, (And, Or)) else ()
    return node == Trait(Field.IS, name) or any(asks_for(part, name) for part in parts)


ATOMS = [
    *WORDS, "emile", "ZEBRA", "zeb*", '"zebra lamp"', '"kiwi drum"', "caption:robot",
    "camera:pentax", "camera:%_", "path:holiday",
    "before:2017", "after:2016-06", "date:2018", "rating:>=3", "rating:1", "width:<4000", "conf:>0.5", "has:gps",
    "has:caption", "is:edited", "is:missing",
]  # fmt: skip


def random_expression(random_: random.Random, depth: int = 0) -> str:
    kind = random_.random()
    if depth > 3 or kind < 0.4:
        return random_.choice(ATOMS)
    left, right = random_expression(random_, depth + 1), random_expression(random_, depth + 1)
    if kind < 0.6:
        return f"{left} {right}"
    if kind < 0.75:
        return f"({left} OR {right})"
    return f"{left} -{random_.choice(ATOMS)}" if kind < 0.9 else f"({left}) NOT ({right})"


@pytest.mark.parametrize("common", [5_000, 10], ids=["small library", "as in a large library"])
def test_queries_find_what_a_naive_evaluator_finds(tmp_path, monkeypatch, common):
    monkeypatch.setattr("photocap.index.search_sql.RANKED_AT_MOST", common)
    monkeypatch.setattr("photocap.index.search_sql._FEW", 4 * common)
    random_ = random.Random(7)
    photos = random_photos(random_, 300)
    different = set()
    with make_index(tmp_path / "index.db", photos) as index:
        for _ in range(400):
            text = random_expression(random_)
            tree = parse_query(text).tree
            asks_for_missing = asks_for(tree, "missing")
            expected = {
                photo.path
                for photo in photos
                if holds(tree, photo) and (asks_for_missing or photo.state is PhotoState.PRESENT)
            }
            sort = random_.choice(list(Sort))
            result = search(index, text, limit=1_000, sort=sort)
            found = {str(hit.photo.path) for hit in result.hits if hit.kind is MatchKind.WORDS}
            assert found == expected, text
            assert result.total == len(expected)
            different.add(frozenset(expected))
    assert len(different) > 150


def test_every_field_of_the_table_has_its_sql(tmp_path):
    traits = [f"{field.value}:{name}" for field, names in TRAITS.items() for name in names]
    examples = [example for spec in FIELDS.values() for example in spec.examples]
    trees = [parse_query(text).tree for text in [*traits, *examples]]
    leaves = [leaf for tree in trees for leaf in (tree.parts if isinstance(tree, And) else [tree])]
    assert set(filter_sql._NUMBERS) == {leaf.field for leaf in leaves if isinstance(leaf, Compare)}
    with make_index(tmp_path / "index.db", [Photo("/a.jpg", "a dog")]) as index:
        for tree in trees:
            assert index.query.count_matches(filter_sql.plan(tree), 2) in (0, 1)


def test_ten_thousand_strings_search_without_an_error(tmp_path):
    random_ = random.Random(8)
    with make_index(tmp_path / "index.db", random_photos(random_, 20)) as index:
        for _ in range(10_000):
            result = search(index, random_query(random_), limit=3)
            assert result.explanation


# --- ranking ---


def test_exact_hits_first_then_other_words_for_the_same_thing(tmp_path):
    photos = [Photo("/dog.jpg", "a dog and a dog"), Photo("/puppy.jpg", "a puppy"), Photo("/cat.jpg", "a cat")]
    with make_index(tmp_path / "index.db", photos) as index:
        result = search(index, "puppy")
        assert paths(result) == ["/puppy.jpg", "/dog.jpg"]
        assert [hit.kind for hit in result.hits] == [MatchKind.WORDS, MatchKind.RELATED]
        assert result.total == 2
        assert "same thing" in result.explanation[-1]
        assert result.hits[0].score > result.hits[1].score
        assert paths(search(index, '"puppy"')) == ["/puppy.jpg"]


def test_a_persons_words_weigh_more(tmp_path):
    photos = [Photo(f"/model{n}.jpg", "a dog") for n in range(5)]
    photos += [Photo("/person.jpg", "a dog", by_person=True)] + [Photo(f"/other{n}.jpg", "a cat") for n in range(20)]
    with make_index(tmp_path / "index.db", photos) as index:
        assert paths(search(index, "dog"))[0] == "/person.jpg"


def test_endings_accents_and_case_do_not_matter(tmp_path):
    with make_index(tmp_path / "index.db", [Photo("/a.jpg", "Dogs running in a café")]) as index:
        for text in ("dog", "RUN", "runs", "cafe", "CAFÉ"):
            assert paths(search(index, text)) == ["/a.jpg"], text


def test_a_description_finds_photos_with_some_of_its_words(tmp_path):
    photos = [
        Photo("/a.jpg", "a brown dog runs on the grass"),
        Photo("/b.jpg", "a man climbs a rock"),
        Photo("/c.jpg", "a dog in the water"),
    ]
    with make_index(tmp_path / "index.db", photos) as index:
        result = search(index, "a brown dog is running over a green lawn somewhere")
        assert paths(result)[:2] == ["/a.jpg", "/c.jpg"]
        assert {hit.kind for hit in result.hits} == {MatchKind.SIMILAR}
        assert result.total == 0
        # Without a model, a query that finds its words is not padded, nor is one with operators.
        assert paths(search(index, "brown dog")) == ["/a.jpg"]
        assert paths(search(index, "purple AND dog")) == []


def test_scripts_without_spaces_and_emoji_are_found_in_persons_captions(tmp_path):
    photos = [Photo("/a.jpg", "公園で犬が走る", by_person=True), Photo("/b.jpg", "Geburtstag 🎉 100%", by_person=True)]
    with make_index(tmp_path / "index.db", photos) as index:
        assert paths(search(index, "犬")) == ["/a.jpg"]
        assert paths(search(index, "犬が走")) == ["/a.jpg"]
        assert paths(search(index, "🎉")) == ["/b.jpg"]
        assert paths(search(index, "猫")) == []


def test_near_measures_on_the_globe(tmp_path):
    places = {"vienna": (48.2, 16.4), "graz": (47.07, 15.44), "west": (0.0, 179.99), "east": (0.0, -179.99)}
    photos = [Photo(f"/{name}.jpg", None, facts=make_facts(latitude=a, longitude=b)) for name, (a, b) in places.items()]
    with make_index(tmp_path / "index.db", photos) as index:
        assert paths(search(index, "near:48.21,16.37,10km")) == ["/vienna.jpg"]
        assert sorted(paths(search(index, "near:48.2,16.4,150km"))) == ["/graz.jpg", "/vienna.jpg"]
        assert paths(search(index, "near:48.2,16.4,144km")) == ["/vienna.jpg"]
        assert sorted(paths(search(index, "near:0,180,5km"))) == ["/east.jpg", "/west.jpg"]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("mountian", "mountains"),
        ("runnning", "running"),
        ("dgo", "dog"),
        ("bycicle", "bicycle"),
        ("montains", "mountains"),
    ],
)
def test_a_mistyped_word_shows_the_photos_of_the_one_that_is_meant(tmp_path, typed, meant):
    photos = [Photo("/a.jpg", "mountains behind a running dog and a bicycle"), Photo("/b.jpg", "a doll")]
    with make_index(tmp_path / "index.db", photos) as index:
        result = search(index, typed)
        assert paths(result) == ["/a.jpg"]
        assert result.remarks == (f"showing {meant} (no photo has {typed})",)


@pytest.mark.parametrize("typed", ["xylophone", "how", "cow", "IMG_999", "zebr*", "dig", "munich"])
def test_no_word_is_made_up(tmp_path, typed):
    photos = [Photo("/a.jpg", "mountains behind a running dog"), Photo("/b.jpg", "a cot, where much of that is")]
    with make_index(tmp_path / "index.db", photos) as index:
        result = search(index, typed)
        assert (paths(result), result.remarks, result.suggestions) == ([], (), ())


def test_a_word_that_the_model_knows_is_no_slip(tmp_path):
    with make_index(tmp_path / "index.db", [Photo("/a.jpg", "a boat", embedding=look(3))]) as index:
        assert paths(search(index, "boar")) == ["/a.jpg"]
        assert search(index, "boar", text_encoder=OneHotEncoder("boar")).remarks == ()


@pytest.mark.parametrize(
    ("a", "b", "distance"), [("dog", "dog", 0), ("dgo", "dog", 1), ("", "dog", 3), ("kitten", "sitting", 3)]
)
def test_edit_distance(a, b, distance):
    assert edit_distance(a, b) == distance


def test_sorting_and_paging(tmp_path):
    photos = [
        Photo(
            f"/{n}.jpg",
            "a dog",
            confidence=(n * 7 % 10) / 10,
            facts=make_facts(taken=datetime(2010 + n * 3 % 10, 1, 1)),
        )
        for n in range(10)
    ]
    with make_index(tmp_path / "index.db", photos) as index:
        by_date = search(index, "dog", sort=Sort.DATE)
        dates = [hit.photo.taken for hit in by_date.hits]
        assert dates == sorted(dates, reverse=True)
        confidences = [hit.photo.confidence for hit in search(index, "dog", sort=Sort.CONFIDENCE).hits]
        assert confidences == sorted(confidences, reverse=True)
        pages = [paths(search(index, "dog", limit=4, offset=offset)) for offset in (0, 4, 8)]
        assert [len(page) for page in pages] == [4, 4, 2]
        assert [path for page in pages for path in page] == paths(search(index, "dog"))


# --- by look ---


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


class OneHotEncoder:
    """Gives each word an axis of its own."""

    similarity_floor = 0.0

    def __init__(self, *words: str, description_floor: float = 0.0) -> None:
        self.words = words
        self.description_floor = description_floor

    def encode(self, text: str) -> np.ndarray:
        vector = np.full(256, 0.001, np.float32)
        for word in text.split():
            if word in self.words:
                vector[self.words.index(word)] = 1.0
        return unit(vector)

    def similarity(self, cosine: float) -> float:
        return max(0.0, cosine)


def look(*axes: int) -> bytes:
    vector = np.zeros(256)
    vector[list(axes)] = 1.0
    return unit(vector).astype("<f2").tobytes()


def test_pictures_that_look_like_the_words_are_found_where_no_caption_has_them(tmp_path):
    photos = [
        Photo("/a.jpg", "a man", embedding=look(0)),
        Photo("/b.jpg", "a woman", embedding=look(1), facts=make_facts(camera="Canon")),
        Photo("/c.jpg", "a boy", embedding=look(0, 1)),
        Photo("/gone.jpg", "a boy", embedding=look(1), state=PhotoState.MISSING),
    ]
    encoder = OneHotEncoder("sunset", "zebra")
    with make_index(tmp_path / "index.db", photos) as index:
        result = search(index, "zebra", text_encoder=encoder)
        assert paths(result) == ["/b.jpg", "/c.jpg", "/a.jpg"]
        assert result.hits[0].image_rank == 1
        assert result.total == 0
        assert paths(search(index, "zebra")) == []
        assert paths(search(index, "zebra camera:canon", text_encoder=encoder)) == ["/b.jpg"]
        assert paths(search(index, "zebra camera:nikon", text_encoder=encoder)) == []


def test_look_orders_photos_whose_words_are_equal(tmp_path):
    photos = [Photo(f"/{n}.jpg", "a zebra", embedding=look(0, n + 1)) for n in range(5)]
    photos[3] = Photo("/3.jpg", "a zebra", embedding=look(0))
    with make_index(tmp_path / "index.db", photos) as index:
        assert paths(search(index, "zebra", text_encoder=OneHotEncoder("zebra")))[0] == "/3.jpg"


def test_a_description_is_ranked_by_look_with_a_bonus_for_its_words(tmp_path):
    photos = [
        Photo("/nearest.jpg", "a lamp", embedding=look(0, 1, 2, 3)),
        Photo("/near.jpg", "a robot with a kiwi", embedding=look(0, 1, 2)),
        Photo("/far.jpg", "zebra robot lamp kiwi", embedding=look(0, 9)),
        Photo("/said.jpg", "a lamp, a zebra, a robot and a kiwi", by_person=True, embedding=look(9)),
        Photo("/verbatim.jpg", "here are zebra kiwi lamp robot", embedding=look(9)),
    ]
    encoder = OneHotEncoder("zebra", "robot", "lamp", "kiwi")
    with make_index(tmp_path / "index.db", photos) as index:
        result = search(index, "zebra robot lamp kiwi", text_encoder=encoder)
        assert paths(result) == ["/said.jpg", "/far.jpg", "/nearest.jpg", "/near.jpg", "/verbatim.jpg"]
        assert result.total == 3
        assert "ranked by look" in result.explanation[0]
        assert paths(search(index, "zebra kiwi lamp robot", text_encoder=encoder))[:2] == ["/said.jpg", "/verbatim.jpg"]
        # Keywords name things: those that have them all come first.
        keywords = search(index, "robot kiwi zebra", text_encoder=encoder)
        assert [hit.kind for hit in keywords.hits[:3]] == [MatchKind.WORDS] * 3
        assert paths(search(index, "a robot kiwi zebra", text_encoder=encoder))[1] == "/nearest.jpg"


def test_a_description_fills_the_first_page_where_one_picture_fits(tmp_path):
    near = [Photo(f"/near{n}.jpg", None, embedding=look(0, 1, 2, 3, 10 + n)) for n in range(2)]
    far = [Photo(f"/far{n:02}.jpg", None, embedding=look(0, *range(20, 25 + n))) for n in range(30)]
    encoder = OneHotEncoder("zebra", "robot", "lamp", "kiwi", description_floor=0.5)
    text = "zebra robot lamp kiwi"
    with make_index(tmp_path / "index.db", [*near, *far]) as index:
        shown = paths(search(index, text, limit=100, text_encoder=encoder))
        assert shown == ["/near0.jpg", "/near1.jpg", *(f"/far{n:02}.jpg" for n in range(18))]
        for strict in ({"sure_only": True}, {"min_score": 0.5}):
            assert paths(search(index, text, text_encoder=encoder, **strict)) == ["/near0.jpg", "/near1.jpg"]
    with make_index(tmp_path / "far.db", far) as index:
        assert paths(search(index, text, text_encoder=encoder)) == []


def test_a_description_of_many_unknown_words_must_pass_the_floor_of_single_words(tmp_path):
    photos = [Photo("/a.jpg", None, embedding=look(0, 1, 20, 21))]
    encoder = OneHotEncoder("zebra", "robot")
    with make_index(tmp_path / "index.db", photos) as index:
        assert paths(search(index, "zebra robot qwertz asdfgh", text_encoder=encoder)) == ["/a.jpg"]
        encoder.similarity_floor = 0.9
        assert paths(search(index, "zebra robot qwertz asdfgh", text_encoder=encoder)) == []
        assert paths(search(index, "zebra robot qwertz asdfgh yxcvbn", text_encoder=encoder)) == []


def test_a_correction_in_a_description_counts_by_half(tmp_path):
    photos = [
        Photo("/as typed.jpg", None, embedding=look(0, 1, 2)),
        Photo("/between.jpg", None, embedding=look(0, 1, 2, 3)),
        Photo("/drum.jpg", "a drum", embedding=look(3, 8)),
    ]
    encoder = OneHotEncoder("zebra", "robot", "lamp", "drums")
    with make_index(tmp_path / "index.db", photos) as index:
        result = search(index, "zebra robot lamp drumss", text_encoder=encoder)
        assert result.remarks == ("showing drums (no photo has drumss)",)
        assert paths(result)[0] == "/between.jpg"
        assert result.hits[0].similarity < 1


def test_a_plain_or_and_no_leave_a_description_one(tmp_path):
    photos = [
        Photo("/a.jpg", "a lamp", embedding=look(0, 1, 2, 3)),
        Photo("/b.jpg", "a drum", embedding=look(0, 1, 2, 3)),
    ]
    encoder = OneHotEncoder("zebra", "robot", "lamp", "kiwi")
    with make_index(tmp_path / "index.db", photos) as index:
        assert paths(search(index, "a zebra or robot near lamp, kiwi, no drum", text_encoder=encoder)) == ["/a.jpg"]
        assert paths(search(index, "zebra OR robot lamp kiwi -drum", text_encoder=encoder)) == []


def test_the_scan_finds_what_exact_products_find(tmp_path, monkeypatch):
    generator = np.random.default_rng(3)
    # Pictures in clusters, as photos are; the query lies near one of them.
    centres = unit(generator.normal(size=(40, 256)))
    vectors = unit(centres[generator.integers(40, size=3_000)] + generator.normal(size=(3_000, 256)) * 0.06)
    query = unit(centres[5] + generator.normal(size=256) * 0.08).astype(np.float32)
    photos = [Photo(f"/{n}.jpg", None, embedding=vector.astype("<f2").tobytes()) for n, vector in enumerate(vectors)]
    with make_index(tmp_path / "index.db", photos) as index:
        exact = nearest(index, query, 20)
        products = vectors.astype("<f2").astype(np.float32) @ query
        assert [id_ for id_, _ in exact] == (np.argsort(-products)[:20] + 1).tolist()
        assert exact == cosines(index, query, range(1, 3_001))[:20]
        monkeypatch.setattr("photocap.search.vector_search._CANDIDATES", 400)
        monkeypatch.setattr("photocap.search.vector_search._SHORTLIST", 100)
        shortlisted = [id_ for id_, _ in nearest(index, query, 20)]
        assert len(set(shortlisted) & {id_ for id_, _ in exact}) >= 18


def test_a_word_that_the_model_does_not_know_is_said_but_no_year_or_month(tmp_path):
    with make_index(tmp_path / "index.db", [Photo("/2019/a.jpg", "a zebra")]) as index:
        encoder = OneHotEncoder("zebra")
        for date in ("2019", "July", "july 2019"):
            assert search(index, f"zebra {date}", text_encoder=encoder).remarks == ()
        assert search(index, "zebra zilch", text_encoder=encoder).remarks == ("the model does not know: zilch",)


def test_embeddings_of_another_length_are_left_alone(tmp_path):
    photos = [Photo("/a.jpg", "a man", embedding=np.ones(128, "<f2").tobytes())]
    with make_index(tmp_path / "index.db", photos) as index:
        assert paths(search(index, "zebra", text_encoder=OneHotEncoder("zebra"))) == []
