"""What training on an owner's captions brings there, and what it costs elsewhere.

python benchmarks/forgetting.py ../shared/flickr8k/captions.csv --images ../shared/flickr8k/images

Half of the dev photos play the owner's: their two shortest captions, with names instead of some words. The base
model is trained on them by `photocap train`; it and the new model caption the owner's photos that were kept back,
and the other half of the dev photos, whose captions are as they were.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from photocap.datasets import CaptionRow, read_captions
from photocap.tokenizer import tokenize

NAMES = {"man": "peter", "woman": "anna", "boy": "tim", "girl": "lisa", "dog": "rex"}
KEPT_BACK = 100


def main() -> None:
    """Print CIDEr-D before and after, on the owner's kept back photos and on the others."""
    parser = argparse.ArgumentParser()
    parser.add_argument("captions", type=Path)
    parser.add_argument("--images", type=Path, required=True)
    given = parser.parse_args()
    rows, images = [row for row in read_captions(given.captions).rows if row.split == "dev"], given.images.absolute()
    photos = list(dict.fromkeys(row.image for row in rows))
    half = len(photos) // 2
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        own, others = folder / "own.csv", folder / "others.csv"
        _write(own, [row for i, photo in enumerate(photos[:half]) for row in _own(rows, photo, half - i <= KEPT_BACK)])
        _write(others, [(row.image, row.caption, "dev") for row in rows if row.image in set(photos[half:])])
        before = [_cider_d(folder, table, images) for table in (own, others)]
        _photocap(folder, "train", own, "--images", images, "--output", folder / "model")
        after = [_cider_d(folder, table, images, "--model", folder / "model" / "best") for table in (own, others)]
    for when, (own_score, others_score) in (("before", before), ("after", after)):
        print(f"{when}: own photos {own_score:.1f}, others {others_score:.1f} (CIDEr-D)")


def _own(rows: list[CaptionRow], photo: str, kept_back: bool) -> list[tuple[str, str, str]]:
    """Return a photo's two shortest captions with names in them."""
    words = sorted((tokenize(row.caption) for row in rows if row.image == photo), key=len)[:2]
    split = "dev" if kept_back else "train"
    return [(photo, " ".join(NAMES.get(word, word) for word in caption), split) for caption in words]


def _write(path: Path, rows: list[tuple[str, str, str]]) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("image", "caption", "split"), *rows])


def _cider_d(folder: Path, table: Path, images: Path, *chosen: object) -> float:
    found = json.loads(_photocap(folder, "evaluate", table, "--images", images, "--json", *chosen))
    return float(found["scores"]["cider_d"])


def _photocap(home: Path, *arguments: object) -> str:
    """Run a command with a home of its own: a better model is put to use there, not here."""
    command = [sys.executable, "-m", "photocap", *map(str, arguments)]
    environment = {**os.environ, "HOME": str(home), "XDG_DATA_HOME": str(home / "data")}
    return subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    main()
