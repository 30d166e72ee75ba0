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
    image = load_image(path, longest_side_px * 2 // 3)
    profile = image.info.get("icc_profile")
    image.thumbnail((longest_side_px, longest_side_px))
    if profile:
        image = _to_srgb(image, profile)
    jpeg = io.BytesIO()
    image.save(jpeg, "JPEG", quality=_QUALITY, progressive=True, icc_profile=None)
    return jpeg.getvalue()


def _to_srgb(image: Image.Image, icc_profile: bytes) -> Image.Image:
    """Convert the colours of an RGB picture; as they are where the profile is damaged or of another kind."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(icc_profile))
        if source.profile.xcolor_space.strip() != "RGB":
            return image
        return ImageCms.profileToProfile(image, source, _SRGB) or image
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image
