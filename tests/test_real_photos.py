"""The base model on real photographs, and the whole way from photo to search result."""

import json
import re
import subprocess
import sys

import pytest
import sample_photos
from conftest import REPOSITORY
from PIL import Image

from photocap.captioning.model_files import base_model_dir
from photocap.photos import load_image

# Words that name what is in the picture, or honestly a near thing.
NEAR = {
    "chelsea.png": "cat kitten animal",
    "astronaut.png": "woman girl person man uniform suit astronaut",
    "coffee.png": "cup coffee mug plate bowl food table drink spoon",
    "rocket.jpg": "rocket tower smoke fire sky launch building light",
    "motorcycle_left.png": "motorcycle bike motorbike bicycle",
    "grace_hopper.jpg": "woman man officer uniform person hat",
}


@pytest.fixture(scope="module")
def captioner():
    from photocap.captioning.registry import load_captioner

    return load_captioner(None, device="cpu")


@pytest.fixture(scope="module")
def captions(captioner):
    photos = sample_photos.sample_photos()
    images = [load_image(photo, captioner.image_size_px) for photo in photos]
    return {photo.name: caption for photo, caption in zip(photos, captioner.caption_batch(images), strict=True)}


def test_captions_name_what_is_in_the_picture(captions):
    assert captions.keys() >= NEAR.keys() - {"grace_hopper.jpg"}  # which is matplotlib's, of the extra `train`
    wrong = {
        name: captions[name].text
        for name, words in NEAR.items()
        if name in captions and not set(words.split()) & words_of(captions[name])
    }
    assert "chelsea.png" not in wrong, wrong
    assert len(wrong) <= 2, wrong


def test_no_two_photos_get_the_same_sentence(captions):
    texts = [caption.text for caption in captions.values()]
    assert len(set(texts)) == len(texts), texts


def test_captions_are_sentences(captions):
    for name, caption in captions.items():
        assert len(words_of(caption)) >= 4, (name, caption)
        assert "unk" not in caption.text
        assert not re.search(r"\b(\w+) \1\b", caption.text), (name, caption)
        assert 0 <= caption.confidence <= 1


def test_a_turned_photo_gets_its_caption_from_the_upright_picture(captioner, sample_photos, tmp_path):
    cat = next(photo for photo in sample_photos if photo.name == "chelsea.png")
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned by 90 degrees clockwise
    with Image.open(cat) as image:
        image.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.jpg", exif=exif, quality=95)
    image = load_image(tmp_path / "turned.jpg", captioner.image_size_px)
    assert image.width > image.height
    assert words_of(captioner.caption_batch([image])[0]) & set(NEAR["chelsea.png"].split())


@pytest.mark.slow
def test_the_whole_way_with_real_processes(process, sample_photos, tmp_path):
    folder, index = sample_photos[0].parent, tmp_path / "index.db"
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    first = process("index", folder, "--db", index, "--json")
    assert first.returncode == 3, first.stderr
    records = [json.loads(line) for line in first.stdout.splitlines()]
    assert [r["path"] for r in records if r["outcome"] == "failed"] == [str(folder / "broken.jpg")]
    assert sum(r["outcome"] == "captioned" for r in records) == len(sample_photos)

    second = process("index", folder, "--db", index, "--json")
    outcomes = {json.loads(line)["outcome"] for line in second.stdout.splitlines()}
    assert outcomes <= {"unchanged", "failed", "skipped"}, second.stdout

    found = process("search", "cat", "--db", index, "--json")
    assert str(folder / "chelsea.png") in [json.loads(line)["path"] for line in found.stdout.splitlines()]

    rocket = next(r for r in records if r["path"].endswith("rocket.jpg"))
    assert rocket["written"] == "embedded"
    with Image.open(folder / "rocket.jpg") as image:
        assert image.getexif()[0x010E] == rocket["caption"]


@pytest.mark.slow
def test_the_demo_runs_and_leaves_the_own_index_alone(own_home, tmp_path):
    done = subprocess.run(
        [sys.executable, REPOSITORY / "examples" / "demo.py"], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "$ photocap index demo/photos" in done.stdout
    assert "chelsea.png" in done.stdout
    assert not list(own_home.rglob("index.db"))


@pytest.mark.slow
def test_the_demo_never_writes_into_somebodys_own_photos(sample_photos, tmp_path):
    before = {photo: photo.read_bytes() for photo in sample_photos}
    command = [sys.executable, REPOSITORY / "examples" / "demo.py", "--photos", sample_photos[0].parent]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {photo: photo.read_bytes() for photo in sample_photos[0].parent.iterdir()} == before


def test_the_base_model_is_the_repositorys_own():
    assert base_model_dir() == REPOSITORY / "models" / "photocap-base"


def words_of(caption):
    return set(re.findall(r"[a-z]+", caption.text.lower()))
