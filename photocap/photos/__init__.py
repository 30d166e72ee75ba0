"""Finding photos, telling what is the same picture, decoding small, reading what the camera wrote."""

from photocap.photos.decoding import load_image

__all__ = ["load_image"]
