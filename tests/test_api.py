"""The public API: light to import, documented, and its examples work."""

from __future__ import annotations

import doctest
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import REPOSITORY
from fakes import FakeCaptioner
from PIL import Image
from sample_photos import copy_sample_photos

import photocap
from photocap.records import CaptionSource, Written

PAGE = REPOSITORY / "docs" / "python-api.md"
HEAVY = {"PIL", "click", "importlib.metadata", "numpy", "onnxruntime", "rich", "sqlite3", "torch", "transformers"}


def test_importing_it_imports_nothing_heavy() -> None:
    code = f"import photocap, sys; print(sorted({HEAVY} & set(sys.modules)), 'photocap.errors' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[] False\n"


def test_no_public_name_imports_torch() -> None:
    code = (
        "import photocap, sys\n"
        "for name in photocap.__all__: getattr(photocap, name)\n"
        "print(sorted({'torch', 'transformers', 'onnxruntime'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"


def test_every_public_name_is_on_its_page_and_exists() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for name in photocap.__all__:
        assert hasattr(photocap, name), name
        assert re.search(rf"[`=.]{name}\b", text), name
    assert dir(photocap) == photocap.__all__ == sorted(photocap.__all__)
    kinds = [kind for kind in vars(photocap.errors).values() if isinstance(kind, type)]
    assert {kind.__name__ for kind in kinds if issubclass(kind, photocap.PhotocapError)} <= set(photocap.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        photocap.nothing  # noqa: B018


def test_search_is_a_function_whatever_was_imported_before() -> None:
    code = "import photocap.search.search, photocap; print(callable(photocap.search))"
    for first in ("", "import photocap; photocap.search; "):
        done = subprocess.run([sys.executable, "-c", first + code], capture_output=True, text=True, timeout=60)
        assert done.stdout == "True\n", done.stderr


def test_the_examples_of_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy_sample_photos(tmp_path / "photos")
    monkeypatch.chdir(tmp_path)
    result = doctest.testfile(str(PAGE), module_relative=False, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.attempted > 20
    assert result.failed == 0


def test_the_repr_of_a_caption_leaves_the_bytes_out() -> None:
    text = repr(photocap.Caption("A dog.", 0.5, embedding=bytes(512), label_probabilities=(0.1,) * 80))
    assert text == "Caption(text='A dog.', confidence=0.5, labels=(), words=())"


@pytest.fixture
def captioner() -> photocap.Captioner:
    return photocap.Captioner(FakeCaptioner(batch_size=2))


def test_paths_and_pictures_are_captioned_alike(captioner: photocap.Captioner, tmp_path: Path) -> None:
    path = tmp_path / "turned.png"
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = Image.new("RGBA", (40, 30), (255, 0, 0, 255))
    picture.save(path, exif=exif)
    with Image.open(path) as opened:
        captions = captioner.caption([path, str(path), opened, Image.new("L", (40, 30), 0)])
        assert opened.size == (40, 30)
    texts = [caption.text for caption in captions]
    assert texts == [*["a red photo 30 by 40"] * 3, "a black photo 40 by 30"]
    assert repr(captioner) == "<Captioner fake@000000000000>"


def test_a_picture_that_is_no_list_is_refused(captioner: photocap.Captioner, tmp_path: Path) -> None:
    for one in ("a.jpg", tmp_path / "a.jpg", Image.new("RGB", (4, 4))):
        with pytest.raises(TypeError, match="give a list"):
            captioner.caption(one)


def test_words_on_a_photo_that_the_index_does_not_know(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Image.new("RGB", (40, 30), "red").save(path)
    before = path.read_bytes()
    with photocap.PhotoIndex.open(str(tmp_path / "index.db"), create=True) as index:
        (file,) = photocap.write_caption(index, path, " My words ")
        assert (file.written, file.error) == (Written.EMBEDDED, "")
        row = index.photos.get(path)
        assert (row.caption, row.source) == ("My words", CaptionSource.PERSON)
        assert photocap.read_caption(str(path)).text == "My words"
        photocap.write_caption(index, path, "Others")
        assert [hit.photo.caption for hit in photocap.search(index, "others").hits] == ["Others"]
        assert [version.text for version in index.captions.history(row.picture_hash)] == ["My words", "Others"]
        report = photocap.index_photos([str(tmp_path)], index, lambda: pytest.fail("no model is needed"))
        assert report.summary == "1 unchanged"
        assert [each.is_restored for each in photocap.restore(index, [str(path)])] == [True]
    assert path.read_bytes() == before


def test_words_on_what_is_no_photo(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("hello")
    with photocap.PhotoIndex.open(tmp_path / "index.db", create=True) as index:
        with pytest.raises(photocap.ReadError, match="this is a text file"):
            photocap.write_caption(index, tmp_path / "a.jpg", "words")
        with pytest.raises(photocap.ReadError):
            photocap.write_caption(index, tmp_path / "gone.jpg", "words")
        with pytest.raises(photocap.PhotocapError, match="empty"):
            photocap.write_caption(index, tmp_path / "a.jpg", " ")
