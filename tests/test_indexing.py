"""One run over a library, with a captioner that counts: what is opened, captioned, written and recorded."""

from __future__ import annotations

import hashlib
import os
import shutil
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import piexif
import pytest
from fakes import FakeCaptioner
from PIL import Image
from raw_files import write_dng
from systems import needs_byte_names

from photocap.captioning.hedge import hedged
from photocap.index import CaptionRecord, PhotoIndex, PhotoState
from photocap.library.indexing import IndexOptions, Recaption, index_photos
from photocap.library.indexing.examine import Readers, examine
from photocap.library.indexing.job import PhotoJob
from photocap.library.report import Outcome, PhotoResult, Report
from photocap.metadata import (
    DryRun,
    MetadataMode,
    Origin,
    Overwrite,
    WritePolicy,
    read_caption,
)
from photocap.photos import WalkOptions, find_photos, picture_hash
from photocap.records import Caption, CaptionSource, Written
from photocap.system import atomicfile

RED, BLUE = "a red photo 40 by 30", "a blue photo 41 by 30"
NO_FILES = WritePolicy(mode=MetadataMode.NONE)


@dataclass
class Library:
    """A folder of photos, an index, and a captioner that counts."""

    root: Path
    db: Path
    captioner: FakeCaptioner = field(default_factory=FakeCaptioner)
    results: list[PhotoResult] = field(default_factory=list)
    loads: int = 0

    def photo(self, name: str, colour: str = "red", size: tuple[int, int] = (40, 30), **options: Any) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size, colour).save(path, **options)
        return path

    def load(self) -> FakeCaptioner:
        self.loads += 1
        return self.captioner

    def run(self, *roots: Path, on_result: Callable[[PhotoResult], None] | None = None, **options: Any) -> Report:
        """Index; keep the results, and forget the calls of earlier runs."""
        self.results, self.captioner.batches, self.loads = [], [], 0

        def keep(result: PhotoResult) -> None:
            self.results.append(result)
            if on_result:
                on_result(result)

        with PhotoIndex.open(self.db, create=True) as index:
            return index_photos(
                roots or [self.root], index, self.load, IndexOptions(workers=2, **options), on_result=keep
            )

    def outcomes(self) -> dict[str, str]:
        return {os.path.relpath(r.path, self.root): r.outcome.value for r in self.results}

    def result(self, name: str) -> PhotoResult:
        (found,) = [r for r in self.results if os.path.relpath(r.path, self.root) == name]
        return found

    def captions(self) -> dict[str, str | None]:
        with PhotoIndex.open(self.db, read_only=True) as index:
            return {os.path.relpath(row.path, self.root): row.caption for row in index.photos.all()}

    def state(self, name: str) -> PhotoState:
        with PhotoIndex.open(self.db, read_only=True) as index:
            row = index.photos.get(self.root / name)
        assert row is not None
        return row.state


@pytest.fixture
def library(tmp_path: Path) -> Library:
    (tmp_path / "photos").mkdir()
    return Library(tmp_path / "photos", tmp_path / "index.db")


def test_first_run_captions_writes_and_records(library: Library) -> None:
    library.photo("a.jpg")
    library.photo("b.png", "blue", (41, 30))
    report = library.run()
    assert (report.exit_code, report.summary) == (0, "2 captioned")
    assert library.captions() == {"a.jpg": RED, "b.png": BLUE}
    found = read_caption(library.root / "a.jpg")
    assert (found.text, found.origin, found.model_id) == (RED, Origin.PHOTOCAP, FakeCaptioner.model_id)
    assert [(r.caption, r.confidence, r.written) for r in library.results] == [
        (RED, 0.4, Written.EMBEDDED),
        (BLUE, 0.41, Written.EMBEDDED),
    ]


def test_provenance_and_facts_are_stored(library: Library) -> None:
    exif = Image.Exif()
    exif[0x0110] = "PENTAX K-5"
    exif.get_ifd(0x8769)[0x9003] = "2017:08:12 10:11:12"
    library.photo("a.jpg", exif=exif)
    library.run()
    with PhotoIndex.open(library.db, read_only=True) as index:
        row = index.photos.get(library.root / "a.jpg")
        assert row is not None
        assert (row.width_px, row.height_px, row.taken, row.camera) == (40, 30, "2017-08-12T10:11:12", "PENTAX K-5")
        (caption,) = index.captions.history(row.picture_hash or "")
        (run,) = index.runs.latest()
    assert (caption.source, caption.model_id) == (CaptionSource.MODEL, FakeCaptioner.model_id)
    assert (caption.weights_sha256, caption.confidence) == (FakeCaptioner.weights_sha256, 0.4)
    assert (run.command, run.outcome) == ("index", "1 captioned")
    assert run.finished


def test_second_run_opens_nothing_and_asks_nothing(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(9):
        library.photo(f"{i}.jpg", size=(40 + i, 30))
    library.run()
    opened = []
    original = Path.open
    monkeypatch.setattr(Path, "open", lambda self, *a, **k: opened.append(self) or original(self, *a, **k))
    report = library.run()
    assert report.summary == "9 unchanged"
    assert [path for path in opened if path.is_relative_to(library.root)] == []
    assert (library.loads, library.captioner.pictures) == (0, 0)
    with PhotoIndex.open(library.db, read_only=True) as index:
        assert len(index.runs.latest()) == 1  # a run that changes nothing leaves no trace


def test_batches_are_as_large_as_the_captioner_wants(library: Library) -> None:
    for i in range(10):
        library.photo(f"{i}.jpg", size=(40 + i, 30))
    library.run()
    assert library.captioner.batches == [4, 4, 2]
    assert library.loads == 1


def test_bad_neighbours_shift_no_captions(library: Library) -> None:
    for i in range(20):
        library.photo(f"{i:02d}.jpg", size=(40 + i, 30))
    for i in (0, 3, 4, 5, 11, 19):
        (library.root / f"{i:02d}.jpg").write_bytes(b"broken")
    report = library.run()
    assert report.exit_code == 3
    for i in range(20):
        result = library.result(f"{i:02d}.jpg")
        if i in (0, 3, 4, 5, 11, 19):
            assert result.outcome is Outcome.FAILED
            assert result.caption is None
        else:
            assert result.caption == f"a red photo {40 + i} by 30"
            assert read_caption(result.path).text == result.caption


def bomb() -> bytes:
    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(1 << 16))), (b"IEND", b"")]
    parts = [struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@needs_byte_names
def test_every_bad_input_gets_one_line_and_costs_the_others_nothing(library: Library) -> None:
    good = library.photo("good.jpg", size=(300, 200))
    noise = Image.effect_noise((300, 200), 80)
    noise.save(library.root / "whole.jpg")
    whole = (library.root / "whole.jpg").read_bytes()
    (library.root / "whole.jpg").unlink()
    bad = {
        "empty.jpg": (b"", "empty"),
        "text.jpg": (b"hello there\n", "text file"),
        "cut.jpg": (whole[: len(whole) // 2], "truncated"),
        "bomb.png": (bomb(), "megapixels"),
        "new\nline.jpg": (b"hello", "text file"),
        os.fsdecode(b"latin\xe9.jpg"): (b"hello", "text file"),
    }
    for name, (content, _) in bad.items():
        (library.root / name).write_bytes(content)
    report = library.run(library.root, library.root / "gone", library.root.parent / "nowhere")
    assert report.counts[Outcome.FAILED] == len(bad) + 2 - 1  # "gone" lies inside the first root
    for name, (content, reason) in bad.items():
        assert reason in (library.result(name).error or "")
        assert (library.root / name).read_bytes() == content
        assert library.state(name) is PhotoState.FAILED
    assert library.result("../nowhere").error == "there is no such file or folder"
    assert read_caption(good).text == "a red photo 300 by 200"


def test_failures_are_remembered_and_tried_again_when_they_change_or_on_request(library: Library) -> None:
    (library.root / "a.jpg").write_bytes(b"not yet")
    assert library.run().exit_code == 3
    assert library.run().exit_code == 0
    assert "--retry-failed" in (library.result("a.jpg").error or "")
    assert library.run(retry_failed=True).exit_code == 3
    library.photo("a.jpg")
    assert library.run().summary == "1 captioned"


def test_a_missing_permission_is_not_remembered(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    path = library.photo("a.jpg")
    original = os.open

    def refuse(name: Path, *args: int, **kwargs: int) -> int:
        if name == path:
            raise PermissionError(13, "Permission denied", str(name))
        return original(name, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        assert library.run().exit_code == 3
    assert library.result("a.jpg").error == "no permission to read it"
    assert library.run().summary == "1 captioned"


def test_a_caption_that_cannot_be_written_stands_in_the_index_and_is_written_next_time(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = library.photo("a.jpg")
    before = path.read_bytes()

    original = os.replace

    def full(source: Path, target: Path) -> None:
        if Path(target) == path:
            raise OSError(28, "No space left on device")
        original(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(atomicfile, "_renameat2", lambda: None)  # as on a system that has only os.replace
        patch.setattr(os, "replace", full)
        assert library.run().exit_code == 3
    assert "No space left on device" in (library.result("a.jpg").error or "")
    assert (library.captions(), path.read_bytes()) == ({"a.jpg": RED}, before)
    assert library.run().summary == "1 captioned"
    assert library.captioner.pictures == 0
    assert read_caption(path).text == RED
    with PhotoIndex.open(library.db, read_only=True) as index:
        assert index.undo.open_rows() == []
        assert len(list(index.undo.rows())) == 1


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        (lambda p: p.rename(p.with_name("new.jpg")), {"new.jpg": "moved"}),
        (lambda p: (p.parent / "sub").mkdir() or p.rename(p.parent / "sub" / "a.jpg"), {"sub/a.jpg": "moved"}),
        (lambda p: shutil.copyfile(p, p.with_name("b.jpg")), {"a.jpg": "unchanged", "b.jpg": "captioned"}),
        (lambda p: os.utime(p, ns=(5, 5)), {"a.jpg": "unchanged"}),
    ],
    ids=["rename", "move", "copy", "touch"],
)
def test_what_does_not_change_the_picture_costs_no_model_call(
    library: Library, change: Callable[[Path], object], outcome: dict[str, str]
) -> None:
    path = library.photo("a.jpg")
    library.run()
    change(path)
    library.run()
    assert library.outcomes() == outcome
    assert (library.loads, library.captioner.pictures) == (0, 0)
    assert set(library.captions()) == set(outcome)  # a moved photo leaves no shadow behind
    assert all(caption == RED for caption in library.captions().values())
    library.run()
    assert set(library.outcomes().values()) == {"unchanged"}


@pytest.mark.skipif(not shutil.which("exiftool"), reason="ExifTool is not installed")
def test_tags_of_another_program_cost_no_model_call(library: Library) -> None:
    for suffix in ("jpg", "png", "tif"):
        library.photo(f"a.{suffix}")
    library.run()
    photos = sorted(library.root.iterdir())
    subprocess.run(["exiftool", "-q", "-overwrite_original", "-XMP:Rating=4", *photos], check=True)
    library.run()
    assert library.outcomes() == {"a.jpg": "unchanged", "a.png": "unchanged", "a.tif": "unchanged"}
    assert library.captioner.pictures == 0
    with PhotoIndex.open(library.db, read_only=True) as index:
        assert {row.rating for row in index.photos.all()} == {4}


def test_exact_duplicates_are_captioned_once_within_a_run(library: Library) -> None:
    for i in range(6):
        library.photo(f"{i}/a.jpg")
        library.photo(f"{i}/b.jpg", "blue", (41, 30))
    library.run()
    assert library.captioner.pictures == 2
    assert set(library.captions().values()) == {RED, BLUE}
    assert all(read_caption(r.path).text == r.caption for r in library.results)


def test_an_edited_picture_is_captioned_anew(library: Library) -> None:
    library.photo("a.jpg")
    library.run()
    library.photo("a.jpg", "blue", (41, 30))
    library.run()
    assert library.outcomes() == {"a.jpg": "captioned"}
    assert library.captions() == {"a.jpg": BLUE}
    assert read_caption(library.root / "a.jpg").text == BLUE


def with_description(library: Library, name: str, text: str, colour: str = "red") -> Path:
    path = library.photo(name, colour)
    piexif.insert(piexif.dump({"0th": {piexif.ImageIFD.ImageDescription: text.encode()}}), str(path))
    return path


def test_a_persons_caption_is_taken_and_left_alone(library: Library) -> None:
    path = with_description(library, "a.jpg", "Grandma in Graz, 1987")
    before = path.read_bytes()
    library.run()
    assert path.read_bytes() == before
    assert library.captioner.pictures == 0
    assert library.captions() == {"a.jpg": "Grandma in Graz, 1987"}
    with PhotoIndex.open(library.db, read_only=True) as index:
        row = index.photos.get(path)
        assert row is not None
        assert row.source is CaptionSource.PERSON
    assert library.run().summary == "1 unchanged"


def test_a_persons_caption_is_replaced_only_where_asked_for(library: Library) -> None:
    path = with_description(library, "a.jpg", "Grandma in Graz, 1987")
    library.run(policy=WritePolicy(overwrite=Overwrite.ALL))
    assert library.captions() == {"a.jpg": RED}
    assert read_caption(path).text == RED


def test_cameras_junk_is_no_caption(library: Library) -> None:
    path = with_description(library, "a.jpg", "OLYMPUS DIGITAL CAMERA")
    library.run()
    assert read_caption(path).text == RED


def test_a_person_edits_what_photocap_wrote(library: Library) -> None:
    path = library.photo("a.jpg")
    library.run()
    exif = piexif.load(str(path))
    exif["0th"][piexif.ImageIFD.ImageDescription] = b"My red wall"
    piexif.insert(piexif.dump(exif), str(path))
    library.run()
    assert library.outcomes() == {"a.jpg": "captioned"}
    assert library.captions() == {"a.jpg": "My red wall"}
    assert library.captioner.pictures == 0
    found = read_caption(path)  # the copy that still said what photocap had written follows
    assert {copy.text for copy in found.copies} == {"My red wall"}
    assert (found.origin, found.agree) == (Origin.PERSON, True)
    before = path.read_bytes()
    library.run()
    assert path.read_bytes() == before


def test_a_persons_correction_in_the_index_comes_along_with_copies(library: Library) -> None:
    path = library.photo("a.jpg")
    library.run()
    with PhotoIndex.open(library.db) as index:
        row = index.photos.get(path)
        assert row is not None
        index.captions.record(
            index.runs.start("edit"),
            row.picture_hash or "",
            CaptionRecord(text="My red wall", source=CaptionSource.PERSON),
        )
    shutil.copyfile(path, library.root / "b.jpg")
    library.run()
    assert library.captions() == {"a.jpg": "My red wall", "b.jpg": "My red wall"}
    assert library.captioner.pictures == 0
    assert read_caption(library.root / "b.jpg").text == "My red wall"
    library.db.unlink()  # and even if the index is lost, they are known as a person's words
    library.run()
    assert library.captions()["b.jpg"] == "My red wall"


def test_a_rejected_caption_is_not_made_again(library: Library) -> None:
    path = library.photo("a.jpg")
    library.run(policy=NO_FILES)
    with PhotoIndex.open(library.db) as index:
        row = index.photos.get(path)
        assert row is not None
        index.captions.reject(row.picture_hash or "")
    path.rename(library.root / "b.jpg")
    library.run(policy=NO_FILES)
    assert library.outcomes() == {"b.jpg": "skipped"}
    assert (library.captioner.pictures, library.captions()) == (0, {"b.jpg": None})


def test_raw_and_jpeg_pairs_are_captioned_once_from_the_jpeg(library: Library) -> None:
    jpeg = library.photo("IMG_1.jpg")
    preview = library.photo("preview.jpg", "blue", (48, 32))
    write_dng(library.root / "IMG_1.DNG", jpeg.read_bytes(), (40, 30))
    write_dng(library.root / "IMG_2.dng", preview.read_bytes(), (48, 32))
    preview.unlink()
    before = {p.name: p.read_bytes() for p in library.root.glob("*.[dD][nN][gG]")}
    library.run()
    assert library.captions() == {
        "IMG_1.DNG": RED,
        "IMG_1.jpg": RED,
        "IMG_2.dng": "a blue photo 48 by 32",
    }
    assert library.captioner.pictures == 2
    assert {p.name: p.read_bytes() for p in library.root.glob("*.[dD][nN][gG]")} == before
    assert library.result("IMG_1.DNG").written is Written.SIDECAR
    assert read_caption(jpeg).text == RED
    with PhotoIndex.open(library.db, read_only=True) as index:
        assert list(index.photos.duplicates()) == []  # a pair is not two copies of one file


def test_both_of_a_pair_are_found_by_their_embedding(library: Library) -> None:
    jpeg = library.photo("IMG_1.jpg")
    write_dng(library.root / "IMG_1.DNG", jpeg.read_bytes(), (40, 30))
    library.captioner = FakeCaptioner(embed=True)
    library.run(space_id="space")
    assert library.captioner.pictures == 1
    with PhotoIndex.open(library.db, read_only=True) as index:
        pictures = [index.photos.find_picture(row.picture_hash or "") for row in index.photos.all()]
    assert [picture.has_embedding for picture in pictures if picture] == [True, True]


@pytest.mark.parametrize("suffix", ["heic", "avif", "gif", "bmp", "jp2"])
def test_formats_that_are_not_spliced_are_captioned_and_their_pictures_kept(library: Library, suffix: str) -> None:
    path = library.photo(f"a.{suffix}", size=(64, 64))
    before = picture_hash(path)
    library.run()
    assert library.captions() == {f"a.{suffix}": "a red photo 64 by 64"}
    assert library.result(f"a.{suffix}").written in (Written.EMBEDDED, Written.SIDECAR)
    assert picture_hash(path) == before
    assert read_caption(path).text == "a red photo 64 by 64"
    assert library.run().summary == "1 unchanged"


def test_dry_run_tells_before_and_after_and_touches_nothing(library: Library) -> None:
    junk = with_description(library, "a.jpg", "OLYMPUS DIGITAL CAMERA")
    library.photo("b.jpg", "blue", (41, 30))
    everything = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in library.root.iterdir()}
    library.run(policy=NO_FILES)
    index_before = hashlib.sha256(library.db.read_bytes()).hexdigest()
    library.photo("c.jpg", "white")
    library.results = []
    with PhotoIndex.open(library.db, read_only=True) as index:
        options = IndexOptions(dry_run=DryRun.YES)
        report = index_photos([library.root], index, library.load, options, on_result=library.results.append)
    assert report.counts == {Outcome.CAPTIONED: 3}
    assert library.result("a.jpg").before == "OLYMPUS DIGITAL CAMERA"
    assert library.result("a.jpg").caption == RED
    assert library.result("c.jpg").written is Written.EMBEDDED
    assert {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in everything} == everything
    assert sorted(p.name for p in library.root.iterdir()) == ["a.jpg", "b.jpg", "c.jpg"]
    assert hashlib.sha256(library.db.read_bytes()).hexdigest() == index_before
    assert junk.exists()


def test_captions_that_stood_in_the_index_only_are_written_when_that_is_wanted(library: Library) -> None:
    path = library.photo("a.jpg")
    before = path.read_bytes()
    library.run(policy=NO_FILES)
    assert path.read_bytes() == before
    library.run(policy=NO_FILES)
    assert library.outcomes() == {"a.jpg": "unchanged"}
    library.run()
    assert library.outcomes() == {"a.jpg": "captioned"}
    assert library.captioner.pictures == 0
    assert read_caption(path).text == RED
    library.run()
    assert library.outcomes() == {"a.jpg": "unchanged"}


def test_unsure_captions_stay_in_the_index(library: Library) -> None:
    path = library.photo("a.jpg")
    library.run(min_confidence=0.5)
    assert library.captions() == {"a.jpg": RED}
    assert read_caption(path).origin is Origin.NOBODY
    library.run(min_confidence=0.5)
    assert library.outcomes() == {"a.jpg": "unchanged"}


def test_read_only_photo_gets_a_sidecar_and_the_reason(library: Library) -> None:
    path = library.photo("a.jpg")
    before = path.read_bytes()
    path.chmod(0o444)
    library.run()
    result = library.result("a.jpg")
    assert (result.outcome, result.written, result.error) == (Outcome.CAPTIONED, Written.SIDECAR, "it is read-only")
    assert path.read_bytes() == before
    assert (library.root / "a.jpg.xmp").exists()
    assert library.run().summary == "1 unchanged"


def test_a_person_edits_a_sidecar(library: Library) -> None:
    path = library.photo("a.jpg")
    library.run(policy=WritePolicy(mode=MetadataMode.SIDECAR))
    sidecar = library.root / "a.jpg.xmp"
    assert library.run().summary == "1 unchanged"
    sidecar.write_bytes(sidecar.read_bytes().replace(RED.encode(), b"My red wall"))
    before = sidecar.read_bytes()
    library.run()
    assert library.captions() == {"a.jpg": "My red wall"}
    assert (library.captioner.pictures, sidecar.read_bytes()) == (0, before)
    assert library.run().summary == "1 unchanged"
    assert library.run(path).summary == "1 unchanged"


def test_a_person_describes_photos_in_a_list_of_the_folder(library: Library) -> None:
    library.photo("a.jpg")
    library.photo("b.jpg", "blue", (41, 30))
    library.run()
    (library.root / "descript.ion").write_text("a.jpg My red wall\n")
    library.run()
    assert library.captions() == {"a.jpg": "My red wall", "b.jpg": BLUE}
    assert library.run().summary == "2 unchanged"


def test_missing_photos_become_tombstones_and_come_back(library: Library, tmp_path: Path) -> None:
    library.photo("a.jpg")
    library.photo("sub/b.jpg", "blue", (41, 30))
    library.run()
    (library.root / "sub").rename(tmp_path / "away")
    library.run()
    assert library.outcomes() == {"a.jpg": "unchanged"}
    assert library.state("sub/b.jpg") is PhotoState.MISSING
    (tmp_path / "away").rename(library.root / "sub")
    library.run()
    assert library.outcomes() == {"a.jpg": "unchanged", "sub/b.jpg": "unchanged"}
    assert library.state("sub/b.jpg") is PhotoState.PRESENT
    assert library.captioner.pictures == 0


@pytest.mark.parametrize("how", ["gone", "empty"])
def test_a_root_that_vanished_is_not_believed(library: Library, tmp_path: Path, how: str) -> None:
    library.photo("a.jpg")
    library.run()
    library.root.rename(tmp_path / "away")
    if how == "empty":
        library.root.mkdir()
    report = library.run()
    assert report.exit_code == 3
    (result,) = library.results
    assert "--allow-empty" in (result.error or "")
    assert "1 known" in (result.error or "")
    assert library.state("a.jpg") is PhotoState.PRESENT
    assert library.run(allow_empty=True).exit_code == (3 if how == "gone" else 0)
    assert library.state("a.jpg") is PhotoState.MISSING


def test_a_drive_below_the_library_that_is_unplugged_is_not_believed(library: Library) -> None:
    library.photo("a.jpg")
    library.photo("drive/2019/b.jpg", "blue", (41, 30))
    library.photo("drive/c.jpg", "red", (42, 30))
    library.run()
    for path in ("drive/2019/b.jpg", "drive/c.jpg"):
        (library.root / path).unlink()
    (library.root / "drive/2019").rmdir()  # an empty folder is left where the drive was
    report = library.run()
    assert report.exit_code == 3
    assert report.gone == 0
    (failed,) = [result for result in library.results if result.outcome is Outcome.FAILED]
    assert failed.path == library.root / "drive"
    assert "2 known" in (failed.error or "")
    assert library.state("drive/c.jpg") is PhotoState.PRESENT
    report = library.run(allow_empty=True)
    assert (report.exit_code, report.gone) == (0, 2)
    assert "2 gone (photocap status --missing)" in report.summary
    assert library.state("drive/c.jpg") is PhotoState.MISSING


def test_a_folder_that_keeps_other_files_lost_its_photos(library: Library) -> None:
    library.photo("a.jpg")
    library.photo("sub/b.jpg", "blue", (41, 30))
    library.run()
    (library.root / "sub/b.jpg").unlink()
    (library.root / "sub/notes.txt").write_text("sold")
    assert library.run().gone == 1
    assert library.state("sub/b.jpg") is PhotoState.MISSING


def test_what_a_run_leaves_out_is_not_missing(library: Library) -> None:
    library.photo("a.jpg")
    library.photo("sub/b.jpg", "blue", (41, 30))
    library.run()
    library.run(walk=WalkOptions(exclude=("sub",)))
    assert library.state("sub/b.jpg") is PhotoState.PRESENT
    library.run(library.root / "a.jpg")
    assert library.state("sub/b.jpg") is PhotoState.PRESENT


def test_a_folder_that_cannot_be_read_loses_nothing(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    library.photo("a.jpg")
    library.photo("sub/b.jpg", "blue", (41, 30))
    library.run()
    original = os.scandir

    def scandir(path: str = ".") -> object:
        if os.path.basename(path) == "sub":
            raise PermissionError(13, "Permission denied", path)
        return original(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert library.run().exit_code == 3
    assert library.outcomes() == {"sub": "failed", "a.jpg": "unchanged"}
    assert library.state("sub/b.jpg") is PhotoState.PRESENT


def test_videos_and_links_are_counted_and_passed_by(library: Library) -> None:
    library.photo("a.jpg")
    (library.root / "clip.mp4").write_bytes(b"x")
    (library.root / "link.jpg").symlink_to("a.jpg")
    (library.root / "loop").symlink_to(".")
    report = library.run()
    assert report.summary == "1 captioned, 2 skipped"
    assert report.exit_code == 0
    assert library.run(walk=WalkOptions(follow_links=True)).summary == "1 unchanged, 3 skipped"


def test_a_photo_that_changes_while_it_is_read_is_left_for_the_next_run(library: Library) -> None:
    path = library.photo("a.jpg")

    class Meddler(FakeCaptioner):
        def caption_batch(self, images):  # type: ignore[no-untyped-def]
            library.photo("a.jpg", "blue", (41, 30))
            return super().caption_batch(images)

    library.captioner = Meddler()
    report = library.run()
    assert "changed" in (library.result("a.jpg").error or "")
    assert (report.exit_code, library.captions()) == (0, {})
    assert read_caption(path).origin is Origin.NOBODY
    library.captioner = FakeCaptioner()
    library.run()
    assert library.captions() == {"a.jpg": BLUE}


def test_embeddings_are_stored_and_asked_for_where_only_they_are_missing(library: Library) -> None:
    path = with_description(library, "a.jpg", "Grandma in Graz, 1987")
    library.captioner = FakeCaptioner(embed=True)
    library.run(space_id="space")
    assert library.captioner.pictures == 1
    assert library.captions() == {"a.jpg": "Grandma in Graz, 1987"}
    shutil.copyfile(path, library.root / "b.jpg")
    library.run(space_id="space")
    assert library.captioner.pictures == 0


def test_another_models_captions_are_made_anew_on_request(library: Library) -> None:
    path = library.photo("a.jpg")
    mine = with_description(library, "mine.jpg", "Grandma in Graz, 1987", "blue")
    library.run()
    library.captioner.model_id = "better@111111111111"
    library.run()
    assert library.outcomes() == {"a.jpg": "unchanged", "mine.jpg": "unchanged"}
    library.run(recaption=Recaption("better@111111111111"))
    assert library.outcomes() == {"a.jpg": "captioned", "mine.jpg": "unchanged"}
    assert library.captioner.pictures == 1
    assert read_caption(path).model_id == "better@111111111111"
    assert read_caption(mine).text == "Grandma in Graz, 1987"
    library.run(recaption=Recaption("better@111111111111"))
    assert library.captioner.pictures == 0


def test_another_certainty_is_a_reason_to_caption_anew_on_request(library: Library) -> None:
    class Doubter(FakeCaptioner):
        def caption_batch(self, images: Sequence[Image.Image]) -> list[Caption]:
            captions = super().caption_batch(images)
            return [replace(c, text=hedged(c.text)) if c.confidence < 0.5 else c for c in captions]

    for name, width in (("sure.jpg", 80), ("unsure.jpg", 40)):
        library.photo(name, size=(width, 30))
    library.run()
    library.captioner = Doubter()
    doubts = Recaption(library.captioner.model_id, hedge_below=0.5)
    library.run(recaption=doubts)
    assert library.outcomes() == {"sure.jpg": "unchanged", "unsure.jpg": "captioned"}
    assert library.captions()["unsure.jpg"].startswith("Perhaps ")
    library.run(recaption=doubts)
    assert library.captioner.pictures == 0
    library.captioner = FakeCaptioner()
    library.run(recaption=replace(doubts, hedge_below=0.0))
    assert library.outcomes() == {"sure.jpg": "unchanged", "unsure.jpg": "captioned"}
    assert not library.captions()["unsure.jpg"].startswith("Perhaps ")


def test_a_new_model_brings_new_embeddings_for_all_on_request(library: Library) -> None:
    library.photo("a.jpg")
    with_description(library, "mine.jpg", "Grandma in Graz, 1987", "blue")
    library.captioner = FakeCaptioner(embed=True)
    library.captioner.space_id = "old"
    library.run(space_id="old")
    library.captioner.model_id, library.captioner.space_id = "better@111111111111", "new"
    library.run(space_id="new", recaption=Recaption("better@111111111111"))
    assert library.captioner.pictures == 2
    with PhotoIndex.open(library.db, read_only=True) as index:
        assert (index.embeddings.space_id(), index.counts().embeddings) == ("new", 2)
    assert library.captions()["mine.jpg"] == "Grandma in Graz, 1987"
    library.run(space_id="new", recaption=Recaption("better@111111111111"))
    assert library.captioner.pictures == 0


def test_ctrl_c_keeps_what_is_done_and_the_same_call_goes_on(library: Library) -> None:
    for i in range(20):
        library.photo(f"{i:02d}.jpg", size=(40 + i, 30))

    def stop(result: PhotoResult) -> None:
        if result.path.name == "09.jpg":
            raise KeyboardInterrupt

    report = library.run(on_result=stop)
    assert (report.interrupted, report.exit_code) == (True, 130)
    assert len(library.captions()) == 12
    report = library.run()
    assert report.summary == "8 captioned, 12 unchanged"
    assert library.captioner.pictures == 8
    assert [p.name for p in library.root.iterdir() if p.suffix != ".jpg"] == []


def test_stale_temporary_files_are_removed(library: Library) -> None:
    library.photo("sub/a.jpg")
    stale = library.root / "sub" / ".photocap-0123456789abcdef.tmp"
    stale.write_bytes(b"left by a killed run")
    other = library.root / "sub" / ".photocap-notes.txt"
    other.write_bytes(b"mine")
    library.run(dry_run=DryRun.YES)
    assert stale.exists()
    library.run()
    assert not stale.exists()
    assert other.exists()


def test_the_index_may_lie_inside_the_library(library: Library) -> None:
    library.db = library.root / "index.db"
    library.photo("a.jpg")
    library.run()
    assert library.run().summary == "1 unchanged"


@needs_byte_names
def test_photos_with_awkward_names(library: Library) -> None:
    names = ["with space.jpg", "new\nline.jpg", os.fsdecode(b"caf\xe9.jpg"), "\N{CAMERA}.jpg", "-rf.jpg"]
    for i, name in enumerate(names):
        library.photo(name, size=(40 + i, 30))
    assert library.run().summary == "5 captioned"
    assert set(library.captions()) == set(names)
    assert library.run().summary == "5 unchanged"


@pytest.fixture(scope="module")
def opened() -> Iterator[list[str]]:
    """Collect the names of all files that are opened; a hook cannot be taken out again, so it is told when to rest."""
    names: list[str] = []
    state = {"on": True}

    def note(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and state["on"] and isinstance(arguments[0], (str, bytes, os.PathLike)):
            names.append(os.fsdecode(arguments[0]))

    sys.addaudithook(note)
    yield names
    state["on"] = False


def test_a_photo_is_opened_once_to_examine_it(library: Library, opened: list[str]) -> None:
    photo = library.photo("a.jpg")
    job = PhotoJob(photo=next(iter(find_photos([photo]))))
    opened.clear()
    examine(job, WritePolicy(), Readers())
    assert opened.count(str(photo)) == 1
    assert (job.trouble, job.picture_hash) == (None, picture_hash(photo))
    assert job.facts is not None
