"""One photo's trouble is that photo's row: whatever is in a file, its neighbours are captioned."""

from __future__ import annotations

import io
import shutil
import struct
from pathlib import Path

import metadata_files as files
import pytest
from fakes import FakeCaptioner

from photocap import photos
from photocap.datasets.sources import read_caption_source
from photocap.errors import CaptionFileError, FileProblem
from photocap.evaluation.captions import caption_photos as caption_for_evaluation
from photocap.formats.base import FormatError
from photocap.formats.detect import container_of
from photocap.formats.splice import Rewrite
from photocap.index import PhotoIndex
from photocap.library.indexing import caption_photos, examine, index_photos
from photocap.library.report import Outcome
from photocap.metadata import read_caption
from photocap.records import Written


def cut_offsets():
    """Return a JPEG whose array of SubIFD offsets is cut in the middle of a number by the end of the EXIF block."""
    block = b"II*\0\x08\0\0\0" + struct.pack("<HHHIII", 1, 0x014A, 4, 3, 26, 0) + b"\0\0\0\x7f\x01\x02"
    return files.jpeg(files.segment(0xE1, b"Exif\0\0" + block))


def overlapping_value(kind):
    """Return a photo with a caption in EXIF that stands where its own directory entry does."""
    block = b"II*\0\x08\0\0\0" + struct.pack("<HHHIII", 1, 0x010E, 2, 60, 10, 0) + b" " * 80
    if kind == "png":
        return files.png_with(files.chunk(b"eXIf", block))
    return files.jpeg(files.segment(0xE1, b"Exif\0\0" + block))


def webp_without_width():
    data = bytearray(files.encoded("WEBP"))
    at = data.index(b"\x9d\x01\x2a") + 3
    data[at : at + 2] = b"\0\0"
    return bytes(data)


def photo(width, height=16):
    buffer = io.BytesIO()
    files.picture(size=(width, height)).save(buffer, "JPEG")
    return buffer.getvalue()


HOSTILE = {
    "cut-offsets.jpg": cut_offsets(),
    "overlap.jpg": overlapping_value("jpeg"),
    "overlap.png": overlapping_value("png"),
    "no-width.webp": webp_without_width(),
    "short-vp8x.webp": files.encoded("WEBP")[:12] + files.webp_chunk(b"VP8X", b"") + files.encoded("WEBP")[12:],
    "iinf-at-the-end.heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic\0\0\0\x1cmeta\0\0\0\0\0\0\0\x08iloc\0\0\0\x08iinf",
}


@pytest.fixture(params=HOSTILE)
def library(request, tmp_path):
    """Return a folder with a hostile file between two good ones, and the path of the hostile one."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, name in enumerate(("a.jpg", "z.jpg")):
        (folder / name).write_bytes(photo(24 + number))
    hostile = folder / request.param
    hostile.write_bytes(HOSTILE[request.param])
    return folder, hostile


def index(folder, db, captioner=FakeCaptioner):
    results = {}
    with PhotoIndex.open(db, create=True) as opened:
        index_photos([folder], opened, captioner, on_result=lambda result: results.update({result.path.name: result}))
    return results


def test_the_neighbours_are_captioned(library, tmp_path):
    folder, hostile = library
    results = index(folder, tmp_path / "index.db")
    assert {results[name].outcome for name in ("a.jpg", "z.jpg")} == {Outcome.CAPTIONED}
    if results[hostile.name].outcome is Outcome.FAILED:
        assert results[hostile.name].error
        assert hostile.read_bytes() == HOSTILE[hostile.name]


@pytest.mark.parametrize("name", ["overlap.jpg", "overlap.png"])
def test_a_value_that_overlaps_its_entry_gets_a_sidecar_with_the_reason(name, tmp_path):
    (tmp_path / name).write_bytes(HOSTILE[name])
    result = index(tmp_path, tmp_path / "index.db")[name]
    assert (result.outcome, result.written) == (Outcome.CAPTIONED, Written.SIDECAR)
    assert "unexpected" not in result.error


@pytest.mark.parametrize("name", HOSTILE)
def test_containers_raise_only_their_own_error(name):
    container = container_of(HOSTILE[name], Path(name))
    try:
        container.layout(HOSTILE[name])
        container.refusal(HOSTILE[name])
        container.difference(Rewrite(HOSTILE[name], HOSTILE[name]))
    except FormatError:
        pass


def test_show_and_train_and_caption_go_on(library, cli, tmp_path):
    folder, hostile = library
    shown = cli("show", hostile, "--db", tmp_path / "none.db")
    assert shown.exception is None or isinstance(shown.exception, (SystemExit, FileProblem))
    with pytest.raises(CaptionFileError):  # there is no caption by a person, and nothing else was wrong
        read_caption_source(folder, None, tmp_path / "extracted")
    results = list(caption_photos(sorted(folder.iterdir()), FakeCaptioner(), 2))
    assert [result.path.name for result in results] == sorted(path.name for path in folder.iterdir())
    assert [r.outcome for r in results if r.path != hostile] == [Outcome.CAPTIONED] * 2


@pytest.mark.parametrize(
    "error", [MemoryError(), RecursionError("deep"), struct.error("cut"), KeyError("x"), OSError()]
)
@pytest.mark.parametrize("stage", ["picture_hash", "read_facts", "read_metadata"])
def test_what_nobody_foresaw_is_that_photos_row(stage, error, tmp_path, monkeypatch):
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        (tmp_path / name).write_bytes(photo(24 + ord(name[0])))
    real = getattr(examine, stage)

    def fail(path, **options):
        if path.name == "b.jpg":
            raise error
        return real(path, **options)

    monkeypatch.setattr(examine, stage, fail)
    results = index(tmp_path, tmp_path / "index.db")
    assert [results[name].outcome.value for name in ("a.jpg", "b.jpg", "c.jpg")] == ["captioned", "failed", "captioned"]
    assert "\n" not in results["b.jpg"].error


class Stumbling(FakeCaptioner):
    """Fails on pictures of a certain width, as a network may on one of an odd shape."""

    def caption_batch(self, images):
        if any(image.width == 31 for image in images):
            raise RuntimeError("cannot make a square of this")
        return super().caption_batch(images)


def test_the_model_failing_on_one_picture_costs_that_one(tmp_path):
    for name, width in (("a.jpg", 24), ("b.jpg", 31), ("c.jpg", 25)):
        (tmp_path / name).write_bytes(photo(width))
    results = index(tmp_path, tmp_path / "index.db", Stumbling)
    assert [results[name].outcome.value for name in ("a.jpg", "b.jpg", "c.jpg")] == ["captioned", "failed", "captioned"]
    assert "cannot make a square" in results["b.jpg"].error
    paths = sorted(tmp_path.glob("*.jpg"))
    assert [r.outcome.value for r in caption_photos(paths, Stumbling(), 2)] == ["captioned", "failed", "captioned"]
    evaluated = caption_for_evaluation(Stumbling(), paths)
    assert [path.name for path in evaluated.errors] == ["b.jpg"]
    assert [path.name for path in evaluated.captions] == ["a.jpg", "c.jpg"]


def test_a_model_that_fails_on_everything_stops_the_run(tmp_path):
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(photo(31, ord(name[0])))
    with pytest.raises(RuntimeError, match="square"):
        index(tmp_path, tmp_path / "index.db", Stumbling)


def test_reading_never_raises_anything_but_problems(library):
    _, hostile = library
    for read in (read_caption, photos.picture_hash, photos.read_facts, lambda path: photos.load_image(path, 64)):
        try:
            read(hostile)
        except FileProblem:
            continue


def test_a_photo_that_vanishes_while_it_is_explained(tmp_path, monkeypatch):
    path = tmp_path / "a.jpg"
    path.write_bytes(b"not a picture at all")
    real = photos.decode.Image.open

    def open_and_lose(*arguments, **options):
        shutil.rmtree(tmp_path)
        return real(*arguments, **options)

    monkeypatch.setattr(photos.decode.Image, "open", open_and_lose)
    with pytest.raises(FileProblem):
        photos.load_image(path, 64)


def test_what_the_index_would_not_know_again_gets_a_sidecar(tmp_path):
    # What stands behind the scan is no segment: such a file is hashed whole, and a caption in it would change the hash.
    data = files.encoded("JPEG")
    path = tmp_path / "a.jpg"
    path.write_bytes(data[:-2] + b"\xff\x02\0\x04abzz" + data[-2:])
    before = path.read_bytes(), photos.picture_hash(path)
    prepared = files.write(path, "a dog")
    assert prepared.written is Written.SIDECAR
    assert "cannot be told from its metadata" in prepared.reason
    assert (path.read_bytes(), photos.picture_hash(path)) == before
