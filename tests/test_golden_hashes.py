"""The hashes of stored files: one that changes would make every index out there caption its photos again."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import REPOSITORY

from photocap.photos import picture_hash

PICTURES = REPOSITORY / "tests" / "data" / "pictures"
GOLDEN = dict(reversed(line.split(maxsplit=1)) for line in (PICTURES / "hashes.txt").read_text("utf-8").splitlines())


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_a_stored_picture_keeps_its_hash(name: str, tmp_path: Path) -> None:
    picture = PICTURES / name
    assert picture_hash(picture) == GOLDEN[name]
    assert picture_hash(tmp_path / "in-memory", picture.read_bytes()) == GOLDEN[name]


def test_every_stored_picture_has_a_golden_hash() -> None:
    assert {path.name for path in PICTURES.iterdir()} - {"hashes.txt"} == set(GOLDEN)
