"""Labels that are not sure enough to be shown, but make a picture worth showing where one searches for them."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes import FakeCaptioner

from photocap.captioning.labels import LabelSet, label_named
from photocap.index import CaptionRecord, Condition, PhotoIndex, PhotoRecord
from photocap.library.indexing import IndexOptions, index_photos
from photocap.records import Label
from photocap.search import search

EVERY = Condition("photo.state = 'present'")


class Encoder:
    """Every word means the same place, which every picture is half as near as the floor."""

    similarity_floor = description_floor = 0.6
    words = ("cat", "cats", "window", "traffic", "lights", "red")

    def encode(self, text):
        return np.full(256, 1 / 16, np.float32) * bool(text)

    def similarity(self, cosine):
        return 0.3 * cosine


def record(name, caption, labels=(), likely=(), **values):
    return PhotoRecord(
        path=Path("/p", name),
        size_bytes=1,
        mtime_ns=1,
        picture_hash=name,
        caption=CaptionRecord(text=caption, confidence=0.5),
        embedding=np.full(256, 1 / 16).astype("<f2").tobytes(),
        labels=tuple(Label(*label) for label in labels),
        likely_labels=tuple(Label(*label) for label in likely),
        **values,
    )


@pytest.fixture
def index(tmp_path):
    with PhotoIndex.open(tmp_path / "index.db", create=True) as index:
        photos = [
            record("said.jpg", "A cat.", [("cat", 0.9)]),
            record("maybe.jpg", "A sofa.", likely=[("cat", 0.45), ("window", 0.5)]),
            record("likely.jpg", "A bed.", likely=[("cat", 0.7)]),
            record("none.jpg", "A tree."),
            record("street.jpg", "A street.", likely=[("traffic light", 0.8), ("light", 0.41)]),
        ]
        index.record_batch(index.runs.start("index"), photos)
        yield index


def names(index, text, **options):
    return [hit.photo.path.name for hit in search(index, text, text_encoder=Encoder(), **options).hits]


def test_likely_labels_fill_the_page_behind_the_words(index):
    assert names(index, "cat") == ["said.jpg", "likely.jpg", "maybe.jpg"]
    assert names(index, "cats") == ["said.jpg", "likely.jpg", "maybe.jpg"]
    assert names(index, "traffic lights") == ["street.jpg"]
    assert names(index, "a window") == ["maybe.jpg"]
    assert names(index, "red") == []


def test_the_similarity_of_a_hit_is_its_labels_probability(index):
    hits = search(index, "cat", text_encoder=Encoder()).hits
    assert [(hit.kind.value, hit.similarity) for hit in hits] == [("words", 0.9), ("alike", 0.7), ("alike", 0.45)]
    assert names(index, "cat", min_score=0.6) == ["said.jpg", "likely.jpg"]


def test_only_what_is_likelier_than_the_floor_where_nobody_looks(index):
    assert names(index, "cat", sure_only=True) == ["said.jpg", "likely.jpg"]


@pytest.mark.parametrize("text", ["cat window", "cat -window", "cat label:bed", '"cat"', "caption:cat"])
def test_where_it_is_no_label_that_is_asked_for(index, text):
    assert "likely.jpg" not in names(index, text)


def test_filters_and_words_only_hold(index):
    assert names(index, "cat path:maybe") == ["maybe.jpg"]
    assert names(index, "cat", words_only=True) == ["said.jpg"]


def test_new_labels_replace_the_old_ones_and_none_leave_them(index):
    run = index.runs.start("index")
    index.record_batch(run, [replace(record("likely.jpg", "A bed."), labels=None)])
    assert "likely.jpg" in names(index, "cat")
    index.record_batch(run, [record("likely.jpg", "A bed.", likely=[("window", 0.6)])])
    assert "likely.jpg" not in names(index, "cat")
    assert names(index, "window") == ["likely.jpg", "maybe.jpg"]


def test_a_picture_that_is_forgotten_leaves_no_labels_to_the_next(index):
    run = index.runs.start("index")
    index.record_batch(run, [record("last.jpg", "A door.", [("cat", 0.9)], [("window", 0.9)])])
    index.scan.start()
    index.scan.file_states(
        [Path("/p", name) for name in ("said.jpg", "maybe.jpg", "likely.jpg", "none.jpg", "street.jpg")]
    )
    index.scan.mark_missing(Path("/p"))
    index.photos.prune()
    index.record_batch(run, [replace(record("new.jpg", "A stone."), labels=None)])
    assert "new.jpg" not in names(index, "cat") + names(index, "window")
    assert index.photos.labels(index.photos.picture_id(index.photos.get(Path("/p/new.jpg")).id)) == []


def test_labels_between_likely_and_sure():
    labels = LabelSet(("cat", "dog", "sofa", "bed"), (0.9, 0.5, 2.0, 0.5), (0.0,) * 4)
    assert labels.likely((0.6, 0.7, 0.8, 0.3)) == (Label("sofa", 0.8), Label("cat", 0.6))


def test_a_text_that_is_a_label_and_nothing_besides():
    assert label_named("Traffic lights") == "traffic light"
    assert label_named("children") == "child"
    assert label_named("a cat") is label_named("cat dog") is label_named("") is None


class Seeing(FakeCaptioner):
    """Sees a window in every picture, perhaps."""

    def caption_batch(self, images):
        return [replace(c, likely_labels=(Label("window", 0.6),)) for c in super().caption_batch(images)]


def test_indexing_keeps_what_is_likely(tmp_path, sample_photos):
    shutil.copyfile(sample_photos[0], sample_photos[0].with_stem("copy"))
    with PhotoIndex.open(tmp_path / "index.db", create=True) as index:
        index_photos([sample_photos[0].parent], index, Seeing, IndexOptions(workers=1))
        found = index.likely_labels.photos_with("window", EVERY, at_least=0.5, limit=10)
        assert [match.score for match in found] == [0.6] * (len(sample_photos) + 1)
