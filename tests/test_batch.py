"""Captioning on a cluster: what `batch` writes is what `index` would, whatever fails on the way."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes import COLOURS, FakeCaptioner
from PIL import Image

from photocap.errors import PhotocapError, ReadError
from photocap.index import PhotoIndex
from photocap.library.indexing import IndexOptions, index_photos
from photocap.metadata import MetadataMode, WritePolicy

if not all(map(importlib.util.find_spec, ("pyarrow", "ray"))):
    pytest.skip("batch needs the extra `ray`, which is not installed", allow_module_level=True)

import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq

from photocap.captioning.registry import ModelFacts
from photocap.library.batch import BatchOptions, BatchReport, Output, run_batch
from photocap.library.batch.inputs import ListedObject, list_inputs
from photocap.library.batch.stages import CaptionStage, ReadStage, WriteStage

FAKE = ModelFacts(
    directory=Path(),
    name="fake",
    image_size_px=FakeCaptioner.image_size_px,
    hash_weights=lambda: FakeCaptioner.weights_sha256,
)


def make_photos(folder: Path, count: int = 10, first: int = 0) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number:03}.png" for number in range(first, count)]
    for number, path in enumerate(paths, first):
        Image.new("RGB", (40 + number, 30), list(COLOURS.values())[number % len(COLOURS)]).save(path)
    return paths


def listing(*uris: object, shard: str = "part-001-00000000.parquet") -> pa.Table:
    return pa.Table.from_pylist([{"uri": str(u), "size_bytes": 1, "version": "", "shard": shard} for u in uris])


def captioned(block: pa.Table) -> list[dict[str, Any]]:
    read = ReadStage(FAKE.image_size_px, threads=2, timeout_s=10)
    return CaptionStage(FakeCaptioner)(read(block)).to_pylist()


def test_a_block_is_captioned_as_index_would(tmp_path, cli, monkeypatch):
    photos = make_photos(tmp_path / "photos")
    monkeypatch.setattr("photocap.captioning.registry.load_captioner", lambda *_, **__: FakeCaptioner())
    db = tmp_path / "index.db"
    assert cli("index", photos[0].parent, "--db", db, "--metadata", "none").exit_code == 0
    import sqlite3

    with sqlite3.connect(db) as connection:
        rows = connection.execute("SELECT path, caption, confidence, picture_hash, width_px, height_px FROM photos")
        of_index = {path: values for path, *values in rows}
    for row in captioned(listing(*photos)):
        of_batch = [row[name] for name in ("caption", "confidence", "picture_hash", "width", "height")]
        assert of_batch == pytest.approx(of_index[row["uri"]], abs=1e-6) or of_batch[0] == of_index[row["uri"]][0]
        assert of_batch[2:] == of_index[row["uri"]][2:]
        assert row["confidence"] == pytest.approx(of_index[row["uri"]][1])


def test_what_cannot_be_read_is_a_row_with_an_error(tmp_path):
    (good, other) = make_photos(tmp_path, 2)
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff no picture")
    rows = captioned(listing(good, broken, tmp_path / "gone.jpg", "nowhere://bucket/x.jpg", other))
    assert [row["error"] is None for row in rows] == [True, False, False, False, True]
    assert "damaged" in rows[1]["error"]
    assert rows[4]["caption"].startswith("a green photo")


def test_a_slow_object_is_a_row_with_an_error_and_delays_nobody(tmp_path, monkeypatch):
    import time

    photos = make_photos(tmp_path, 3)
    real = ReadStage._read_file
    monkeypatch.setattr(
        ReadStage, "_read_file", lambda s, p: (time.sleep(3) if p.name == "001.png" else None) or real(s, p)
    )
    rows = ReadStage(FAKE.image_size_px, threads=2, timeout_s=0.5)(listing(*photos)).to_pylist()
    assert [row["error"] for row in rows] == [None, "was not read within 0.5 s", None]


def test_a_picture_that_the_model_fails_on_costs_the_others_nothing(tmp_path):
    class Choosy(FakeCaptioner):
        def caption_batch(self, images):
            if any(image.width == 41 for image in images):
                raise RuntimeError("no")
            return super().caption_batch(images)

    read = ReadStage(FAKE.image_size_px, threads=2, timeout_s=10)(listing(*make_photos(tmp_path, 4)))
    rows = CaptionStage(Choosy)(read).to_pylist()
    assert [row["error"] is None for row in rows] == [True, False, True, True]


def test_inputs_are_folders_globs_photos_and_manifests(tmp_path):
    photos = make_photos(tmp_path / "photos", 4)
    (tmp_path / "photos" / "notes.doc").write_text("no photo")
    text, csv, parquet = (tmp_path / f"list.{kind}" for kind in ("txt", "csv", "parquet"))
    text.write_text("".join(f"{path}\n" for path in photos))
    csv.write_text("uri,other\n" + "".join(f"{path},1\n" for path in photos))
    pq.write_table(pa.table({"uri": [str(path) for path in photos]}), parquet)
    wanted = [str(path) for path in photos]
    for inputs in ([photos[0].parent], [tmp_path / "photos" / "*.png"], [text], [csv], [parquet], photos):
        assert [item.uri for item in list_inputs(list(map(str, inputs)))] == wanted, inputs
    assert [item.uri for item in list_inputs([str(photos[0]), str(photos[0].parent)])] == wanted  # each once


def test_what_is_no_input_is_named(tmp_path):
    with pytest.raises(ReadError, match="does not exist"):
        list(list_inputs([str(tmp_path / "nothing")]))
    bad = tmp_path / "bad.csv"
    bad.write_text("path\nx.jpg\n")
    with pytest.raises(ReadError, match="needs a column uri"):
        list(list_inputs([str(bad)]))


def test_an_output_is_continued_only_when_asked_and_with_the_same_model(tmp_path):
    facts = {"model_id": "a", "weights_sha256": "1"}
    assert Output(str(tmp_path)).begin(facts, resume=False) == 1
    with pytest.raises(PhotocapError, match="--resume"):
        Output(str(tmp_path)).begin(facts, resume=False)
    assert Output(str(tmp_path)).begin(facts, resume=True) == 2
    for other in ({"model_id": "b", "weights_sha256": "2"}, {"model_id": "a+neutral", "weights_sha256": "1"}):
        with pytest.raises(PhotocapError, match="was begun with the model a"):
            Output(str(tmp_path)).begin(other, resume=True)
    strange = tmp_path / "strange"
    strange.mkdir()
    pq.write_table(pa.table({"x": [1]}), strange / "x.parquet")
    with pytest.raises(PhotocapError, match="not of a batch run"):
        Output(str(strange)).begin(facts, resume=False)


def test_finished_objects_are_known_by_uri_size_and_version(tmp_path):
    photos = make_photos(tmp_path / "photos", 3)
    block = CaptionStage(FakeCaptioner)(ReadStage(FAKE.image_size_px, 2, 10)(listing(*photos)))
    WriteStage(str(tmp_path / "out"))(block)
    finished = Output(str(tmp_path / "out")).finished()
    assert len(finished) == 3
    assert ListedObject(str(photos[0]), 1, "") in finished
    assert ListedObject(str(photos[0]), 2, "") not in finished
    assert ListedObject("other", 1, "") not in finished


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """Start a local cluster of two CPUs whose workers see the package and the fake captioner."""
    import ray

    tests = Path(__file__).parent
    environment = {"PYTHONPATH": os.pathsep.join(map(str, (tests.parent, tests)))}
    ray.init(
        num_cpus=2,
        object_store_memory=100 << 20,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="ERROR",
        runtime_env={"env_vars": environment},
    )
    yield
    ray.shutdown()


def on_cluster(test: Any) -> Any:
    """Mark a test that runs on the cluster; warnings of Ray's own code are not ours."""
    marks = (pytest.mark.slow, pytest.mark.usefixtures("cluster"), pytest.mark.filterwarnings("ignore"))
    for mark in marks:
        test = mark(test)
    return test


def run(folder: Path, output: Path, load: Any = FakeCaptioner, **options: Any) -> BatchReport:
    return run_batch([str(folder)], str(output), FAKE, load, BatchOptions(shard_rows=4, **options))


def uris_in(output: Path) -> list[str]:
    return sorted(pq.read_table(output, columns=["uri"]).column("uri").to_pylist())


@on_cluster
def test_two_workers_caption_every_picture_once(tmp_path):
    photos = make_photos(tmp_path / "photos", 30)
    (tmp_path / "photos" / "bad.jpg").write_bytes(b"\xff\xd8\xff")
    output = tmp_path / "out"
    report = run(tmp_path / "photos", output, workers=2)
    assert (report.captioned, report.failed, report.exit_code) == (30, 1, 3)
    assert uris_in(output) == sorted([*map(str, photos), str(tmp_path / "photos" / "bad.jpg")])
    assert (output / "_SUCCESS").exists()
    assert json.loads((output / "_manifest.json").read_text())["model_id"] == FAKE.model_id
    with PhotoIndex.open(tmp_path / "index.db", create=True) as index:
        index_photos(
            [tmp_path / "photos"], index, FakeCaptioner, IndexOptions(policy=WritePolicy(mode=MetadataMode.NONE))
        )
        for row in pq.read_table(output).to_pylist():
            known = index.photos.get(Path(row["uri"]))
            assert (row["caption"], row["picture_hash"]) == (known.caption, known.picture_hash)
            assert row["confidence"] == pytest.approx(known.confidence, abs=1e-6)
    new = make_photos(tmp_path / "photos", 33, first=30)
    again = run(tmp_path / "photos", output, workers=2, resume=True)
    assert (again.captioned, again.finished_before) == (3, 31)
    assert uris_in(output) == sorted([*map(str, photos + new), str(tmp_path / "photos" / "bad.jpg")])


class DiesOnce(FakeCaptioner):
    """Kills its own process in the first batch of the run, as a machine that goes away would."""

    def __init__(self, flag: Path) -> None:
        super().__init__()
        self._flag = flag

    def caption_batch(self, images):
        with contextlib.suppress(FileExistsError):
            self._flag.touch(exist_ok=False)
            os.kill(os.getpid(), signal.SIGKILL)
        return super().caption_batch(images)


@on_cluster
def test_a_killed_worker_loses_and_doubles_nothing(tmp_path):
    import functools

    photos = make_photos(tmp_path / "photos", 20)
    report = run(tmp_path / "photos", tmp_path / "out", functools.partial(DiesOnce, tmp_path / "died"))
    assert (tmp_path / "died").exists()
    assert (report.captioned, report.failed) == (20, 0)
    assert uris_in(tmp_path / "out") == sorted(map(str, photos))


@on_cluster
def test_an_interrupted_run_is_continued(tmp_path):
    photos = make_photos(tmp_path / "photos", 20)

    def stop(report: BatchReport) -> None:
        if report.captioned >= 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_batch(
            [str(tmp_path / "photos")],
            str(tmp_path / "out"),
            FAKE,
            FakeCaptioner,
            BatchOptions(shard_rows=4),
            on_shard=stop,
        )
    assert not (tmp_path / "out" / "_SUCCESS").exists()
    report = run(tmp_path / "photos", tmp_path / "out", resume=True)
    assert report.finished_before >= 8
    assert report.captioned + report.finished_before == 20
    assert uris_in(tmp_path / "out") == sorted(map(str, photos))


def test_an_index_is_exported_in_the_same_layout(tmp_path, cli, monkeypatch):
    photos = make_photos(tmp_path / "photos", 5)
    monkeypatch.setattr("photocap.captioning.registry.load_captioner", lambda *_, **__: FakeCaptioner(embed=True))
    db, output = tmp_path / "index.db", tmp_path / "out"
    assert cli("index", photos[0].parent, "--db", db, "--metadata", "none").exit_code == 0
    done = cli("export", "--parquet", output, "--db", db)
    assert done.exit_code == 0, done.output
    assert "5 photos" in done.output
    exported = pq.read_table(output, filters=pa.compute.field("uri").isin(list(map(str, photos)))).to_pylist()
    batch = {row["uri"]: row for row in captioned(listing(*photos))}
    for row in exported:
        for name in ("picture_hash", "caption", "width", "height", "taken", "camera", "error"):
            assert row[name] == batch[row["uri"]][name], name
    assert cli("export", "--parquet", output, "--db", db).exit_code == 1  # there is output already
    assert cli("export", "--db", db).exit_code == 2


def test_other_programs_read_the_shards(tmp_path):
    duckdb = pytest.importorskip("duckdb")
    pandas = pytest.importorskip("pandas")
    WriteStage(str(tmp_path / "out"))(
        CaptionStage(FakeCaptioner)(ReadStage(FAKE.image_size_px, 2, 10)(listing(*make_photos(tmp_path / "photos", 3))))
    )
    shard = tmp_path / "out" / "part-001-00000000.parquet"
    texts = [fake for (fake,) in duckdb.sql(f"SELECT caption FROM '{shard}' ORDER BY uri").fetchall()]
    assert texts == sorted(pandas.read_parquet(shard)["caption"], key=texts.index)
    assert texts[0] == "a red photo 40 by 30"


def test_other_programs_read_an_export(tmp_path, cli, monkeypatch):
    duckdb = pytest.importorskip("duckdb")
    pandas = pytest.importorskip("pandas")
    photos = make_photos(tmp_path / "photos", 3)
    monkeypatch.setattr("photocap.captioning.registry.load_captioner", lambda *_, **__: FakeCaptioner(embed=True))
    db, output = tmp_path / "index.db", tmp_path / "out"
    assert cli("index", photos[0].parent, "--db", db, "--metadata", "none").exit_code == 0
    assert cli("export", "--parquet", output, "--db", db).exit_code == 0
    rows = duckdb.sql(f"SELECT caption, len(embedding) FROM '{output}/*.parquet' ORDER BY uri").fetchall()
    assert rows == list(pandas.read_parquet(output)[["caption"]].assign(length=256).itertuples(index=False, name=None))
    assert rows[0] == ("a red photo 40 by 30", 256)
