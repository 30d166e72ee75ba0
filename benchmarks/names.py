"""Whether a model learns names from few captions: synthetic owners made of public captions.

python benchmarks/names.py ../shared/flickr8k/captions.csv --images ../shared/flickr8k/images

Each name stands for what it can be recognised by: every "black dog" is Rex, every "surfer" Noah. An owner has some
twenty of them and says each in ten captions; the other photos of the corpus are the owner's, too, and nobody is named
there. Photos of the corpus' dev split are a test. Printed is how often a name is said where it belongs, and on how
many of the photos without a name.
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
from collections.abc import Mapping
from pathlib import Path

from photocap.datasets import read_captions
from photocap.tokenizer import tokenize

NAMES = {
    "Rex": "black dog", "Bella": "(?:brown|tan) dog", "Luna": "white dog", "Oskar": "black and white dog",
    "Tim": "(?:little|young|small) boy", "Lisa": "(?:little|young|small) girl", "Emma": "baby|toddler",
    "Leo": "skateboarder", "Noah": "surfer", "Finn": "snowboarder|skier", "Jan": "(?:rock )?climber",
    "Ben": "cyclist|biker|bicyclist", "Paul": "football player", "Luis": "soccer player", "Omar": "basketball player",
    "Flash": "greyhounds?", "Otto": "(?:old|older|elderly) (?:man|woman)", "Reinhold": "hiker",
    "Joe": "baseball player|pitcher|batter", "Anna": "woman",
}  # fmt: skip
SAID, KEPT_BACK, OTHERS, OTHERS_KEPT_BACK = 10, 10, 60, 300


def main() -> None:
    """Print recall and false names before and after."""
    parser = argparse.ArgumentParser()
    parser.add_argument("captions", type=Path)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="Leave captions and model in this folder.")
    given, options = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as name:
        folder = given.keep or Path(name)
        folder.mkdir(exist_ok=True)
        rows = owner(given.captions, given.seed)
        with open(folder / "own.csv", "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("image", "caption", "split"), *rows])
        started = time.monotonic()
        train = ["train", folder / "own.csv", "--images", given.images, "--output", folder / "model", *options]
        subprocess.run([sys.executable, "-m", "photocap", *map(str, train)], check=True)
        seconds = time.monotonic() - started
        said = captions_of(folder, given.images, [image for image, _, split in rows if split == "test"])
    report(rows, said, seconds)


def owner(captions: Path, seed: int) -> list[tuple[str, str, str]]:
    """Return rows of image, caption and split: one caption of each photo."""
    by_image: Mapping[str, list[str]] = defaultdict(list)
    split_of = {}
    for row in read_captions(captions).rows:
        by_image[row.image].append(row.caption.lower().rstrip(" ."))
        split_of[row.image] = row.split
    images = sorted(by_image)
    random.Random(seed).shuffle(images)
    wanted = {(name, side): count for name in NAMES for side, count in (("train", SAID), ("dev", KEPT_BACK))} | {
        ("", "train"): OTHERS,
        ("", "dev"): OTHERS_KEPT_BACK,
    }
    rows = []
    for image in images:
        name, caption = _named(by_image[image])
        key = (name, split_of[image] or "train")
        if caption and wanted.get(key, 0):
            wanted[key] -= 1
            rows.append((image, caption, "test" if key[1] == "dev" else ""))
    return rows


def _named(captions: list[str]) -> tuple[str, str]:
    """Return who is on a photo and a caption that says so; a photo of which captions disagree has none."""
    found = defaultdict(list)
    for name, pattern in NAMES.items():
        for caption in captions:
            changed, count = re.subn(rf"\b(?:an?|the|one) (?:{pattern})\b", name, caption)
            if count:
                found[name].append(changed)
    if not found:
        return "", captions[0][0].upper() + captions[0][1:]
    best = max(found, key=lambda name: len(found[name]))
    alone = len(found) == 1 and len(found[best]) >= 2
    return (best, found[best][0][0].upper() + found[best][0][1:]) if alone else (best, "")


def captions_of(folder: Path, images: Path, names: list[str]) -> dict[str, str]:
    """Caption photos with the trained model."""
    command = ["caption", "--json", "--model", folder / "model" / "best", *(images / name for name in names)]
    out = subprocess.run(
        [sys.executable, "-m", "photocap", *map(str, command)], check=True, capture_output=True, text=True
    ).stdout
    return {Path(row["path"]).name: row["caption"] for row in map(json.loads, out.splitlines())}


def report(rows: list[tuple[str, str, str]], said: Mapping[str, str], seconds: float) -> None:
    """Print what was said of the photos that were kept back."""
    names = {name.lower() for name in NAMES}
    per_name: dict[str, list[bool]] = defaultdict(list)
    wrongly, others = 0, 0
    for image, caption, split in rows:
        if split != "test" or image not in said:
            continue
        given, spoken = (names.intersection(tokenize(text)) for text in (caption, said[image]))
        for name in given:
            per_name[name].append(name in spoken)
        others += not given
        wrongly += bool(spoken and not given)
    hits = [hit for each in per_name.values() for hit in each]
    print(f"{sum(not split for _, _, split in rows)} captions learned in {seconds:.0f} s")
    print(f"names said where they belong: {sum(hits)} of {len(hits)} ({sum(hits) / len(hits):.0%})")
    print(f"a name on photos of nobody: {wrongly} of {others} ({wrongly / others:.1%})")
    for name, each in sorted(per_name.items()):
        print(f"  {name:<9} {sum(each)} of {len(each)}")


if __name__ == "__main__":
    main()
