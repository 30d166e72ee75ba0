"""An independent judge of what a metadata writer did to a file: ExifTool, Exiv2 and decoded pixels, before and after.

Nothing of photocap is used here. ExifTool and Exiv2 are each started once for many files.
"""

from __future__ import annotations

import json
import re
import subprocess
import warnings
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path

from PIL import Image, ImageSequence

# What a caption is made of, and what only says where things stand or when the file was changed.
_OWN = re.compile(
    r"""SourceFile$ | (System|File|ExifTool|Composite): | .*:(Warning|Error)$
    | IFD0:(ImageDescription|ApplicationNotes|XMP)$ | XMP-dc:Description | XMP-photoshop:CaptionWriter | XMP-photocap:
    | XMP-iptcCore:AltTextAccessibility | IPTC:(Caption-Abstract|CodedCharacterSet) | Photoshop:IPTCDigest
    | XMP-x:XMPToolkit | XMP-rdf:About | (MPImage1|MPF0):MPImageLength | (RIFF|VP8X):WebP_Flags
    | QuickTime:MediaData(Size|Offset)?$
    | .*:(Thumbnail|Strip|Tile)Offsets?$ | .*:(PreviewImage|OtherImage|JpgFromRaw|MPImage)Start$""",
    re.VERBOSE,
)
_OWN_EXIV2 = re.compile(
    r"Exif\.Image\.(ImageDescription|XMLPacket|IPTCNAA|ImageResources|ExifTag|GPSTag)$"
    r"|Xmp\.(dc\.description|photoshop\.CaptionWriter|photocap\..*|iptc\.AltTextAccessibility)"
    r"|Iptc\.(Application2\.Caption|Envelope\.CharacterSet)|Exif\.MakerNote\.(Offset|ByteOrder)"
    # Of a gain map in HEIC: Exiv2 takes it for the photo's as long as the photo has no XMP. ExifTool looks after it.
    r"|Xmp\.HDRGainMap\."
)


_EXIV2_FILES = 100
_PLACES_EXIV2 = re.compile(
    r"Exif\.(Photo\.(MakerNote|InteroperabilityTag)|\w+\.(JPEGInterchangeFormat|StripOffsets|TileOffsets|SubIFDs)"
    r"|Nikon3\.Preview|\w+\.PreviewImageStart)$"
)


def exiftool_tags(files: Sequence[Path]) -> dict[Path, dict[str, object]]:
    """Return every tag of every file, binary ones included."""
    if not files:
        return {}
    arguments = ["-json", "-G1", "-a", "-u", "-b", "-n", "-charset", "filename=utf8", "-api", "largefilesupport=1"]
    listing = "\n".join([*arguments, *map(str, files)])
    done = subprocess.run(["exiftool", "-@", "-"], input=listing.encode(), capture_output=True, check=False)
    records = json.loads(done.stdout or b"[]")
    return {Path(record["SourceFile"]): record for record in records}


def exiv2_tags(files: Sequence[Path]) -> dict[Path, list[str]]:
    """Return every tag of every file as Exiv2 prints it, one line per tag. Paths must not have blanks."""
    found: dict[Path, list[str]] = {file: [] for file in files}
    by_name = {str(file): lines for file, lines in found.items()}
    for at in range(0, len(files), _EXIV2_FILES):
        part = files[at : at + _EXIV2_FILES]
        # The first file twice, since Exiv2 prints names only where there are several.
        done = subprocess.run(["exiv2", "-PEIXkt", *map(str, [part[0], *part])], capture_output=True, check=False)
        for line in done.stdout.decode("utf-8", "replace").splitlines():
            name, _, tag = line.partition(" ")
            if name in by_name:  # the other lines go on with a text of several lines
                by_name[name].append(tag.strip())
    return found


def pixels(file: Path) -> str:
    """Return a digest over all decoded frames; empty where the file cannot be decoded."""
    digest = sha256()
    try:
        with warnings.catch_warnings(), Image.open(file) as image:
            warnings.simplefilter("ignore")
            for frame in ImageSequence.Iterator(image):
                digest.update(f"{frame.mode}{frame.size}".encode() + frame.tobytes())
    except Exception:  # damaged samples fail in every way that Pillow knows
        return ""
    return digest.hexdigest()


def lost_tags(before: dict[str, object], after: dict[str, object]) -> list[str]:
    """Return the tags that a writer lost or changed, for ExifTool."""
    return [name for name, value in before.items() if not _OWN.match(name) and after.get(name) != value]


def lost_lines(before: Iterable[str], after: Iterable[str], *, may_move: bool = False) -> list[str]:
    """Return the tags that a writer lost or changed, for Exiv2.

    Args:
        before: the lines of `exiv2_tags`.
        after: the same, after the write.
        may_move: True forgives other places inside the block, as long as what stands there is the same: what is in
            a maker note is compared tag by tag then, and not as raw bytes, which hold offsets.
    """
    still = set(after)
    lost = [line for line in before if line not in still and not _OWN_EXIV2.match(line.split(" ")[0])]
    return [line for line in lost if not (may_move and _PLACES_EXIV2.match(line.split(" ")[0]))]


def caption_in(tags: dict[str, object]) -> set[str]:
    """Return the captions that ExifTool finds."""
    names = ("IFD0:ImageDescription", "XMP-dc:Description", "IPTC:Caption-Abstract")
    return {str(tags[name]) for name in names if name in tags}
