"""A photo as a small JPEG for a screen: upright, in sRGB."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image, ImageCms

from photocap.photos.decode import load_image

_QUALITY = 82
_SRGB = ImageCms.createProfile("sRGB")


def render_jpeg(path: Path, longest_side_px: int) -> bytes:
    """Return a photo as a JPEG that fits a square; smaller photos are not enlarged.

    Args:
        path: the photo; of a camera raw file its embedded preview is shown.
        longest_side_px: the side of the square.

    Raises:
        ReadError: the photo cannot be read.
    """
    jpeg = io.BytesIO()
    render_image(path, longest_side_px).save(jpeg, "JPEG", quality=_QUALITY, progressive=True, icc_profile=None)
    return jpeg.getvalue()


def render_image(path: Path, longest_side_px: int) -> Image.Image:
    """Return the same as a picture in RGB.

    Raises:
        ReadError: the photo cannot be read.
    """
    image = load_image(path, longest_side_px * 2 // 3)
    profile = image.info.get("icc_profile")
    image.thumbnail((longest_side_px, longest_side_px))
    return _to_srgb(image, profile) if profile else image


def _to_srgb(image: Image.Image, icc_profile: bytes) -> Image.Image:
    """Convert the colours of an RGB picture; as they are where the profile is damaged or of another kind."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(icc_profile))
        if source.profile.xcolor_space.strip() != "RGB":
            return image
        return ImageCms.profileToProfile(image, source, _SRGB) or image
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image
