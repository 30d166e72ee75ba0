"""Two files of one picture with different words of persons: both are kept, both are found, and edits ask."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from fakes import FakeCaptioner
from metadata_files import description_property, xmp_segment
from PIL import Image

from photocap.index import PhotoIndex
from photocap.library.indexing import index_photos
from photocap.metadata import read_caption

Cli = Callable[..., Result]


class Library:
    """Files of one picture, each with words of its own, as other programs write them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.db = folder, folder / "index.db"

    def say(self, name: str, words: str) -> Path:
        path = self.folder / name
        buffer = io.BytesIO()
        Image.new("RGB", (20, 20), "red").save(buffer, "JPEG")
        data = buffer.getvalue()
        path.write_bytes(data[:2] + xmp_segment(properties=description_property(words)) + data[2:])
        return path

    def index(self) -> None:
        with PhotoIndex.open(self.db, create=True) as index:
            assert index_photos([self.folder], index, FakeCaptioner).exit_code == 0

    def caption(self, path: Path) -> str | None:
        with PhotoIndex.open(self.db, read_only=True) as index:
            row = index.photos.get(path)
        assert row is not None
        return row.caption


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Library:
    library = Library(tmp_path)
    monkeypatch.setenv("PHOTOCAP_DB", str(library.db))
    return library


def found(cli: Cli, word: str) -> set[str]:
    output = cli("search", word).stdout
    return {name for name in ("mine.jpg", "other.jpg") if name in output}


def test_both_are_kept_and_found(cli: Cli, library: Library) -> None:
    files = {library.say("mine.jpg", "Annas sofa"), library.say("other.jpg", "Bens sofa")}
    before = {path: path.read_bytes() for path in files}
    library.index()
    assert {path: path.read_bytes() for path in files} == before
    assert (found(cli, "Annas"), found(cli, "Bens")) == ({"mine.jpg"}, {"mine.jpg", "other.jpg"})


def test_edit_names_the_other_and_leaves_it(cli: Cli, library: Library) -> None:
    mine, other = library.say("mine.jpg", "Annas sofa"), library.say("other.jpg", "Bens sofa")
    library.index()
    done = cli("edit", mine, "Evas sofa")
    assert done.exit_code == 0, done.output
    assert f"{other}: a person says: Bens sofa" in done.stderr
    assert "--all-copies" in done.stderr
    assert f'{other}: "Bens sofa" stays' in done.stderr
    assert (read_caption(mine).text, read_caption(other).text) == ("Evas sofa", "Bens sofa")
    assert (found(cli, "Evas"), found(cli, "Bens")) == ({"mine.jpg", "other.jpg"}, {"other.jpg"})
    assert found(cli, "Annas") == set()  # those words are gone
    other.touch()
    library.index()
    assert library.caption(mine) == "Evas sofa"  # the other copy says nothing new
    library.say("other.jpg", "Ninas sofa")
    library.index()
    assert library.caption(mine) == "Ninas sofa"  # and now it does
    assert read_caption(mine).text == "Evas sofa"


def test_edit_of_all_copies(cli: Cli, library: Library) -> None:
    mine, other = library.say("mine.jpg", "Annas sofa"), library.say("other.jpg", "Bens sofa")
    before = other.read_bytes()
    library.index()
    assert cli("edit", mine, "Evas sofa", "--all-copies", "--dry-run").exit_code == 0
    assert other.read_bytes() == before
    assert cli("edit", mine, "Evas sofa", "--all-copies").exit_code == 0
    assert (read_caption(mine).text, read_caption(other).text) == ("Evas sofa", "Evas sofa")
    assert cli("restore", other).exit_code == 0
    assert other.read_bytes() == before


def test_a_copy_with_the_same_words_follows_unasked(cli: Cli, library: Library) -> None:
    mine, other = library.say("mine.jpg", "Annas sofa"), library.say("other.jpg", "Annas sofa")
    library.index()
    done = cli("edit", mine, "Evas sofa")
    assert "a person says" not in done.stderr
    assert (read_caption(mine).text, read_caption(other).text) == ("Evas sofa", "Evas sofa")
