"""Written files before independent judges: ExifTool, Exiv2 and decoded pixels, which know nothing of photocap."""

from __future__ import annotations

import shutil
import sys

import metadata_files as files
import pytest
from conftest import REPOSITORY
from test_metadata_formats import CASES

from photocap.metadata import Overwrite, WritePolicy, revert
from photocap.records import Written

sys.path.insert(0, str(REPOSITORY / "benchmarks"))
from metadata_judge import caption_in, exiftool_tags, exiv2_tags, lost_lines, lost_tags, pixels

TEXT = "A dog runs along the beach — über den Strand"
ENDINGS = (".jpg", ".jpeg", ".mpo", ".png", ".webp", ".tif", ".tiff")
MOST_REFUSED = 0.1  # a tenth of the corpus is damaged on purpose
pytestmark = [
    pytest.mark.skipif(not shutil.which("exiftool"), reason="needs exiftool (Debian: libimage-exiftool-perl)"),
    pytest.mark.skipif(not shutil.which("exiv2"), reason="needs exiv2"),
]


def check_photos(photos):
    """Write a caption into each photo, let the judges compare, take it back; return how many were written."""
    tags, lines, decoded = exiftool_tags(photos), exiv2_tags(photos), {photo: pixels(photo) for photo in photos}
    old = {photo: photo.read_bytes() for photo in photos}
    prepared = {photo: files.write(photo, TEXT, WritePolicy(overwrite=Overwrite.ALL)) for photo in photos}
    written = [photo for photo in photos if prepared[photo].written is Written.EMBEDDED]
    new_tags, new_lines = exiftool_tags(written), exiv2_tags(written)
    for photo in written:
        assert lost_tags(tags[photo], new_tags[photo]) == [], photo
        assert lost_lines(lines[photo], new_lines[photo]) == [], photo
        assert pixels(photo) == decoded[photo], photo
        assert caption_in(new_tags[photo]) == {TEXT}, photo
        for trouble in ("ExifTool:Warning", "ExifTool:Error"):
            assert tags[photo].get(trouble) or not new_tags[photo].get(trouble), photo
        if lines[photo] or new_lines[photo]:  # some damaged samples Exiv2 cannot read, before or after
            assert TEXT in "\n".join(new_lines[photo]), photo
        (record,) = prepared[photo].undo
        assert revert(record, photo.read_bytes()) == old[photo], photo
    untouched = [photo for photo in photos if photo not in written]
    assert all(photo.read_bytes() == old[photo] for photo in untouched)
    return len(written)


def corpus(shared, tmp_path, step):
    """Return copies of every `step`-th camera file."""
    folder = shared / "camera-files"
    chosen = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in ENDINGS][::step]
    copies = []
    for path in chosen:
        copy = tmp_path / "--".join(path.relative_to(folder).parts)
        shutil.copyfile(path, copy)
        copies.append(copy)
    return copies


@pytest.mark.filterwarnings("ignore")  # Pillow warns of the samples that are damaged on purpose
def test_a_sample_of_real_files_is_not_harmed(shared, tmp_path):
    photos = corpus(shared, tmp_path, step=11)
    assert check_photos(photos) >= len(photos) * (1 - MOST_REFUSED)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_no_real_file_is_harmed(shared, tmp_path):
    photos = corpus(shared, tmp_path, step=1)
    assert len(photos) > 650
    assert check_photos(photos) >= len(photos) * (1 - MOST_REFUSED)


def test_no_odd_layout_is_harmed(tmp_path):
    photos = []
    for name, data in CASES.items():
        photo = tmp_path / name
        photo.write_bytes(data)
        photos.append(photo)
    assert check_photos(photos) == len(CASES)
