"""How much memory a picture takes while it is decoded, going by its header."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

# The largest cameras make 200 megapixels. Beyond this limit a small file can claim more memory than a machine has.
MAX_PIXELS = 256_000_000
# Pillow warns from its limit on and raises at twice the limit; `decode` makes one line of it.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS
# A file of some kilobytes can hold a picture of gigabytes. Beyond this a picture is refused before it is decoded.
MAX_DECODED_BYTES = 800_000_000
# As many pixels may a picture have that is decoded whole; those that are scaled while they are decoded may have more.
MAX_WHOLE_PIXELS = 80_000_000
_BYTES_PER_WHOLE_PIXEL = 4
# Pictures above this are decoded one at a time, so that memory does not grow with the number of workers.
LARGE_BYTES = 160_000_000

# Pillow keeps most pictures at 4 bytes per pixel. Of "I" and "F", numbers of any range, copies are made to spread them.
_BYTES_PER_PIXEL = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2, "I": 20, "F": 20}
# What the decoders of some formats take for themselves, as measured with Pillow 13 on pictures of 25 megapixels.
_BYTES_PER_PIXEL_OF_FORMAT = {"WEBP": 16, "AVIF": 10, "HEIF": 8, "JPEG2000": 20}
_COEFFICIENT_BYTES = 2


class TooManyPixels(ValueError):
    """A picture would take more memory than one photo may."""


def decoded_bytes(image: Image.Image) -> int:
    """Return about how many bytes decoding takes at its height.

    Of a baseline JPEG that is scaled while it is decoded (`Image.draft`), only the scaled picture is ever there. Of a
    progressive one, the coefficients of the whole picture are kept until the last scan.
    """
    width, height = image.size
    if image.format in ("JPEG", "MPO"):
        layers = getattr(image, "layer", [])
        if not image.info.get("progressive"):
            return 0
        full = max((across * down for _, across, down, *_ in layers), default=1)
        samples = sum(across * down for _, across, down, *_ in layers) / full
        return int(width * height * samples * _COEFFICIENT_BYTES)
    format_bytes = _BYTES_PER_PIXEL_OF_FORMAT.get(image.format or "", 0)
    return width * height * max(format_bytes, _BYTES_PER_PIXEL.get(image.mode, 4))


@dataclass
class _Limit:
    pixels: int = MAX_WHOLE_PIXELS
    decoded_bytes: int = MAX_DECODED_BYTES


_limit = _Limit()


def allow_pixels(count: int) -> None:
    """Let pictures have as many pixels from now on, in this process: those that are decoded whole, and all others."""
    _limit.pixels = count
    _limit.decoded_bytes = max(MAX_DECODED_BYTES, count * max(_BYTES_PER_PIXEL.values()))
    Image.MAX_IMAGE_PIXELS = max(count, MAX_PIXELS)


def check_size(size: tuple[int, int], taken_bytes: int) -> None:
    """Refuse a picture that takes too much memory.

    Raises:
        TooManyPixels: it does.
    """
    width, height = size
    is_large = width * height > _limit.pixels and taken_bytes > _limit.pixels * _BYTES_PER_WHOLE_PIXEL
    if is_large or taken_bytes > _limit.decoded_bytes:
        raise TooManyPixels(
            f"the picture has {width * height / 1e6:,.0f} megapixels, which would take {taken_bytes / 1e9:.1f} GB of "
            "memory to decode"
        )
