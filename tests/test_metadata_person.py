"""A person's words in a file: unsigned, so that photocap keeps its hands off them."""

from __future__ import annotations

import pytest
from PIL import Image

from photocap.metadata import Origin, Overwrite, Signature, WritePolicy, prepare_write, read_caption, revert
from photocap.records import Written

MARKING = Signature("base", "1.0", 0.5, "2026-01-01T00:00:00Z")
ALL = WritePolicy(overwrite=Overwrite.ALL)


def write(path, text, marking, policy=ALL):
    prepared = prepare_write(path, text, marking=marking, policy=policy)
    prepared.commit()
    return prepared


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif", "gif"])
def test_a_persons_words_replace_photocaps_and_its_mark(tmp_path, suffix):
    path = tmp_path / f"photo.{suffix}"
    Image.new("RGB", (16, 16), "red").save(path)
    write(path, "a red photo", MARKING)
    assert read_caption(path).origin is Origin.PHOTOCAP
    prepared = write(path, "Anna's sofa, seen from near", None)
    assert prepared.written is (Written.SIDECAR if suffix == "gif" else Written.EMBEDDED)
    found = read_caption(path)
    assert (found.text, found.origin, found.agree) == ("Anna's sofa, seen from near", Origin.PERSON, True)
    again = write(path, "a red photo", MARKING, WritePolicy())
    assert again.reason == "a person's caption is kept"
    assert not write(path, "Anna's sofa, seen from near", None).changes_files


def test_photocaps_own_sentence_can_become_a_persons(tmp_path):
    path = tmp_path / "photo.jpg"
    Image.new("RGB", (16, 16), "red").save(path)
    write(path, "a red photo", MARKING)
    write(path, "a red photo", None)
    assert read_caption(path).origin is Origin.PERSON


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize("marking", [None, Signature("other", "1.1", 0.9, "2026-01-02T00:00:00Z")])
def test_a_second_write_can_be_taken_back_as_well(tmp_path, suffix, marking):
    path = tmp_path / f"photo.{suffix}"
    Image.new("RGB", (16, 16), "red").save(path)
    write(path, "a red photo", MARKING)
    before = path.read_bytes()
    (undo,) = write(path, "something else", marking).undo
    assert revert(undo, path.read_bytes()) == before
