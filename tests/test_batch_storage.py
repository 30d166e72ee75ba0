"""Batch over an object store: listing, reading and writing through S3, on moto's server on loopback."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import FakeCaptioner
from test_batch import FAKE, listing, make_photos

if not all(map(importlib.util.find_spec, ("boto3", "moto"))):
    pytest.skip("moto, which stands in for S3, is not installed", allow_module_level=True)

import pyarrow as pa
import pyarrow.dataset

from photocap.errors import PhotocapError, ReadError
from photocap.library.batch import Output
from photocap.library.batch.inputs import list_inputs
from photocap.library.batch.stages import CaptionStage, ReadStage, WriteStage
from photocap.library.batch.storage import open_storage

pytestmark = pytest.mark.filterwarnings("ignore")  # of moto's and boto's own code


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """Start a server that speaks S3; yield its address."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(endpoint, monkeypatch, tmp_path) -> str:
    """Return the URI of a bucket that holds ten photos below photos/."""
    import boto3

    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": endpoint,
    }.items():
        monkeypatch.setenv(name, value)
    name = tmp_path.name.replace("_", "-")
    store = boto3.client("s3")
    store.create_bucket(Bucket=name)
    for number, path in enumerate(make_photos(tmp_path / "photos", 10)):
        store.upload_file(str(path), name, f"photos/{number % 2}/{path.name}")
    store.put_object(Bucket=name, Key="photos/notes.txt", Body=b"no photo")
    return f"s3://{name}"


def test_a_prefix_is_listed_folder_by_folder(bucket):
    items = list(list_inputs([f"{bucket}/photos"]))
    assert len(items) == 10
    assert all(item.uri.startswith(f"{bucket}/photos/") and item.size_bytes > 0 and item.version for item in items)


def test_objects_are_read_captioned_and_written(bucket, tmp_path):
    uris = sorted(item.uri for item in list_inputs([f"{bucket}/photos"]))
    by_name = {uri.rpartition("/")[2]: uri for uri in uris}
    read = ReadStage(FAKE.image_size_px, threads=4, timeout_s=30)
    block = CaptionStage(FakeCaptioner)(read(listing(*uris, f"{bucket}/photos/gone.jpg")))
    output = Output(f"{bucket}/captions")
    assert output.begin({"model_id": "a", "weights_sha256": "1"}, resume=False) == 1
    assert WriteStage(f"{bucket}/captions")(block).to_pylist()[0] == {
        "shard": "part-001-00000000.parquet",
        "rows": 11,
        "failed": 1,
    }
    output.finish()
    storage, root = open_storage(f"{bucket}/captions")
    rows = pa.dataset.dataset(root, filesystem=storage, format="parquet", exclude_invalid_files=True).to_table()
    captions = {row["uri"]: row["caption"] for row in rows.to_pylist()}
    local = {
        row["uri"]: row["caption"]
        for row in CaptionStage(FakeCaptioner)(read(listing(*sorted((tmp_path / "photos").iterdir())))).to_pylist()
    }
    assert {uri: captions[uri] for uri in uris} == {by_name[Path(path).name]: text for path, text in local.items()}
    assert len(output.finished()) == 11


def test_a_bucket_that_is_not_there_is_named(bucket):
    with pytest.raises(ReadError, match="cannot be listed"):
        list(list_inputs([f"{bucket}-nowhere/photos"]))


def test_why_a_uri_cannot_be_opened_is_said():
    with pytest.raises(PhotocapError, match=r"Unrecognized filesystem type.*Protocol not known: nothing"):
        open_storage("nothing://bucket/photos")
