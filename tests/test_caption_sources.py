import subprocess
import sys

import pytest
from PIL import Image

from photocap.datasets import sources
from photocap.datasets.sources import read_caption_source, read_library
from photocap.errors import CaptionFileError
from photocap.index import CaptionRecord, PhotoIndex, PhotoRecord
from photocap.records import CaptionSource


def test_a_caption_file_and_its_images(tmp_path):
    (tmp_path / "captions.csv").write_text("image,caption\n1.jpg,a dog\n")
    source = read_caption_source(tmp_path / "captions.csv", None, tmp_path / "extracted")
    assert [row.caption for row in source.table.rows] == ["a dog"]
    assert source.images == tmp_path
    elsewhere = read_caption_source(tmp_path / "captions.csv", tmp_path / "elsewhere", tmp_path / "extracted")
    assert elsewhere.images == tmp_path / "elsewhere"


@pytest.fixture
def library(tmp_path):
    """Photos captioned by a person, by nobody and by a camera, and one that is no picture."""
    folder = tmp_path / "library"
    (folder / "2024").mkdir(parents=True)
    for name, words in {
        "2024/own.jpg": "Rex on\n the beach",
        "none.jpg": None,
        "junk.jpg": "OLYMPUS DIGITAL CAMERA",
    }.items():
        exif = Image.Exif()
        if words:
            exif[0x010E] = words  # ImageDescription
        Image.new("RGB", (8, 8)).save(folder / name, exif=exif)
    return folder


def test_photos_teach_what_persons_wrote(library, tmp_path):
    source = read_caption_source(library, None, tmp_path / "extracted")
    assert [(row.image, row.caption) for row in source.table.rows] == [("2024/own.jpg", "Rex on the beach")]
    assert (source.images / "2024" / "own.jpg").is_file()


def test_photos_without_captions_are_one_clear_error(library, tmp_path):
    (library / "2024" / "own.jpg").unlink()
    with pytest.raises(CaptionFileError, match="by a person"):
        read_caption_source(library, None, tmp_path / "extracted")


def test_a_library_teaches_what_persons_wrote_or_accepted(tmp_path):
    db = tmp_path / "index.db"
    with PhotoIndex.open(db, create=True) as index:
        run = index.runs.start("test")
        for name, caption in {
            "own \udce9.jpg": CaptionRecord(text="Rex on the beach", source=CaptionSource.PERSON),
            "model.jpg": CaptionRecord(
                text="a dog", source=CaptionSource.MODEL, model_id="base", weights_sha256="0" * 64, confidence=0.7
            ),
        }.items():
            index.record_batch(
                run,
                [
                    PhotoRecord(
                        path=tmp_path / name, size_bytes=1, mtime_ns=1, picture_hash=ascii(name), caption=caption
                    )
                ],
            )
    source = read_library(db)
    assert [(row.image, row.caption) for row in source.table.rows] == [
        (f"{tmp_path}/own \udce9.jpg", "Rex on the beach")
    ]


def test_a_library_without_own_captions_is_one_clear_error(tmp_path):
    with PhotoIndex.open(tmp_path / "index.db", create=True):
        pass
    with pytest.raises(CaptionFileError, match=r"by a person.*photocap edit"):
        read_library(tmp_path / "index.db")


def test_a_data_set_without_its_package_is_one_clear_error(tmp_path, monkeypatch):
    (tmp_path / "dataset_info.json").write_text("{}")
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(CaptionFileError, match="pip install datasets"):
        read_caption_source(tmp_path, None, tmp_path / "extracted")


class FakePart:
    """What `datasets` gives for one split, as far as it is looked at."""

    column_names = ("image", "caption_0", "caption_1")

    def __init__(self, rows):
        self.data = self
        self._rows = rows

    def to_batches(self):
        return [FakePart(self._rows[:2]), FakePart(self._rows[2:])]

    def to_pylist(self):
        return self._rows


@pytest.mark.parametrize("split", ["train", "validation"])
def test_rows_of_a_data_set(tmp_path, monkeypatch, split):
    (tmp_path / "dataset_dict.json").write_text("{}")
    part = FakePart(
        [
            {"image": {"bytes": b"one", "path": "1.png"}, "caption_0": "a dog", "caption_1": ["the dog", "Rex"]},
            {"image": {"bytes": b"one", "path": None}, "caption_0": "same picture", "caption_1": []},
            {"image": {"bytes": None, "path": None}, "caption_0": "no picture", "caption_1": []},
            {"image": {"bytes": b"two", "path": "2.jpg"}, "caption_0": 7, "caption_1": []},
            {"image": {"bytes": None, "path": str(tmp_path / "3.jpg")}, "caption_0": "outside", "caption_1": []},
        ]
    )
    fake = type("datasets", (), {"load_from_disk": staticmethod(lambda _: {split: part})})
    monkeypatch.setattr(sources.importlib, "import_module", lambda _: fake)
    source = read_caption_source(tmp_path, None, tmp_path / "extracted")
    assert [row.caption for row in source.table.rows] == ["a dog", "the dog", "Rex", "same picture", "outside"]
    assert {row.split for row in source.table.rows} == {"train" if split == "train" else "dev"}
    assert [problem.line for problem in source.table.problems] == [3, 4]
    first, *_, outside = source.table.rows
    assert (source.images / first.image).read_bytes() == b"one"
    assert outside.image == str(tmp_path / "3.jpg")


def test_a_real_data_set_on_disk(tmp_path):
    """In a process of its own: what `datasets` imports and warns of is not ours to judge."""
    pytest.importorskip("datasets", reason="datasets is not installed", exc_type=ImportError)
    code = f"""
import datasets
import pyarrow
from datasets.table import InMemoryTable
from pathlib import Path
from PIL import Image
from photocap.datasets.sources import read_caption_source

folder = Path({str(tmp_path)!r})
Image.new("RGB", (8, 8), "red").save(folder / "red.png")
Image.new("RGB", (8, 8), "blue").save(folder / "blue.png")

def part(name, captions):
    text = datasets.Value("string")
    features = datasets.Features(image=datasets.Image(), caption=[text] if isinstance(captions, list) else text)
    picture = {{"bytes": (folder / name).read_bytes(), "path": name}}
    table = pyarrow.table({{"image": [picture], "caption": [captions]}}, schema=features.arrow_schema)
    # A fingerprint of our own: `datasets` 5.2 cannot make one beside pyarrow 26.
    return datasets.Dataset(InMemoryTable(table), datasets.DatasetInfo(features=features), fingerprint=name)

data = datasets.DatasetDict(train=part("red.png", ["a red wall", "red"]), test=part("blue.png", "the blue sky"))
data.save_to_disk(str(folder / "data"))
source = read_caption_source(folder / "data", None, folder / "extracted")
print([(row.caption, row.split) for row in source.table.rows])
print(all(Image.open(source.images / row.image).size == (8, 8) for row in source.table.rows))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    rows, readable = done.stdout.splitlines()[-2:]
    assert rows == "[('a red wall', 'train'), ('red', 'train'), ('the blue sky', 'test')]"
    assert readable == "True"
