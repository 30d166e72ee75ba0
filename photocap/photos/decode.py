"""Turn a photo into a small, upright RGB picture."""

from __future__ import annotations

import functools
import io
import logging
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
from numpy.typing import NDArray
from PIL import Image, ImageFile, UnidentifiedImageError

from photocap.errors import ReadError, as_read_error
from photocap.formats.base import FileKind
from photocap.formats.detect import FORMATS, SNIFF_BYTES, format_of, kind_of
from photocap.formats.jpeg_scans import check_work
from photocap.photos.decode_memory import LARGE_BYTES, MAX_PIXELS, TooManyPixels, check_size, decoded_bytes
from photocap.photos.jxl import has_jxl, register_jxl_opener
from photocap.photos.open import open_photo, reason_of
from photocap.photos.pillow_limits import bound_directories
from photocap.photos.quiet_tiff import silence_libtiff
from photocap.photos.raw_preview import extract_preview

_BAND_PIXELS = 4_000_000  # of a large picture, as many are scaled at a time
_DECODER_BLOCK_BYTES = 1 << 20  # after each, a decoder waits for Python's lock; Pillow's own are of 64 KiB
_MAX_ASPECT = 8  # a panorama longer than this is squeezed: a strip of 65,000 pixels would stay as large as it is

warnings.simplefilter("error", Image.DecompressionBombWarning)
# Remarks on odd metadata ("Corrupt EXIF data") say nothing about the picture and would litter the terminal.
warnings.filterwarnings("ignore", module=r"PIL\.(TiffImagePlugin|JpegImagePlugin|PngImagePlugin|MpoImagePlugin)")
ImageFile.MAXBLOCK = _DECODER_BLOCK_BYTES
pillow_heif.register_heif_opener(thumbnails=False)
register_jxl_opener()
bound_directories()
logging.getLogger("PIL").addHandler(logging.NullHandler())  # else Python prints what Pillow logs
silence_libtiff()

_large_picture = threading.Lock()
_ORIENTATION_TAG = 0x0112
_LONGEST_REASON = 120
_PREVIEW_FORMATS = ("JPEG", "TIFF", "PPM")  # what cameras put into raw files, and what `raw_preview` makes
_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def load_image(path: Path, min_side_px: int, data: bytes | None = None) -> Image.Image:
    """Decode a photo, upright and in RGB, no larger than needed.

    JPEGs are scaled while they are decoded, others right after. Transparent parts become white; of an animation or
    a multi-page file the first picture is taken, of a camera raw file the embedded preview.

    Args:
        path: the photo.
        min_side_px: the shorter side of the result is at least this, and below twice this, where the photo is
            large enough; photos are never enlarged.
        data: its content, where it was read already.

    Raises:
        ReadError: the file cannot be read, is no picture, is damaged or too large.
    """
    with as_read_error(path), open_picture(path, data) as image, _one_large_picture_at_a_time(image):
        return _decode_small(image, min_side_px)


def fit_image(image: Image.Image, min_side_px: int) -> Image.Image:
    """Return a picture that is open already as `load_image` would: upright, in RGB, no larger than needed."""
    return _decode_small(image.copy(), min_side_px)  # a copy, since a JPEG that is decoded small stays so


@contextmanager
def open_picture(path: Path, data: bytes | None = None) -> Iterator[Image.Image]:
    """Open a photo (of a raw file, its preview) without decoding it; whatever goes wrong inside is a `ReadError`.

    Args:
        path: the photo.
        data: its content, where it was read already.
    """
    try:
        with open_photo(path) if data is None else io.BytesIO(data) as file:
            if kind_of(path) is not FileKind.RAW:
                check_work(file)
                with Image.open(file, formats=_formats()) as image:
                    check_size(image.size, decoded_bytes(image))
                    yield image
                return
        preview = extract_preview(path, data)
        check_work(stream := io.BytesIO(preview.data))
        with Image.open(stream, formats=_PREVIEW_FORMATS) as image:
            check_size(image.size, decoded_bytes(image))
            image.getexif().setdefault(_ORIENTATION_TAG, preview.orientation)
            yield image
    except ReadError:
        raise
    except Exception as error:  # decoders raise anything on damaged input: SyntaxError, struct.error, KeyError...
        raise ReadError(path, *_explain(path, error)) from error


@functools.cache
def _formats() -> tuple[str, ...]:
    """Return the formats that Pillow can open on this machine, of those that photocap reads, and nothing else.

    Pillow opens by content and knows 40 more formats, among them PostScript, for which it starts Ghostscript and so
    runs whatever program the file contains.
    """
    Image.init()
    return tuple(name for known in FORMATS for name in known.decoders if name in Image.OPEN)


def orientation_of(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8; 1 where there is none or it cannot be read."""
    try:
        value = image.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:  # a broken EXIF block must not cost us the picture
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _decode_small(image: Image.Image, min_side_px: int) -> Image.Image:
    image.draft(None, (min_side_px, min_side_px))  # JPEG only: decode at 1/2, 1/4 or 1/8; the size becomes that
    image.load()
    orientation = orientation_of(image)  # after load: TIFF turns itself there, PNG finds its EXIF there
    small = _scaled(image, max(min(image.size) // min_side_px, 1))
    shorter, longer = sorted(small.size)
    if longer > _MAX_ASPECT * shorter and longer > _MAX_ASPECT * min_side_px:
        squeeze = longer // (_MAX_ASPECT * max(shorter, min_side_px))
        small = small.reduce((squeeze, 1) if small.width == longer else (1, squeeze))
    return small.transpose(_TRANSPOSE[orientation]) if orientation in _TRANSPOSE else small


def _scaled(image: Image.Image, factor: int) -> Image.Image:
    """Return a picture in RGB, `factor` times smaller.

    A large picture is turned into RGB a band at a time, so that it is never there twice.
    """
    width, height = image.size
    band_rows = max(_BAND_PIXELS // width // factor, 1) * factor
    if factor < 2 or band_rows >= height or image.mode in ("I", "F"):  # those are spread over their whole range
        small = _to_rgb(image)
        return small.reduce(factor) if factor >= 2 else small
    small = Image.new("RGB", (-(-width // factor), -(-height // factor)))
    for top in range(0, height, band_rows):
        band = _to_rgb(image.crop((0, top, width, min(top + band_rows, height))))
        small.paste(band.reduce(factor), (0, top // factor))
    return small


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        return _grey(np.asarray(image) // 256)
    if image.mode in ("I", "F"):
        return _grey(_stretch(np.asarray(image)))
    if image.has_transparency_data:
        with_alpha = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, with_alpha).convert("RGB")
    # convert() alone would hand back the file's own object, which is closed when we leave.
    return image.copy() if image.mode == "RGB" else image.convert("RGB")


def _grey(values: NDArray[Any]) -> Image.Image:
    return Image.fromarray(values.astype(np.uint8)).convert("RGB")


def _stretch(values: NDArray[Any]) -> NDArray[Any]:
    """Spread values of unknown range (32-bit and float pictures) over 0 to 255."""
    finite = np.nan_to_num(values.astype(np.float32), posinf=0.0, neginf=0.0)
    low, high = float(finite.min()), float(finite.max())
    return (finite - low) * (255.0 / max(high - low, 1e-12))


@contextmanager
def _one_large_picture_at_a_time(image: Image.Image) -> Iterator[None]:
    if decoded_bytes(image) <= LARGE_BYTES:
        yield
        return
    with _large_picture:
        yield


def _explain(path: Path, error: Exception) -> tuple[str, str]:
    """Put a decoder's complaint into a reason and a way out."""
    if isinstance(error, (Image.DecompressionBombError, Image.DecompressionBombWarning)):
        return f"the picture is larger than the limit of {MAX_PIXELS // 1_000_000} megapixels", "save a smaller copy"
    if isinstance(error, TooManyPixels):
        return str(error), "save a smaller copy, or allow more with --max-pixels"
    if isinstance(error, MemoryError):
        return "there is not enough memory to decode this picture", "save a smaller copy"
    if isinstance(error, UnidentifiedImageError):
        if path.suffix.lower() == ".jxl" and not has_jxl():
            return "JPEG XL needs a decoder that is not installed", "pip install 'photocap[jxl]'"
        return _what_it_looks_like(path)
    if isinstance(error, OSError) and error.errno is not None:
        return reason_of(error), ""
    said = " ".join(str(error).split())[:_LONGEST_REASON]  # some decoders say a page
    return f"the picture is damaged ({said or type(error).__name__})", ""


def _what_it_looks_like(path: Path) -> tuple[str, str]:
    with open_photo(path) as file:
        start = file.read(SNIFF_BYTES)
    if format_of(start) is not None:
        return "the picture is damaged (its header makes no sense)", ""
    if not start.strip(b"\0"):
        return "the file holds only zeros, no picture", "copy it again from where it came"
    if re.search(rb"[\x00-\x08\x0e-\x1f]", start):
        return "this is not a picture, or of a kind that cannot be read here", ""
    return "this is a text file, not a picture", ""
