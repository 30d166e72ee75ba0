"""How many photos each metadata writer harms: photocap beside piexif, Pillow and ExifTool, on the same files.

    python benchmarks/metadata_harm.py FOLDER

Every photo below FOLDER is copied, each writer puts the same caption into a copy of its own, and the independent
judge (`metadata_judge`: ExifTool, Exiv2, decoded pixels) compares before and after. Prints the table of the README.

Harmed means: a tag other than the caption is lost or different, the picture decodes to other pixels or not at all,
bytes behind a JPEG's picture (motion video, previews) are gone, or the caption cannot be read back.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import piexif
from metadata_judge import caption_in, exiftool_tags, exiv2_tags, lost_lines, lost_tags, pixels
from PIL import Image
from pillow_heif import register_heif_opener

from photocap.metadata import ExifTool, Overwrite, Signature, WritePolicy, prepare_write
from photocap.records import Written

CAPTION = "A dog runs along the beach at dusk"
FORMATS = {
    "JPEG": (".jpg", ".jpeg", ".mpo"),
    "PNG": (".png",),
    "WebP": (".webp",),
    "TIFF": (".tif", ".tiff"),
    "HEIC, AVIF": (".heic", ".heif", ".avif"),
}
DESCRIPTION = 0x010E


def by_photocap(path: Path, exiftool: ExifTool) -> None:
    """Write as `photocap index` does; what it would put into a sidecar counts as refused."""
    marking = Signature("photocap-base", "1.0", 0.5, "2026-01-01T00:00:00+00:00")
    policy = WritePolicy(overwrite=Overwrite.ALL)
    prepared = prepare_write(path, CAPTION, marking=marking, policy=policy, exiftool=exiftool)
    if prepared.written is Written.EMBEDDED:
        prepared.commit()
    prepared.discard()


def by_piexif(path: Path, _: ExifTool) -> None:
    """Write as piexif's own documentation shows it: load, change, dump, insert."""
    if path.suffix.lower() in (*FORMATS["JPEG"], *FORMATS["WebP"]):
        exif = piexif.load(str(path))
        exif["0th"][DESCRIPTION] = CAPTION.encode()
        piexif.insert(piexif.dump(exif), str(path))


def by_pillow(path: Path, _: ExifTool) -> None:
    """Write as Pillow's users do: open, set the tag, save."""
    with Image.open(path) as image:
        exif = image.getexif()
        exif[DESCRIPTION] = CAPTION
        kept = {key: image.info[key] for key in ("icc_profile", "xmp", "dpi") if key in image.info}
        new = path.with_name(f"new-{path.name}")
        image.save(new, image.format, exif=exif, **kept)
    new.replace(path)


def one_by_one(writer: Callable[[Path, ExifTool], None]) -> Callable[[list[Path]], None]:
    """Return a writer of many files; one that fails goes on with the next."""

    def write(copies: list[Path]) -> None:
        with ExifTool() as exiftool:
            for copy in copies:
                with contextlib.suppress(Exception):  # the writers fail in every way there is
                    writer(copy, exiftool)

    return write


def exiftool_alone(copies: list[Path]) -> None:
    """Write as ExifTool's users do; all files in one call, since starting it takes longest."""
    tags = [f"-EXIF:ImageDescription={CAPTION}", f"-XMP-dc:Description={CAPTION}"]
    listing = "\n".join(["-overwrite_original", *tags, *map(str, copies)])
    subprocess.run(["exiftool", "-@", "-"], input=listing.encode(), capture_output=True, check=False)


WRITERS: dict[str, Callable[[list[Path]], None]] = {
    "photocap": one_by_one(by_photocap),
    "ExifTool": exiftool_alone,
    "piexif": one_by_one(by_piexif),
    "Pillow": one_by_one(by_pillow),
}


def main() -> None:
    """Print the table."""
    register_heif_opener()
    warnings.simplefilter("ignore")
    source = Path(sys.argv[1])
    print("| format | files | " + " | ".join(f"{name}: written / refused / **harmed**" for name in WRITERS) + " |")
    print("|---|---|" + "---|" * len(WRITERS))
    for name, suffixes in FORMATS.items():
        photos = [path for path in sorted(source.rglob("*")) if path.suffix.lower() in suffixes]
        photos = [path for path in photos if pixels(path)]  # what does not decode cannot be judged
        with tempfile.TemporaryDirectory() as folder:
            copies = [Path(folder) / f"{number}{photo.suffix}" for number, photo in enumerate(photos)]
            _copy(photos, copies)
            judge = Judge(copies)
            counts = []
            for write in WRITERS.values():
                _copy(photos, copies)
                write(copies)
                counts.append(judge.count())
        cells = [f"{c['written']} / {c['refused']} / **{c['harmed']}**" if c["written"] else "-" for c in counts]
        print(f"| {name} | {len(photos)} | " + " | ".join(cells) + " |", flush=True)


def _copy(photos: list[Path], copies: list[Path]) -> None:
    for photo, copy in zip(photos, copies, strict=True):
        shutil.copyfile(photo, copy)


class Judge:
    """Knows some files as they were, and judges what has become of them."""

    def __init__(self, files: list[Path]) -> None:
        self._files = files
        self._bytes = {file: file.read_bytes() for file in files}
        self._tags, self._lines = exiftool_tags(files), exiv2_tags(files)
        self._pixels = {file: pixels(file) for file in files}
        self._tails = {file: _tail(file) for file in files}

    def count(self) -> Counter[str]:
        """Return how many of the files were written to, how many were not, and how many were harmed."""
        written = [file for file in self._files if file.read_bytes() != self._bytes[file]]
        tags, lines = exiftool_tags(written), exiv2_tags(written)
        harmed = [
            file
            for file in written
            if lost_tags(self._tags[file], tags.get(file, {}))
            or lost_lines(self._lines[file], lines[file], may_move=True)
            or pixels(file) != self._pixels[file]
            or not file.read_bytes().endswith(self._tails[file])
            or CAPTION not in caption_in(tags.get(file, {}))
        ]
        return Counter(written=len(written), refused=len(self._files) - len(written), harmed=len(harmed))


def _tail(path: Path) -> bytes:
    """Return what stands behind a JPEG's last picture; empty for other formats."""
    data = path.read_bytes()
    return data[data.rfind(b"\xff\xd9") + 2 :] if data.startswith(b"\xff\xd8\xff") else b""


if __name__ == "__main__":
    main()
