"""JPEG XL (ISO/IEC 18181) through the package pillow-jxl-plugin, where it is installed."""

from __future__ import annotations

import importlib.util
from contextlib import suppress
from typing import Any, BinaryIO

from PIL import ExifTags, Image

from photocap.formats.bmff_picture import jxl_picture
from photocap.formats.spans import Span, read_exactly
from photocap.photos.decode_memory import check_size

_FORMAT = "JXL"
_DECODER_BYTES_PER_PIXEL = 8  # as measured; the package decodes while it opens
_BARE_CODESTREAM = b"\xff\x0a"
_HEADER_BYTES = 12  # that hold the signature and any size
_SIZE_BITS = (9, 13, 18, 30)
_RATIOS = ((1, 1), (6, 5), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))  # width to height, from ratio 1 on


def has_jxl() -> bool:
    """Return whether JPEG XL can be read here."""
    return importlib.util.find_spec("pillow_jxl") is not None


def register_jxl_opener() -> None:
    """Let Pillow open JPEG XL, if it can be read here.

    The package decodes a picture while it is opened and keeps a turn that the decoder has already made; so the
    size is looked up before, and the turn forgotten after.
    """
    if not has_jxl():
        return
    import pillow_jxl  # noqa: F401 - registers itself

    open_any, accept = Image.OPEN[_FORMAT]

    def open_checked(file: Any, name: str | bytes) -> Any:
        width, height = jxl_size(file)
        if Image.MAX_IMAGE_PIXELS and width * height > Image.MAX_IMAGE_PIXELS:
            raise Image.DecompressionBombError(f"{width} x {height} pixels")
        check_size((width, height), width * height * _DECODER_BYTES_PER_PIXEL)
        file.seek(0)
        image: Any = open_any(file, name)
        if not image.jpeg:  # a JPEG packed losslessly is unpacked as it was, and turned by its EXIF as any JPEG
            with suppress(Exception):  # a broken EXIF block must not cost us the picture
                image.getexif().pop(ExifTags.Base.Orientation, None)
        return image

    Image.register_open(_FORMAT, open_checked, accept)


def jxl_size(file: BinaryIO) -> tuple[int, int]:
    """Return width and height in pixels from the codestream's header, before any turn (18181-1, SizeHeader).

    Raises:
        NotUnderstood: the file is no JPEG XL.
    """
    bits = int.from_bytes(_codestream_start(file)[2:], "little")

    def take(count: int) -> int:
        nonlocal bits
        value = bits & ((1 << count) - 1)
        bits >>= count
        return value

    def side(small: int) -> int:
        return 8 * (take(5) + 1) if small else take(_SIZE_BITS[take(2)]) + 1

    small = take(1)
    height = side(small)
    ratio = take(3)
    if not ratio:
        return side(small), height
    wide, high = _RATIOS[ratio - 1]
    return height * wide // high, height


def _codestream_start(file: BinaryIO) -> bytes:
    if read_exactly(file, 0, 2) == _BARE_CODESTREAM:
        return _up_to(file, Span(0, _HEADER_BYTES))
    start, is_part = b"", False
    for piece in jxl_picture(file):
        if isinstance(piece, bytes):
            is_part = piece == b"jxlp"
            continue
        begin = piece.start + (4 if is_part else 0)  # a part of the codestream begins with its number
        start += _up_to(file, Span(begin, piece.start + piece.length - begin))
        if len(start) >= _HEADER_BYTES:
            break
    return start


def _up_to(file: BinaryIO, span: Span) -> bytes:
    file.seek(span.start)
    return file.read(min(span.length, _HEADER_BYTES))
