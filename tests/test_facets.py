"""The counts that the index keeps: after every kind of change they are what counting anew gives."""

import os
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest
from fakes import make_facts
from test_index import record
from test_old_indexes import VERSIONS, OldLibrary

from photocap.index import CaptionRecord, PhotoIndex, PhotoState
from photocap.records import CaptionSource, Label, Verdict
from photocap.search import find_matches

PENTAX = make_facts(taken=datetime(2019, 7, 3, 12), camera="PENTAX K-5")
CANON = make_facts(taken=datetime(2020, 1, 1, 12), camera="Canon EOS 80D")
DOG = (Label("dog", 0.9), Label("grass", 0.6))


def counted_anew(db):
    """Count every value of every facet, photo by photo."""
    found = {}
    with closing(sqlite3.connect(db)) as connection:
        connection.text_factory = os.fsdecode
        photos = connection.execute(
            "SELECT path, taken, camera_id, photo.picture_id, confidence, person_caption FROM photo"
            " LEFT JOIN picture ON picture.id = photo.picture_id WHERE state = 'present'"
        ).fetchall()
        for path, taken, camera, picture, confidence, person in photos:
            labels = connection.execute("SELECT label FROM picture_label WHERE picture_id = ?", (picture,)).fetchall()
            values = [("folder", f"{os.path.dirname(path)}/"), ("month", (taken or "")[:7])]
            values += [("camera", camera)] if camera else []
            values += [("confidence", int(confidence * 100))] if confidence is not None else []
            values += [("edited", 1)] if person is not None else []
            for value in [*values, *(("label", label) for (label,) in labels)]:
                found[value] = found.get(value, 0) + 1
    return found


def kept(db):
    with closing(sqlite3.connect(db)) as connection:
        connection.text_factory = os.fsdecode
        rows = connection.execute("SELECT facet, value, photos FROM facet_count WHERE photos <> 0").fetchall()
    return {(facet, value): photos for facet, value, photos in rows}


@pytest.fixture
def library(tmp_path):
    """Return an open index of some photos, two of them of one picture."""
    with PhotoIndex.open(tmp_path / "index.db", create=True) as index:
        run = index.runs.start("test")
        records = [
            record("/p/a/one.jpg", "a dog", "h1", facts=PENTAX, labels=DOG),
            record("/p/a/copy.jpg", None, "h1", facts=PENTAX),
            record("/p/b/two.jpg", "a cat", "h2", facts=CANON),
            record("/p/three.jpg", "a dog on a sofa", "h3"),
            record("/p/\udce9/\udc80.jpg", "a bird", "h4"),
        ]
        index.record_batch(run, records)
        assert kept(index.path) == counted_anew(index.path)
        yield index, run


def change_nothing(index, run):
    index.record_batch(run, [record("/p/a/one.jpg", "a dog", "h1", facts=PENTAX, labels=DOG)])


def change_facts(index, run):
    index.record_batch(run, [record("/p/a/one.jpg", "a dog", "h1", facts=CANON)])


def change_labels(index, run):
    labels = (Label("cat", 0.9), Label("cat", 0.8), Label("grass", 0.7))
    index.record_batch(run, [record("/p/a/one.jpg", "a dog", "h1", labels=labels)])


def change_picture(index, run):
    index.record_batch(run, [record("/p/a/one.jpg", "a sheep", "h5")])


def edit(index, run):
    words = CaptionRecord(text="Rex", source=CaptionSource.PERSON)
    index.captions.record(run, "h1", words, verdict=Verdict.EDITED)


def edit_and_reject(index, run):
    edit(index, run)
    index.captions.reject("h1")


def move(index, run):
    index.record_batch(run, [record("/q/one.jpg", None, "h1", moved_from=Path("/p/a/one.jpg"))])


def move_onto_another(index, run):
    index.record_batch(run, [record("/p/b/two.jpg", None, "h1", moved_from=Path("/p/a/one.jpg"))])


def fail(index, run):
    index.record_batch(run, [record("/p/a/one.jpg", None, "h1", state=PhotoState.FAILED, error="broken")])


def lose(index, run):
    index.scan.start()
    index.record_batch(run, [record("/p/three.jpg", None, "h3")])
    assert index.scan.mark_missing(Path("/p"))


def lose_and_prune(index, run):
    lose(index, run)
    assert index.photos.prune()


def lose_and_find(index, run):
    lose(index, run)
    index.record_batch(run, [record("/p/a/one.jpg", None, "h1"), record("/p/b/two.jpg", None, "h2")])


CHANGES = [
    change_nothing, change_facts, change_labels, change_picture, edit, edit_and_reject, move, move_onto_another, fail,
    lose, lose_and_prune, lose_and_find,
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_counts_follow_every_change(library, change):
    index, run = library
    before = kept(index.path)
    change(index, run)
    assert kept(index.path) == counted_anew(index.path)
    assert (kept(index.path) == before) == (change is change_nothing)


@pytest.mark.parametrize("version", VERSIONS)
def test_an_older_index_is_counted_when_it_is_upgraded(tmp_path, version):
    old = OldLibrary(version, tmp_path)
    with PhotoIndex.open(old.db) as index:
        assert index.facets.below(old.root) == 3
        assert index.facets.below(old.root / "sub") == 2
        assert index.facets.edited() == 1
    assert kept(old.db) == counted_anew(old.db)


def test_the_library_is_counted_by_every_facet(library):
    index, run = library
    edit(index, run)
    facets = index.facets
    assert facets.years() == [("2020", 1), ("2019", 2)]
    assert facets.cameras(9) == [("PENTAX K-5", 2), ("Canon EOS 80D", 1)]
    assert facets.labels(1) == [("dog", 2)]
    assert (facets.edited(), facets.confident(0.7, 0.71), facets.confident(0.71, 2)) == (2, 3, 0)
    assert [facets.below(Path(folder)) for folder in ("/p", "/p/a", "/p/three.jpg", "/")] == [5, 2, 0, 5]
    assert facets.below(Path("/p/\udce9")) == 1
    months = [(month.month, month.photos) for month in index.browse.months()]
    assert months == [("2020-01", 1), ("2019-07", 2), ("", 2)]
    assert index.browse.root() == Path("/p")


def test_photos_that_match_are_found_up_to_a_number(library):
    index, _ = library

    def found(text, at_most=9):
        matches = find_matches(index, text, at_most=at_most, page=1)
        return {row.path.name for row in index.photos.by_id(matches.photo_ids)}, matches.is_all

    assert found("dog") == ({"one.jpg", "copy.jpg", "three.jpg"}, True)
    assert found("dog", 3)[1]
    names, is_all = found("dog", 2)
    assert (len(names), is_all) == (2, False)
    assert found("camera:canon") == ({"two.jpg"}, True)
    assert found("sofs") == ({"three.jpg"}, True)  # a slip of the hand
    assert found("-") == (set(), True)
    assert found("puppy") == found("dog")  # another word for the same thing
