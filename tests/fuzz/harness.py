"""What must hold for whatever bytes are read: photocap's own errors only, bounded time and memory, writes undone.

    PYTHONPATH=.:tests:examples python -m fuzz.harness --seconds 600 --seed 7

A finding is saved as a file; `python -m fuzz.harness --again FILE` runs it once more.
`fuzz.with_atheris` runs the same targets under libFuzzer, guided by what code an input reaches.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import random
import resource
import sys
import tempfile
import time
import traceback
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import metadata_files as files
from PIL import Image

from fuzz import seeds
from fuzz.mutation import mutated
from photocap.datasets import read_captions
from photocap.errors import CaptionFileError, FileProblem
from photocap.formats.exif_texts import exif_texts
from photocap.formats.splice import Edit, splice
from photocap.formats.tiff_edits import tiff_edits
from photocap.formats.tiff_ifd import TiffBlock
from photocap.formats.tiff_structure import TiffError
from photocap.metadata import PatchError, revert
from photocap.metadata.contents import parse_contents
from photocap.metadata.files import Surroundings
from photocap.metadata.folder_lists import listed_description
from photocap.metadata.iptc import IptcChange, IptcError, captions_in, captions_in_resources, changed_datasets
from photocap.metadata.neighbours import plain_text, takeout_words
from photocap.metadata.plan import CannotEmbed, NewContent, plan_embed, plan_sidecar
from photocap.metadata.policy import Also, WriteOrder
from photocap.metadata.reader import find_captions
from photocap.metadata.undo import matches_after, matches_before, record_write
from photocap.metadata.words import find_words
from photocap.metadata.xml import XmlError
from photocap.photos import picture_hash, read_facts
from photocap.photos.decode import open_picture
from photocap.photos.ignore import _spec
from photocap.query import parse_query

MAX_CPU_S = 2.0
MAX_MORE_BYTES = 500 << 20
_MAX_COMPARED_PIXELS = 1_000_000
_ORDERS = (
    WriteOrder(text="a dog on a beach", signature=files.MARKING),
    WriteOrder(text="ein Hund — 犬" * 40, signature=files.MARKING, also=frozenset(Also)),
    WriteOrder(text="a person's words", signature=None, also=frozenset({Also.XP_COMMENT})),
)
statistics: Counter[str] = Counter()


class Finding(AssertionError):
    """Something that must not happen did."""


def check_photo(name: str, data: bytes) -> None:
    """Read a photo in every way, and write a caption into it where that is allowed."""
    path = Path(name)
    contents = parse_contents(path, data)
    find_captions(contents, Surroundings())
    find_words(contents, Surroundings())
    hash_before = picture_hash(path, data=data)
    _foreseen(lambda: read_facts(path, data=data))
    order = _ORDERS[len(data) % len(_ORDERS)]
    new = _planned(lambda: plan_embed(contents, order))
    if new is None or not new.edits:
        return
    statistics["writes"] += 1
    _check_undo(data, new)
    if picture_hash(path, data=new.data) != hash_before:
        raise Finding("the picture's hash changed")
    _check_pixels(path, data, new.data)


def check_sidecar(_name: str, data: bytes) -> None:
    """Write a caption into a sidecar where that is allowed."""
    with contextlib.suppress(XmlError):
        new = plan_sidecar(data, _ORDERS[len(data) % len(_ORDERS)])
        statistics["sidecars"] += 1
        _check_undo(data, new)


def check_exif(_name: str, data: bytes) -> None:
    """Read an EXIF block by itself, and set a value in it."""
    exif_texts(data)
    with contextlib.suppress(TiffError):
        block = TiffBlock(data)
        edits = tiff_edits(block, {0x010E: (2, b"a dog\0")}, limit_bytes=len(data) + 1000)
        with contextlib.suppress(ValueError):  # they overlap; the planner says so
            _check_undo(data, NewContent(splice(data, edits), edits))


def check_iptc(_name: str, data: bytes) -> None:
    """Read IPTC, bare and inside Photoshop resources, and change it."""
    for run in (
        lambda: captions_in(data),
        lambda: captions_in_resources(data),
        lambda: changed_datasets(data, IptcChange(caption="a dog", added=("ai",))),
    ):
        with contextlib.suppress(IptcError):
            run()


def check_takeout(_name: str, data: bytes) -> None:
    """Read the files beside a photo that are no XMP."""
    takeout_words(data)
    plain_text(data)
    for folder, name in (("photos", "descript.ion"), ("photos", ".picasa.ini"), (".comments", "a.jpg.xml")):
        with contextlib.suppress(ValueError):
            listed_description(folder, name, data, "a.jpg")


def check_captions(_name: str, data: bytes) -> None:
    """Read a caption file."""
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(CaptionFileError):
        path = Path(folder, "captions.csv")
        path.write_bytes(data)
        read_captions(path)


def check_ignore(_name: str, data: bytes) -> None:
    """Read an ignore file and match names with it."""
    with contextlib.suppress(ValueError):
        spec = _spec(data.decode("utf-8", "replace").splitlines())
        for name in ("a" * 200, "private/x/" + "ab" * 60 + "/cache/a.png"):
            spec.match_file(name)


def check_query(_name: str, data: bytes) -> None:
    """Read a query, which never fails."""
    parse_query(data.decode("utf-8", "replace"))


def check_patch(_name: str, data: bytes) -> None:
    """Take back a write by a damaged record."""
    photo = b"what is in a photo"
    record = record_write(Path("a.jpg"), b"old" + photo, b"new" + photo, [Edit(0, 3, b"new")])
    for patch in (data, zlib.compress(data)):
        damaged = replace(record, patch=patch)
        with contextlib.suppress(PatchError):
            revert(damaged, b"new" + photo)


TARGETS: dict[str, Callable[[str, bytes], None]] = {
    "photo": check_photo,
    "sidecar": check_sidecar,
    "exif": check_exif,
    "iptc": check_iptc,
    "takeout": check_takeout,
    "captions": check_captions,
    "ignore": check_ignore,
    "query": check_query,
    "patch": check_patch,
}


def check(target: str, name: str, data: bytes) -> None:
    """Run one input.

    Raises:
        Finding: it raised, took or broke something that it must not.
    """
    begin = time.process_time()
    try:
        TARGETS[target](name, data)
    except Finding:
        raise
    except Exception as error:
        raise Finding(f"{type(error).__name__}: {error}") from error
    if (taken_s := time.process_time() - begin) > MAX_CPU_S:
        raise Finding(f"it took {taken_s:.1f} s")


def _foreseen(read: Callable[[], object]) -> None:
    try:
        read()
    except FileProblem as problem:
        if "unexpected" in problem.reason:
            raise Finding(problem.reason) from problem


def _planned(plan: Callable[[], NewContent]) -> NewContent | None:
    try:
        return plan()
    except CannotEmbed as refusal:
        if "unexpected" in str(refusal):
            raise Finding(str(refusal)) from refusal
        if "the check before writing" in str(refusal):
            statistics["refused by the check"] += 1
        return None


def _check_undo(old: bytes, new: NewContent) -> None:
    record = record_write(Path("photo.jpg"), old, new.data, new.edits)
    if not (matches_before(record, old) and matches_after(record, new.data) and revert(record, new.data) == old):
        raise Finding("the write is not taken back byte for byte")


def _check_pixels(path: Path, old: bytes, new: bytes) -> None:
    before = _pixels(path, old)
    if before is not None and _pixels(path, new) != before:
        raise Finding("the pixels changed")


def _pixels(path: Path, data: bytes) -> object:
    """Return what Pillow decodes, None where that is too large or damaged."""
    try:
        with open_picture(path, data) as image:
            if image.width * image.height > _MAX_COMPARED_PIXELS:
                return None
            image.load()
            return image.size, image.mode, hashlib.sha256(image.tobytes()).hexdigest(), image.info.get("icc_profile")
    except FileProblem:
        return None


def fuzz(*, seed: str, seconds: float, on_finding: Callable[[str, str, bytes, Finding], None]) -> int:
    """Run mutated inputs for a while; return how many.

    Args:
        seed: gives the same inputs again.
        seconds: of processor time.
        on_finding: is told the target, the name, the bytes and what is wrong.
    """
    Image.init()
    chance = random.Random(seed)
    photos, others = seeds.photos(), seeds.others()
    pool = [*photos.values(), *(data for group in others.values() for data in group)]
    kinds = (
        ["photo"] * 12
        + ["sidecar"] * 3
        + ["exif"] * 3
        + [name for name in TARGETS if name not in ("photo", "sidecar", "exif")]
    )
    most_bytes = _peak_bytes() + MAX_MORE_BYTES
    begin, count = time.process_time(), 0
    while time.process_time() - begin < seconds:
        count += 1
        target = chance.choice(kinds)
        name = chance.choice(list(photos)) if target == "photo" else target
        data = mutated(photos[name] if target == "photo" else chance.choice(others[target]), pool, chance)
        try:
            check(target, name, data)
            if _peak_bytes() > most_bytes:
                most_bytes = _peak_bytes() + MAX_MORE_BYTES
                raise Finding(f"it took more than {MAX_MORE_BYTES >> 20} MiB")
        except Finding as finding:
            on_finding(target, name, data, finding)
    return count


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _save(folder: Path, seen: set[str]) -> Callable[[str, str, bytes, Finding], None]:
    def save(target: str, name: str, data: bytes, finding: Finding) -> None:
        cause = finding.__cause__ or finding
        place = traceback.extract_tb(cause.__traceback__)[-1]
        key = f"{target} {str(finding)[:60]} {place.filename}:{place.lineno}"
        if key in seen:
            return
        seen.add(key)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{target}--{hashlib.sha256(data).hexdigest()[:10]}--{name}"
        path.write_bytes(data)
        sys.stderr.write(f"{path}: {finding}\n  {place.filename}:{place.lineno}\n")

    return save


def main() -> int:
    """Fuzz for a while, or run findings again."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", default="0")
    parser.add_argument("--findings", type=Path, default=Path("fuzz-findings"))
    parser.add_argument("--again", type=Path, nargs="+")
    arguments = parser.parse_args()
    seen: set[str] = set()
    save = _save(arguments.findings, seen)
    for path in arguments.again or ():
        target, _, name = path.name.split("--", 2)
        try:
            check(target, name, path.read_bytes())
        except Finding:
            traceback.print_exc()
            seen.add(path.name)
    if not arguments.again:
        count = fuzz(seed=arguments.seed, seconds=arguments.seconds, on_finding=save)
        sys.stderr.write(f"{count:,} inputs, {dict(statistics)}, {len(seen)} findings\n")
    return 1 if seen else 0


if __name__ == "__main__":
    sys.exit(main())
