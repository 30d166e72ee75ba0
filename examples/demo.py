"""What `make demo` does: caption photographs, find one by a word, see its caption in another program.

Everything it makes is in the folder demo/: copies of the sample photographs and an index of its own. With --photos it
captions somebody's own photos, and then writes nothing into them unless --metadata says so.
"""

from __future__ import annotations

import argparse
import shlex
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from sample_photos import copy_sample_photos

from photocap.evaluation.nouns import common_nouns
from photocap.tokenizer import tokenize

REPOSITORY = Path(__file__).parent.parent
FOLDER = Path("demo")
SOME_FAILED = 3

OTHER_PROGRAMS = {
    "exiftool": ["-ImageDescription", "-XMP-dc:Description"],
    "exiv2": ["-K", "Exif.Image.ImageDescription", "-K", "Xmp.dc.description", "-P", "kv", "print"],
}


def main() -> int:
    """Run the demo; return the exit code."""
    arguments = parse_arguments()
    photos = arguments.photos or fresh_samples()
    index = FOLDER / ("own.db" if arguments.photos else "index.db")
    metadata = arguments.metadata or ("none" if arguments.photos else "embed")
    code = photocap("index", str(photos), "--metadata", metadata, "--db", str(index))
    if code not in (0, SOME_FAILED):
        return code
    captions = captions_in(index)
    if not captions:
        print("no photos were captioned; the lines above say why")
        return 1
    word = word_to_search(captions)
    photocap("search", word, "--db", str(index))
    if metadata == "embed":
        show_elsewhere(next((path for path in captions if Path(path).suffix == ".jpg"), next(iter(captions))))
    program = Path(sys.executable).with_name("photocap")
    print(f"\nSee them in the browser: {program} serve --open --db {shlex.quote(str(index))}")
    print(f"Now yours: {program} index ~/Pictures")
    return 0


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, help="a folder of your own instead of the sample photographs")
    parser.add_argument("--metadata", choices=["embed", "sidecar", "none"])
    return parser.parse_args()


def fresh_samples() -> Path:
    """Copy the sample photographs anew, so that the demo always begins at the beginning."""
    shutil.rmtree(FOLDER / "photos", ignore_errors=True)
    for old in FOLDER.glob("index.db*"):
        old.unlink()
    copy_sample_photos(FOLDER / "photos")
    return FOLDER / "photos"


def photocap(*arguments: str) -> int:
    """Run photocap, the command shown first; return its exit code."""
    return run([sys.executable, "-m", "photocap", *arguments], shown=["photocap", *arguments])


def run(command: list[str], shown: list[str] | None = None) -> int:
    """Run a command, shown first; return its exit code."""
    print(f"\n$ {shlex.join(shown or command)}", flush=True)
    return subprocess.run(command, check=False).returncode


def captions_in(index: Path) -> dict[str, str]:
    """Return the captions by path, through the view that photocap keeps for other programs."""
    with closing(sqlite3.connect(index)) as connection:
        return dict(connection.execute("SELECT path, caption FROM photos WHERE caption IS NOT NULL ORDER BY path"))


def word_to_search(captions: dict[str, str]) -> str:
    """Return the word "cat" if a caption has it, else the commonest noun."""
    tokens = [tokenize(text) for text in captions.values()]
    words = {word for sentence in tokens for word in sentence}
    return "cat" if "cat" in words else next(iter(common_nouns(tokens) or sorted(words, key=len, reverse=True)))


def show_elsewhere(path: str) -> None:
    """Show the caption inside a photo as another program reads it."""
    program = next((name for name in OTHER_PROGRAMS if shutil.which(name)), None)
    if program:
        run([program, *OTHER_PROGRAMS[program], path])
    else:
        code = f"from PIL import Image; print(Image.open({path!r}).getexif()[0x010E])  # ImageDescription"
        run([sys.executable, "-c", code], shown=["python", "-c", code])


if __name__ == "__main__":
    sys.exit(main())
