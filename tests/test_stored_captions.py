"""Captions of a batch run or an export, brought into a library by `index --captions`: no model is loaded."""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from fakes import COLOURS, FakeCaptioner
from PIL import Image

if importlib.util.find_spec("pyarrow") is None:
    pytest.skip("batch needs the extra `ray`, which is not installed", allow_module_level=True)

import numpy as np
import pyarrow.parquet as pq

from photocap.errors import ReadError
from photocap.index import PhotoIndex
from photocap.library.batch import Output, StoredCaptions
from photocap.library.batch.stages import SCHEMA, CaptionStage, ReadStage
from photocap.metadata import Origin, read_caption
from photocap.photos import picture_hash
from photocap.records import Caption, CaptionSource, HashKind, Label

SPACE = "space-1"


class SeeingCaptioner(FakeCaptioner):
    """Also places pictures in a joint space and gives labels."""

    space_id = SPACE

    def caption_batch(self, images: Sequence[Image.Image]) -> list[Caption]:
        captions = super().caption_batch(images)
        embedding = np.linspace(-1, 1, 16, dtype="<f2").tobytes()
        return [
            Caption(text=c.text, confidence=c.confidence, embedding=embedding, labels=(Label("wall", 0.75),))
            for c in captions
        ]


@pytest.fixture(autouse=True)
def no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise AssertionError("the model was loaded")

    monkeypatch.setattr("photocap.captioning.registry.load_captioner", fail)


def make_photos(folder: Path, count: int = 5) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number:03}.jpg" for number in range(count)]
    for number, path in enumerate(paths):
        Image.new("RGB", (40 + number, 30), list(COLOURS.values())[number]).save(path)
    return paths


def store(output: Path, photos: Sequence[Path], captioner: type[FakeCaptioner] = SeeingCaptioner, rows: int = 2) -> str:
    """Caption photos into shards as a batch run does, a few rows in each."""
    target = Output(str(output))
    target.begin({"model_id": captioner.model_id, "weights_sha256": captioner.weights_sha256}, resume=False)
    import pyarrow as pa

    for number in range(0, len(photos), rows):
        listed = [{"uri": str(p), "size_bytes": 1, "version": "", "shard": "x"} for p in photos[number : number + rows]]
        block = CaptionStage(captioner)(ReadStage(4096, 2, 10)(pa.Table.from_pylist(listed)))
        target.write_shard(f"part-001-{number:08}.parquet", block.select(SCHEMA.names).cast(SCHEMA))
    target.finish()
    return str(output)


@pytest.fixture
def library(tmp_path: Path) -> Path:
    return make_photos(tmp_path / "photos")[0].parent


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "index.db"


def indexed(db: Path) -> dict[str, Any]:
    with PhotoIndex.open(db, read_only=True) as index:
        return {photo.path.name: photo for photo in index.photos.all()}


def test_captions_come_into_index_and_files(cli, library: Path, db: Path, tmp_path: Path) -> None:
    captions = store(tmp_path / "out", sorted(library.iterdir()))
    done = cli("index", library, "--captions", captions, "--db", db, "--json")
    assert done.exit_code == 0, done.output
    first = json.loads(done.stdout.splitlines()[0])
    assert (first["caption"], first["confidence"]) == ("a red photo 40 by 30", 0.4)
    photos = indexed(db)
    assert len(photos) == 5
    assert {(p.source, p.model_id) for p in photos.values()} == {(CaptionSource.MODEL, FakeCaptioner.model_id)}
    found = read_caption(library / "002.jpg")
    assert (found.text, found.origin, found.model_id) == (
        "a lime photo 42 by 30",
        Origin.PHOTOCAP,
        FakeCaptioner.model_id,
    )
    with PhotoIndex.open(db, read_only=True) as index:
        picture_id = index.photos.picture_id(photos["000.jpg"].id)
        assert index.embeddings.space_id() == SPACE
        assert len(index.embeddings.get([picture_id])[picture_id]) == 32
        assert index.photos.labels(picture_id) == [("wall", 0.75)]
        (version,) = index.captions.history(photos["000.jpg"].picture_hash)
        assert version.weights_sha256 == FakeCaptioner.weights_sha256
    again = cli("index", library, "--captions", captions, "--db", db)
    assert again.stderr == "5 unchanged\n"


def test_files_may_have_moved_and_have_other_metadata(cli, library: Path, db: Path, tmp_path: Path) -> None:
    captions = store(tmp_path / "out", sorted(library.iterdir()))
    moved = tmp_path / "elsewhere"
    shutil.move(library, moved)
    (moved / "000.jpg").rename(moved / "new name.jpg")
    with Image.open(moved / "001.jpg") as image:
        exif = image.getexif()
    exif[0x010F] = "A camera"
    import piexif

    piexif.insert(exif.tobytes(), str(moved / "001.jpg"))
    assert cli("index", moved, "--captions", captions, "--db", db).exit_code == 0
    assert indexed(db)["new name.jpg"].caption == "a red photo 40 by 30"
    assert indexed(db)["001.jpg"].caption == "a green photo 41 by 30"


def test_a_picture_that_they_lack_fails_and_is_tried_again(cli, library: Path, db: Path, tmp_path: Path) -> None:
    photos = sorted(library.iterdir())
    shutil.copy(photos[4], library / "copy.jpg")
    done = cli("index", library, "--captions", store(tmp_path / "out", photos[:4]), "--db", db)
    assert done.exit_code == 3
    assert done.stderr.count("the captions hold none for this picture") == 2
    assert "4 captioned, 2 failed" in done.stderr
    assert set(indexed(db)) == {path.name for path in photos[:4]}
    done = cli("index", library, "--captions", store(tmp_path / "all", photos), "--db", db)
    assert (done.exit_code, done.stderr) == (0, "2 captioned, 4 unchanged\n")


def test_a_picture_without_a_caption_there_is_one_they_lack(cli, library: Path, db: Path, tmp_path: Path) -> None:
    (library / "bad.jpg").write_bytes(b"\xff\xd8\xff no picture")
    captions = store(tmp_path / "out", [library / "bad.jpg", *sorted(library.glob("0*"))])
    assert "5 captioned, 1 failed" in cli("index", library, "--captions", captions, "--db", db).stderr


def test_a_person_s_caption_is_kept(cli, library: Path, db: Path, tmp_path: Path) -> None:
    captions = store(tmp_path / "out", sorted(library.iterdir()))
    image = Image.open(library / "000.jpg")
    exif = image.getexif()
    exif[0x010E] = "Anna at the lake"
    image.save(library / "000.jpg", exif=exif, quality="keep")
    before = (library / "000.jpg").read_bytes()
    captions = store(tmp_path / "again", sorted(library.iterdir()))
    assert cli("index", library, "--captions", captions, "--db", db).exit_code == 0
    row = indexed(db)["000.jpg"]
    assert (row.caption, row.source) == ("Anna at the lake", CaptionSource.PERSON)
    assert (library / "000.jpg").read_bytes() == before
    with PhotoIndex.open(db, read_only=True) as index:  # yet what the picture looks like is known
        assert index.embeddings.get([index.photos.picture_id(row.id)])


def test_an_export_brings_persons_words_as_such(cli, library: Path, db: Path, tmp_path: Path) -> None:
    captions = store(tmp_path / "out", sorted(library.iterdir()))
    assert cli("index", library, "--captions", captions, "--db", db, "--metadata", "none").exit_code == 0
    edited = cli("edit", library / "001.jpg", "Rex in the grass", "--db", db, "--metadata", "none")
    assert edited.exit_code == 0, edited.output
    assert cli("export", "--parquet", tmp_path / "export", "--db", db).exit_code == 0
    other = tmp_path / "other.db"
    done = cli("index", library, "--captions", tmp_path / "export", "--db", other)
    assert done.exit_code == 0, done.output
    row = indexed(other)["001.jpg"]
    assert (row.caption, row.source) == ("Rex in the grass", CaptionSource.PERSON)
    assert read_caption(library / "001.jpg").origin is Origin.PERSON
    assert read_caption(library / "000.jpg").origin is Origin.PHOTOCAP
    refused = cli("index", library, "--captions", tmp_path / "export", "--db", other, "--recaption")
    assert refused.exit_code == 2


def test_recaption_takes_the_captions_of_another_model(cli, library: Path, db: Path, tmp_path: Path) -> None:
    class Better(SeeingCaptioner):
        model_id = "better@111111111111"
        weights_sha256 = "1" * 64

        def caption_batch(self, images: Sequence[Image.Image]) -> list[Caption]:
            return [
                Caption(text=f"better: {c.text}", confidence=c.confidence, embedding=c.embedding)
                for c in super().caption_batch(images)
            ]

    photos = sorted(library.iterdir())
    assert cli("index", library, "--captions", store(tmp_path / "a", photos), "--db", db).exit_code == 0
    better = store(tmp_path / "b", photos, Better)
    assert cli("index", library, "--captions", better, "--db", db).stderr == "5 unchanged\n"
    assert cli("index", library, "--captions", better, "--db", db, "--recaption").stderr == "5 captioned\n"
    assert read_caption(photos[0]).text == "better: a red photo 40 by 30"
    assert cli("index", library, "--captions", better, "--db", db, "--recaption").stderr == "5 unchanged\n"


def test_embeddings_of_another_space_do_not_drop_those_of_the_index(
    cli, library: Path, db: Path, tmp_path: Path
) -> None:
    captions = store(tmp_path / "out", sorted(library.iterdir()))
    with PhotoIndex.open(db, create=True) as index:
        index.embeddings.set_space("of the index")
    assert cli("index", library, "--captions", captions, "--db", db).exit_code == 0
    with PhotoIndex.open(db, read_only=True) as index:
        assert index.embeddings.space_id() == "of the index"
        assert list(index.embeddings.all()) == []


def test_a_dry_run_shows_and_changes_nothing(cli, library: Path, db: Path, tmp_path: Path) -> None:
    captions = store(tmp_path / "out", sorted(library.iterdir()))
    before = {path: path.read_bytes() for path in library.iterdir()}
    done = cli("index", library, "--captions", captions, "--db", db, "--dry-run")
    assert (done.exit_code, "a red photo 40 by 30" in done.stdout) == (0, True)
    assert {path: path.read_bytes() for path in library.iterdir()} == before
    assert not db.exists()


def test_what_holds_no_captions_is_named(cli, library: Path, db: Path, tmp_path: Path) -> None:
    for place in (tmp_path / "nowhere", library):
        done = cli("index", library, "--captions", place, "--db", db)
        assert done.exit_code == 1
        assert "holds no captions of photocap" in done.stderr
    (tmp_path / "out").mkdir()
    captions = store(tmp_path / "out", sorted(library.iterdir()))
    shard = tmp_path / "out" / "part-001-00000000.parquet"
    shard.write_bytes(b"PAR1 damaged")
    done = cli("index", library, "--captions", captions, "--db", db)
    assert (done.exit_code, str(shard) in done.stderr) == (1, True)


def test_captions_of_an_older_photocap_are_found_though_it_hashed_otherwise(
    cli, library: Path, db: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hashed_as_then(path: Path) -> str:
        return picture_hash(path, kind=HashKind.SHA256 if path.name < "003" else HashKind.BLAKE3)

    with monkeypatch.context() as patched:
        patched.setattr("photocap.library.batch.stages.picture_hash", hashed_as_then)
        captions = store(tmp_path / "out", sorted(library.iterdir()))  # begun then, gone on with today
    done = cli("index", library, "--captions", captions, "--db", db)
    assert done.exit_code == 0, done.output
    assert {photo.caption for photo in indexed(db).values()} == {
        f"a {colour} photo {40 + number} by 30" for number, colour in enumerate(list(COLOURS)[:5])
    }
    assert {HashKind.of(photo.picture_hash) for photo in indexed(db).values()} == {HashKind.BLAKE3}


def hash_by(photo: Path, kind: HashKind) -> str:
    return picture_hash(photo, kind=kind)


def test_a_row_is_found_among_many_shards(tmp_path: Path) -> None:
    photos = make_photos(tmp_path / "photos", 10)
    stored = StoredCaptions(store(tmp_path / "out", [*photos, photos[3]], rows=1))
    for photo in photos:
        found = stored.get(partial(hash_by, photo))
        assert found.caption.text.endswith(f"{40 + photos.index(photo)} by 30")
    assert stored.get(lambda kind: "0" * kind.value) is None
    assert stored.space_id == SPACE


def test_a_shard_without_our_columns_is_named(tmp_path: Path) -> None:
    store(tmp_path / "out", make_photos(tmp_path / "photos", 2))
    import pyarrow as pa

    pq.write_table(pa.table({"x": [1]}), tmp_path / "out" / "strange.parquet")
    with pytest.raises(ReadError, match=r"strange\.parquet: is no shard"):
        StoredCaptions(str(tmp_path / "out"))
