"""The embedded preview of a camera raw file: through rawpy where it is installed, else through ExifTool."""

from __future__ import annotations

import io
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from photocap.errors import ReadError
from photocap.formats.base import FileKind
from photocap.formats.detect import kind_of

_HINT = "pip install 'photocap[raw]', or install ExifTool"
_PREVIEW_TAGS = ("-JpgFromRaw", "-JpgFromRaw2", "-PreviewImage", "-OtherImage", "-ThumbnailImage")
_EXIFTOOL_TIMEOUT_S = 60
_ORIENTATION_OF_FLIP = {0: 1, 3: 3, 5: 8, 6: 6}  # LibRaw's numbers -> EXIF's


@dataclass(frozen=True)
class Preview:
    """A picture taken out of a raw file.

    Attributes:
        data: the bytes of an image file.
        orientation: EXIF orientation of the raw file, for previews that do not know their own.
    """

    data: bytes
    orientation: int


def extract_preview(path: Path, content: bytes | None = None) -> Preview:
    """Return the largest preview inside a raw file.

    Args:
        path: the raw file.
        content: its bytes, where they were read already; ExifTool reads the file itself.

    Raises:
        ReadError: the file holds no preview, or neither rawpy nor ExifTool is there to take it out.
    """
    try:
        import rawpy
    except ImportError:
        return _with_exiftool(path)
    try:
        with rawpy.imread(str(path.absolute()) if content is None else io.BytesIO(content)) as raw:
            orientation = _ORIENTATION_OF_FLIP.get(raw.sizes.flip, 1)
            try:
                preview = raw.extract_thumb()
            except (rawpy.LibRawNoThumbnailError, rawpy.LibRawUnsupportedThumbnailError):
                return Preview(_as_file(Image.fromarray(raw.postprocess(half_size=True))), 1)  # turned by LibRaw
            if preview.format is rawpy.ThumbFormat.JPEG:
                return Preview(bytes(preview.data), orientation)
            return Preview(_as_file(Image.fromarray(np.asarray(preview.data))), orientation)
    except rawpy.LibRawError as error:
        raise ReadError(path, f"the raw file cannot be read ({_words(error)})") from error


def _with_exiftool(path: Path) -> Preview:
    exiftool = shutil.which("exiftool")
    if exiftool is None:
        raise ReadError(path, "camera raw files need a reader for their previews", _HINT)
    with _under_own_name(path) as photo:
        try:
            for tag in _PREVIEW_TAGS:
                data = _ask(exiftool, photo, "-b", tag)
                if data:
                    digits = _ask(exiftool, photo, "-n", "-s3", "-Orientation").strip()
                    return Preview(data, int(digits) if digits.isdigit() else 1)
        except subprocess.TimeoutExpired:
            raise ReadError(path, "ExifTool did not answer in time") from None
    raise ReadError(path, "the raw file holds no preview picture", "pip install 'photocap[raw]' to develop it")


@contextmanager
def _under_own_name(path: Path) -> Iterator[Path]:
    """Give a photo a name of our own, since a file's name may be made to be read as an option or a command."""
    kind = path.suffix.lower()
    with tempfile.TemporaryDirectory(prefix="photocap-") as folder:
        name = Path(folder, "photo" + (kind if kind_of(path) is FileKind.RAW else ""))
        try:
            name.symlink_to(path.absolute())
        except OSError:  # Windows makes links for administrators only
            shutil.copyfile(path, name)
        yield name


def _ask(exiftool: str, photo: Path, *options: str) -> bytes:
    command = [exiftool, "-q", "-q", *options, str(photo)]
    return subprocess.run(command, capture_output=True, timeout=_EXIFTOOL_TIMEOUT_S, check=False).stdout


def _as_file(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PPM")
    return buffer.getvalue()


def _words(error: Exception) -> str:
    """LibRaw's messages are bytes."""
    first = error.args[0] if error.args else type(error).__name__
    return first.decode("utf-8", "replace") if isinstance(first, bytes) else str(first)
