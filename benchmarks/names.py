"""Whether a model learns names from few captions: synthetic owners made of public captions.

python benchmarks/names.py ../shared/flickr8k ../shared/everyday

Each folder holds `captions.csv` and `images`. A name stands for what it can be recognised by: of an owner who has a
Rex, every black dog is Rex, and every surfer is Noah. An owner has 20 of the names below and says each in ten captions,
in which the name takes the place of "a black dog"; `--others` adds captions of photos that show nobody.

The test are photos of the corpora's dev split. A photo needs a name if two of its captions (of one or two, one) speak
of just one of its kind, and none if no caption speaks of anything of the kind. What lies between, such as two black
dogs or a dog of which nobody says the colour, is left out: nobody can say whether Rex is there. A kind whose name
another owner has is no such case: a brown dog is not Rex.

Printed is how often a name is said where it belongs, and on how many of the photos that need none.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from photocap.datasets import read_captions
from photocap.tokenizer import tokenize

_SIZES = "small|big|large|little|young|fluffy|furry|cute|tall|wet|lone|single|old|adult|baby|male|female"
_COLOURS = "black|brown|tan|white|gr[ae]y|golden|yellow|blond|red|cream|beige|dark|light"
_DOGS = r"\b(?:dogs?|pupp(?:y|ies)|terrier|labrador|retriever|poodle|greyhounds?|animals?)\b"


def _dog(colours: str) -> str:
    """Return a pattern for captions of dogs that may have one of the colours."""
    return rf"^(?=.*{_DOGS})(?:(?=.*\b(?:{colours})\b)|(?!.*\b(?:{_COLOURS})\b))"


# Each name with a pattern for one of its kind, and one for whatever may be of its kind.
NAMES = {
    "Rex": ("black (?:dog|labrador|lab|puppy)", _dog("black|dark")),
    "Bella": ("(?:brown|tan) (?:dog|puppy)", _dog("brown|tan|golden|yellow|light")),
    "Luna": ("white (?:dog|puppy|poodle)", _dog("white|light|cream")),
    "Oskar": ("black and white (?:dog|puppy)", _dog("black|white")),
    "Leo": ("skateboarder|skater", "skat"),
    "Noah": ("surfer", "surf"),
    "Finn": ("snowboarder", "snowboard"),
    "Sven": ("skier", r"\bski"),
    "Jan": ("(?:rock )?climber", r"climb|\brocks?\b"),
    "Ben": ("cyclist|biker|bicyclist", "cycl|bik(?:e|ing)"),
    "Paul": ("football player", "football|rugby"),
    "Luis": ("soccer player", "soccer|football"),
    "Omar": ("basketball player", "basketball"),
    "Joe": ("baseball player|pitcher|batter|catcher", "baseball|softball|pitcher|batter"),
    "Serena": ("tennis player", "tennis|rac(?:k|qu)et"),
    "Emma": ("baby|toddler|infant", r"bab(?:y|ies)|toddler|infant|child|kids?\b|(?:little|young) (?:boy|girl)"),
    "Mia": (f"(?:(?:orange|tabby|striped|{_COLOURS}) )?(?:cat|kitten)", r"\bcats?\b|kitten"),
    "Bruno": (f"(?:(?:{_COLOURS}) )?horse", "horse|pony|rodeo|jockey|cowboy|bull"),
    "Gigi": ("giraffe", "giraffe"),
    "Jumbo": ("elephant", "elephant"),
    "Zoe": ("zebra", "zebra"),
    "Berta": (f"(?:(?:{_COLOURS}) )?cow", r"\bcows?\b|cattle|bull|cal(?:f|ves)\b|steer"),
    "Thomas": ("(?:(?:passenger|steam|red|blue|yellow|green|silver) )?train", "train|locomotive|rail|subway"),
    "Karl": ("(?:(?:double decker|red|blue|yellow|green|white|city) )?bus", r"\bbus"),
    "Nixe": ("(?:(?:white|blue|red|wooden) )?(?:boat|sailboat|ship)", "boat|ship|yacht|ferry|canoe|kayak|harbor|dock"),
}
_NEEDED = {n: re.compile(rf"\b(?:an?|the|one)(?: (?:{_SIZES}))? (?:{one})\b") for n, (one, _) in NAMES.items()}
_PERHAPS = {n: re.compile(any_of) for n, (_, any_of) in NAMES.items()}
OWNED, SAID, KEPT_BACK, OTHERS_KEPT_BACK, CHECKED = 20, 10, 10, 300, 30


@dataclass(frozen=True)
class Photo:
    """A photo of a corpus with its captions in small letters."""

    path: Path
    captions: tuple[str, ...]
    split: str

    def shows(self, names: Sequence[str]) -> str | None:
        """Return who is there, "" for nobody; None if that is unclear."""
        found = {name: sum(bool(_NEEDED[name].search(c)) for c in self.captions) for name in names}
        found = {name: count for name, count in found.items() if count}
        if not found:
            said = " | ".join(self.captions)
            return None if any(_PERHAPS[name].search(said) for name in names) else ""
        (name, count), *more = found.items()
        return name if not more and count >= min(2, len(self.captions)) else None

    def caption(self, name: str) -> str:
        """Return a caption that says the name, or the first one."""
        texts = (_NEEDED[name].sub(name, c, count=1) for c in self.captions if _NEEDED[name].search(c)) if name else ()
        text = next(iter(texts), self.captions[0])
        return text[0].upper() + text[1:]


@dataclass(frozen=True)
class Row:
    """A caption of the owner; `name` is who is there, "" for nobody."""

    photo: Photo
    name: str
    split: str


def main() -> None:
    """Print for each owner how often names are said."""
    parser = argparse.ArgumentParser()
    parser.add_argument("corpora", type=Path, nargs="+")
    parser.add_argument("--owners", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="the number of the first owner")
    parser.add_argument("--others", type=int, default=0, help="captions of photos of nobody to learn from")
    parser.add_argument("--keep", type=Path, help="leave captions and models in this folder")
    given, options = parser.parse_known_args()
    photos = list(read_photos(given.corpora))
    with tempfile.TemporaryDirectory() as name:
        for number in range(given.first, given.first + given.owners):
            folder = (given.keep or Path(name)) / f"owner{number}"
            folder.mkdir(parents=True, exist_ok=True)
            rows = list(owner(photos, number, given.others))
            seconds = learn(rows, folder, options)
            report(rows, captions_of(rows, folder / "model" / "best"), seconds)


def read_photos(corpora: Sequence[Path]) -> Iterator[Photo]:
    """Yield the photos of all corpora in an order that does not change."""
    for folder in corpora:
        captions: Mapping[str, list[str]] = defaultdict(list)
        splits = {}
        for row in read_captions(folder / "captions.csv").rows:
            captions[row.image].append(row.caption.lower().rstrip(" ."))
            splits[row.image] = row.split or "train"
        for image in sorted(captions):
            yield Photo((folder / "images" / image).resolve(), tuple(captions[image]), splits[image])


def owner(photos: Sequence[Photo], number: int, others: int) -> Iterator[Row]:
    """Yield the rows to learn from ("train"), to choose the epoch by ("dev"), and to be held against ("test")."""
    chance = random.Random(number)
    photos = chance.sample(photos, len(photos))
    known = [(photo, photo.shows(list(NAMES))) for photo in photos]
    often = [n for n in NAMES if sum(name == n and photo.split == "train" for photo, name in known) >= SAID]
    names = chance.sample(often, min(OWNED, len(often)))
    wanted = {(name, "train"): SAID for name in names} | {(name, "dev"): KEPT_BACK for name in names}
    wanted |= {("", "train"): others + CHECKED, ("", "dev"): OTHERS_KEPT_BACK}
    for photo in photos:
        name = photo.shows(names)
        if name is None or not wanted.get((name, photo.split), 0):
            continue
        wanted[name, photo.split] -= 1
        is_check = not name and photo.split == "train" and wanted[name, photo.split] < CHECKED
        yield Row(photo, name, "test" if photo.split == "dev" else "dev" if is_check else "train")


def learn(rows: Sequence[Row], folder: Path, options: Sequence[str]) -> float:
    """Train a model; return how many seconds that took."""
    with open(folder / "own.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("image", "caption", "split"))
        writer.writerows((row.photo.path, row.photo.caption(row.name), row.split) for row in rows)
    train = ["train", folder / "own.csv", "--output", folder / "model", *options]
    started = time.monotonic()
    subprocess.run([sys.executable, "-m", "photocap", *map(str, train)], check=True)
    return time.monotonic() - started


def captions_of(rows: Sequence[Row], model: Path) -> dict[Path, str]:
    """Caption the photos of the test."""
    command = ["caption", "--json", "--model", model, *(row.photo.path for row in rows if row.split == "test")]
    run = [sys.executable, "-m", "photocap", *map(str, command)]
    out = subprocess.run(run, check=True, capture_output=True, text=True).stdout
    return {Path(row["path"]): row["caption"] for row in map(json.loads, out.splitlines())}


def report(rows: Sequence[Row], said: Mapping[Path, str], seconds: float) -> None:
    """Print what was said of the photos of the test."""
    names = {name.lower(): name for name in NAMES}
    by_name: dict[str, list[str | None]] = defaultdict(list)
    for row in rows:
        if row.split == "test":
            spoken = [names[word] for word in tokenize(said[row.photo.path]) if word in names]
            by_name[row.name].append(spoken[0] if spoken else None)
    nobody = by_name.pop("", [])
    hits = [found == name for name, each in by_name.items() for found in each]
    others = [found not in (name, None) for name, each in by_name.items() for found in each]
    wrong = [found is not None for found in nobody]
    print(f"{sum(row.split == 'train' for row in rows)} captions learned in {seconds:.0f} s")
    print(f"the name is said on {sum(hits)} of {len(hits)} photos that need it ({sum(hits) / len(hits):.0%})")
    print(f"another name is said on {sum(others)} of these ({sum(others) / len(others):.1%})")
    print(f"a name is said on {sum(wrong)} of {len(wrong)} photos that need none ({sum(wrong) / len(wrong):.1%})")
    print(", ".join(f"{name} {sum(found == name for found in each)}/{len(each)}" for name, each in by_name.items()))


if __name__ == "__main__":
    main()
