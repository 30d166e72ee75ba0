"""Stored pictures of every format: a hash that changes would make every index out there caption its photos again.

A line of `golden.txt` is a hash of either kind, a name, and the caption that is read where the file holds one.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import REPOSITORY

from photocap.metadata import read_caption
from photocap.photos import picture_hash
from photocap.records import HashKind

PICTURES = REPOSITORY / "tests" / "data" / "pictures"
LINES = [line.split(maxsplit=3) for line in (PICTURES / "golden.txt").read_text("utf-8").splitlines()]
HASHES = {name: digests for *digests, name in (line[:3] for line in LINES)}
CAPTIONS = {name: caption[0] for _, _, name, *caption in LINES if caption}


@pytest.mark.parametrize("name", sorted(HASHES))
def test_a_stored_picture_keeps_its_hash(name: str, tmp_path: Path) -> None:
    picture = PICTURES / name
    for kind, digest in zip((HashKind.SHA256, HashKind.BLAKE3), HASHES[name], strict=True):
        assert HashKind.of(digest) is kind
        assert picture_hash(picture, kind=kind) == digest
        assert picture_hash(tmp_path / "in-memory", picture.read_bytes(), kind=kind) == digest


@pytest.mark.parametrize("name", sorted(CAPTIONS))
def test_the_caption_of_a_stored_picture_is_read(name: str) -> None:
    assert read_caption(PICTURES / name).text == CAPTIONS[name]


def test_every_stored_picture_has_a_line() -> None:
    assert {path.name for path in PICTURES.iterdir()} - {"golden.txt"} == set(HASHES)
    assert CAPTIONS
