"""Captioned pictures in tar and Parquet shards."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest

from photocap.datasets.sources import CaptionSet, read_caption_source
from photocap.errors import CaptionFileError


def make_tar(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def captions_of(source: CaptionSet) -> list[tuple[bytes, str]]:
    return [((source.images / row.image).read_bytes(), row.caption) for row in source.table.rows]


def test_the_members_of_a_tar_that_share_a_name_are_a_sample(tmp_path):
    make_tar(
        tmp_path / "shards-000.tar",
        {
            "a/1.jpg": b"one",
            "a/1.txt": b"a dog\nthe dog",
            "a/2.json": json.dumps({"caption": "a cat", "url": "x"}).encode(),
            "a/2.png": b"two",
            "a/3.txt": b"no picture",
            "a/4.jpg": b"no caption",
            "a/5.jpg": b"five",
            "a/5.json": b"not json",
        },
    )
    source = read_caption_source(tmp_path / "shards-000.tar", None, tmp_path / "extracted")
    assert captions_of(source) == [(b"one", "a dog"), (b"one", "the dog"), (b"two", "a cat")]
    assert len(source.table.problems) == 3


def test_a_folder_of_shards_is_read_in_order(tmp_path):
    folder = tmp_path / "shards"
    folder.mkdir()
    for number in (1, 0):
        make_tar(folder / f"{number}.tar", {"x.jpg": b"%d" % number, "x.txt": b"photo %d" % number})
    (folder / "_SUCCESS").touch()
    assert captions_of(read_caption_source(folder, None, tmp_path / "extracted")) == [
        (b"0", "photo 0"),
        (b"1", "photo 1"),
    ]


def test_names_inside_a_tar_never_become_names_on_disk(tmp_path):
    tar = make_tar(tmp_path / "x.tar", {"../../evil.jpg": b"x", "../../evil.txt": b"a dog", "/root/e.jpg": b"y"})
    source = read_caption_source(tar, None, tmp_path / "extracted")
    assert captions_of(source) == [(b"x", "a dog")]
    assert {path.name for path in tmp_path.iterdir()} == {"x.tar", "extracted"}


def test_parquet_rows_hold_pictures_or_name_them(tmp_path):
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = [
        {"image": {"bytes": b"one", "path": "1.jpg"}, "captions": ["a dog", "the dog"], "split": "dev"},
        {"image": {"bytes": b"two", "path": None}, "captions": ["a cat"], "split": "train"},
    ]
    parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "x.parquet")
    source = read_caption_source(tmp_path / "x.parquet", None, tmp_path / "extracted")
    assert captions_of(source) == [(b"one", "a dog"), (b"one", "the dog"), (b"two", "a cat")]
    assert [row.split for row in source.table.rows] == ["dev", "dev", "train"]


@pytest.mark.parametrize("name", ["x.tar", "x.parquet"])
def test_a_damaged_shard_is_named(tmp_path, name):
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    (tmp_path / name).write_bytes(b"nothing of the kind" * 100)
    with pytest.raises(CaptionFileError, match=name):
        read_caption_source(tmp_path / name, None, tmp_path / "extracted")


def test_a_folder_of_photos_with_an_archive_in_it_is_still_one_of_photos(tmp_path):
    make_tar(tmp_path / "backup.tar", {})
    (tmp_path / "photo.jpg").write_bytes(b"x")
    with pytest.raises(CaptionFileError, match="caption"):
        read_caption_source(tmp_path, None, tmp_path / "extracted")
