import json
import sqlite3
from contextlib import closing
from importlib.util import find_spec

import pytest
from test_index import record

from photocap.index import PhotoIndex


@pytest.fixture
def examine(cli, tmp_path):
    """Run the doctor: examine(...) -> exit code and findings by subject."""

    def run(*arguments):
        result = cli("doctor", "--json", "--db", tmp_path / "index.db", *arguments)
        return result.exit_code, {f["subject"]: f for f in map(json.loads, result.stdout.splitlines())}

    return run


def test_what_works_here(examine):
    exit_code, found = examine()
    assert exit_code == 0, found
    assert found["engine"]["text"].startswith(("onnx, ", "torch, "))
    assert found["model"]["text"].startswith("photocap-base@")
    assert "full-text" in found["SQLite"]["text"]
    assert found["JPEG"]["ok"]
    assert found["index"]["ok"] is None
    assert "photocap index" in found["index"]["text"]


def test_a_sound_index_is_called_so_and_left_as_it_is(examine, tmp_path):
    PhotoIndex.open(tmp_path / "index.db", create=True).close()
    before = (tmp_path / "index.db").read_bytes()
    exit_code, found = examine()
    assert (exit_code, found["index"]["ok"]) == (0, True)
    assert (tmp_path / "index.db").read_bytes() == before


HARMS = {
    "photo_fts": "DELETE FROM photo_fts_docsize WHERE id = 1",
    "word_trigram": "INSERT INTO word (word) VALUES ('nowhere')",
    "path_trigram": "UPDATE path_trigram_data SET block = zeroblob(100) WHERE id > 10",
    "unspaced_trigram": "DELETE FROM unspaced_trigram_docsize",
}


@pytest.fixture
def two_photos(tmp_path):
    """Return an index of two photos."""
    with PhotoIndex.open(tmp_path / "index.db", create=True) as index:
        index.record_batch(index.runs.start("test"), [record("/a.jpg", "a dog"), record("/東京.jpg", "a cat")])
    return tmp_path / "index.db"


def test_sound_text_indexes_are_compared_and_left_as_they_are(examine, two_photos):
    before = two_photos.read_bytes()
    with closing(sqlite3.connect(two_photos)) as writer:
        writer.execute("BEGIN IMMEDIATE")  # another may write meanwhile
        exit_code, found = examine()
    assert (exit_code, found["index"]["ok"]) == (0, True)
    assert two_photos.read_bytes() == before


@pytest.mark.parametrize("name", HARMS)
def test_a_text_index_that_does_not_hold_what_it_should_is_found(examine, two_photos, name):
    with closing(sqlite3.connect(two_photos)) as connection, connection:
        connection.execute("DROP TRIGGER word_inserted")
        connection.execute(HARMS[name])
    exit_code, found = examine()
    assert (exit_code, found["index"]["ok"]) == (1, False)
    assert f"damaged ({name}: " in found["index"]["text"]


def test_a_damaged_index_and_a_missing_model_are_found(examine, tmp_path):
    (tmp_path / "index.db").write_bytes(b"no database" * 100)
    (tmp_path / "no model").mkdir()
    exit_code, found = examine("--model", tmp_path / "no model")
    assert exit_code == 1
    assert found["index"]["ok"] is False
    assert found["model"]["ok"] is False
    assert found["engine"]["ok"] is False


def test_a_device_that_is_not_there_is_one_finding(examine):
    exit_code, found = examine("--device", "mps")
    if not found["engine"]["ok"]:
        assert exit_code == 1
        way_out = "--device auto" if find_spec("torch") else "photocap[torch]"
        assert way_out in found["engine"]["text"]
    assert found["JPEG"]["ok"]


def test_for_people_it_is_a_line_each(cli):
    assert "ok   SQLite" in cli("doctor").stdout
