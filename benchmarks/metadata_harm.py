"""How many photos each metadata writer harms: photocap beside piexif, Pillow and ExifTool, on the same files.

    python benchmarks/metadata_harm.py FOLDER

Every photo below FOLDER is copied, each writer puts the same caption into a copy of its own, and the independent
judge (`metadata_judge`: ExifTool, Exiv2, decoded pixels) compares before and after. Prints the table of the README.

Harmed means: a tag other than the caption is lost or different, the picture decodes to other pixels or not at all,
bytes behind a JPEG's picture (motion video, previews) are gone, or the caption cannot be read back.
"""

from __future__ import annotations

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

from photocap.metadata import ExifTool, Marking, Overwrite, WritePolicy, Written, prepare_write

CAPTION = "A dog runs along the beach at dusk"
FORMATS = {
    "JPEG": (".jpg", ".jpeg", ".mpo"),
    "PNG": (".png",),
    "WebP": (".webp",),
    "TIFF": (".tif", ".tiff"),
    "HEIC, AVIF": (".heic", ".heif", ".avif"),
}
DESCRIPTION = 0x010E


class Refused(Exception):
    """A writer did not write to a file."""


def by_photocap(path: Path, exiftool: ExifTool) -> None:
    """Write as `photocap index` does."""
    marking = Marking("photocap-base", "1.0", 0.5, "2026-01-01T00:00:00+00:00")
    policy = WritePolicy(overwrite=Overwrite.ALL)
    prepared = prepare_write(path, CAPTION, marking=marking, policy=policy, exiftool=exiftool)
    if prepared.written is not Written.EMBEDDED:
        prepared.discard()
        raise Refused
    prepared.commit()


def by_piexif(path: Path, _: ExifTool) -> None:
    """Write as piexif's own documentation shows it: load, change, dump, insert."""
    if path.suffix.lower() not in (*FORMATS["JPEG"], *FORMATS["WebP"]):
        raise Refused
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


def by_exiftool(path: Path, _: ExifTool) -> None:
    """Write as ExifTool's users do."""
    tags = [f"-EXIF:ImageDescription={CAPTION}", f"-XMP-dc:Description={CAPTION}"]
    done = subprocess.run(["exiftool", "-overwrite_original", *tags, str(path)], capture_output=True, check=False)
    if done.returncode:
        raise Refused


WRITERS: dict[str, Callable[[Path, ExifTool], None]] = {
    "photocap": by_photocap,
    "ExifTool": by_exiftool,
    "piexif": by_piexif,
    "Pillow": by_pillow,
}


def main() -> None:
    """Print the table."""
    register_heif_opener()
    warnings.simplefilter("ignore")
    source = Path(sys.argv[1])
    print("| format | files | " + " | ".join(f"{name}: written / refused / **harmed**" for name in WRITERS) + " |")
    print("|---|---|" + "---|" * len(WRITERS))
    for name, suffixes in FORMATS.items():
        with tempfile.TemporaryDirectory() as folder, ExifTool() as exiftool:
            photos = [path for path in sorted(source.rglob("*")) if path.suffix.lower() in suffixes]
            photos = [path for path in photos if pixels(path)]  # what does not decode cannot be judged
            counts = [_count(writer, photos, Path(folder), exiftool) for writer in WRITERS.values()]
        cells = [f"{c['written']} / {c['refused']} / **{c['harmed']}**" if c["written"] else "-" for c in counts]
        print(f"| {name} | {len(photos)} | " + " | ".join(cells) + " |", flush=True)


def _count(
    writer: Callable[[Path, ExifTool], None], photos: list[Path], folder: Path, exiftool: ExifTool
) -> Counter[str]:
    """Let one writer write into copies of all photos, and judge."""
    copies = [folder / f"{number}{photo.suffix}" for number, photo in enumerate(photos)]
    for photo, copy in zip(photos, copies, strict=True):
        shutil.copyfile(photo, copy)
    tags, lines = exiftool_tags(copies), exiv2_tags(copies)
    decoded = {copy: pixels(copy) for copy in copies}
    tails = {copy: _tail(copy) for copy in copies}
    written = [copy for copy in copies if _writes(writer, copy, exiftool)]
    new_tags, new_lines = exiftool_tags(written), exiv2_tags(written)
    harmed = [
        copy
        for copy in written
        if lost_tags(tags[copy], new_tags.get(copy, {}))
        or lost_lines(lines[copy], new_lines[copy])
        or pixels(copy) != decoded[copy]
        or not copy.read_bytes().endswith(tails[copy])
        or CAPTION not in caption_in(new_tags.get(copy, {}))
    ]
    return Counter(written=len(written), refused=len(copies) - len(written), harmed=len(harmed))


def _writes(writer: Callable[[Path, ExifTool], None], copy: Path, exiftool: ExifTool) -> bool:
    """Tell whether a writer wrote; one that fails and yet leaves the file changed has written, and badly."""
    before = copy.read_bytes()
    try:
        writer(copy, exiftool)
    except Exception:  # the writers fail in every way there is
        return copy.read_bytes() != before
    return True


def _tail(path: Path) -> bytes:
    """Return what stands behind a JPEG's last picture; empty for other formats."""
    data = path.read_bytes()
    return data[data.rfind(b"\xff\xd9") + 2 :] if data.startswith(b"\xff\xd8\xff") else b""


if __name__ == "__main__":
    main()
