"""An index of which a page is damaged: every command still works, or says in one line what is wrong."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path

import pytest
from click.testing import Result
from fakes import FakeCaptioner
from PIL import Image
from test_index import record

from photocap.index import PhotoIndex
from photocap.library.indexing import index_photos
from photocap.records import Caption, Label

_PAGE_BYTES = 4_096
COMMANDS = [
    ["search", "dog"],
    ["search", "a red photo"],
    ["search", "path:dog", "--sort", "newest"],
    ["search", "label:dog"],
    ["search", "doog"],
    ["status"],
    ["status", "--missing"],
    ["show", "PHOTO"],
    ["explain", "PHOTO"],
    ["export", "-"],
    ["dupes"],
    ["dupes", "--near"],
    ["similar", "PHOTO"],
    ["edit", "PHOTO", "Anna"],
    ["review"],
    ["prune", "--yes"],
    ["restore", "--dry-run"],
    ["restore"],
    ["index", "PHOTO"],
]


class Labelling(FakeCaptioner):
    space_id: str | None = "a space"

    def caption_batch(self, images: Sequence[Image.Image]) -> list[Caption]:
        return [replace(c, labels=(Label("dog", 0.9), Label("animal", 0.8))) for c in super().caption_batch(images)]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with photos and an index of them and of many more, with all that an index can hold."""
    folder = tmp_path_factory.mktemp("library")
    for number in range(6):
        Image.new("RGB", (40 + number, 30), ("red", "blue")[number % 2]).save(folder / f"{number}.jpg")
    shutil.copy(folder / "0.jpg", folder / "copy.jpg")
    with PhotoIndex.open(folder / "index.db", create=True) as index:
        index_photos([folder], index, lambda: Labelling(embed=True))
        more = [
            record(f"/p/{n}/dog {n}.jpg", f"dog number {n} on a beach", embedding=bytes([n % 256]) * 512)
            for n in range(800)
        ]
        index.record_batch(index.runs.start("test"), more)
    return folder


def damage(data: bytes, seed: int) -> bytes:
    """Return an index with one page that was overwritten, lost or fell over in places."""
    rng, damaged = random.Random(seed), bytearray(data)
    start = rng.randrange(1, len(data) // _PAGE_BYTES) * _PAGE_BYTES
    how = rng.choice(["zeros", "noise", "bits", "words"])
    if how in ("zeros", "noise"):
        damaged[start : start + _PAGE_BYTES] = bytes(_PAGE_BYTES) if how == "zeros" else rng.randbytes(_PAGE_BYTES)
    for _ in range(20 if how == "bits" else 0):
        damaged[start + rng.randrange(_PAGE_BYTES)] ^= 1 << rng.randrange(8)
    for _ in range(10 if how == "words" else 0):
        at = start + rng.randrange(_PAGE_BYTES - 8)
        damaged[at : at + 8] = rng.randbytes(8)
    return bytes(damaged)


def without_schema(data: bytes) -> bytes:
    """Return an index that has lost the page on which its triggers are described."""
    pages = [data[start : start + _PAGE_BYTES] for start in range(0, len(data), _PAGE_BYTES)]
    lost = next(number for number, page in enumerate(pages) if number and b"CREATE TRIGGER" in page)
    return b"".join(bytes(_PAGE_BYTES) if number == lost else page for number, page in enumerate(pages))


def with_words_that_mean_nothing(data: bytes) -> bytes:
    """Return an index that SQLite can read, and in which captions are neither a person's nor a model's."""
    pages = [data[start : start + _PAGE_BYTES] for start in range(0, len(data), _PAGE_BYTES)]
    return b"".join(page if b"CREATE" in page else page.replace(b"model", b"hmode") for page in pages)


def with_a_schema_that_is_no_text(data: bytes) -> bytes:
    """Return an index in which a trigger is described in bytes that are no UTF-8, which SQLite's message quotes."""
    return data.replace(b"CREATE TRIGGER", b"CREATE \xb0\x81\x89GGER", 1)


def check_every_command(cli: Callable[..., Result], library: Path, folder: Path, damaged: bytes) -> set[str]:
    """Run every command on an index of its own; return what they say of damage."""
    said = set()
    for number, command in enumerate(COMMANDS):
        db = folder / str(number) / "index.db"
        db.parent.mkdir()
        db.write_bytes(damaged)
        db.with_name("index.db.lock").write_text(f"{date.today()}\n")  # nobody has reason to read it through first
        photo = str(library / "1.jpg")
        result = cli(*(photo if word == "PHOTO" else word for word in command), "--db", db, input="asq")
        assert result.exception is None or isinstance(result.exception, SystemExit), (command, result.exception)
        said |= {command[0]} if "this index is damaged" in result.stderr else set()
        shutil.rmtree(db.parent)
    return said


@pytest.fixture(autouse=True)
def fake_captioner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("photocap.captioning.registry.load_captioner", lambda *_a, **_k: Labelling(embed=True))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # numpy computes with whatever an embedding holds
@pytest.mark.parametrize(
    "harm", [without_schema, with_a_schema_that_is_no_text, with_words_that_mean_nothing, partial(damage, seed=1)]
)
def test_no_command_ends_in_a_traceback(
    cli: Callable[..., Result], library: Path, tmp_path: Path, harm: Callable[[bytes], bytes]
) -> None:
    said = check_every_command(cli, library, tmp_path, harm((library / "index.db").read_bytes()))
    assert harm not in (without_schema, with_a_schema_that_is_no_text) or "search" in said
    assert harm is not with_words_that_mean_nothing or {"show", "dupes", "edit"} <= said


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.slow
def test_no_command_ends_in_a_traceback_whatever_the_damage(
    cli: Callable[..., Result], library: Path, tmp_path: Path
) -> None:
    whole = (library / "index.db").read_bytes()
    for seed in range(300):
        check_every_command(cli, library, tmp_path, damage(whole, seed))
