"""Finding photos, telling what is the same picture, decoding small, reading what the camera wrote."""

from photocap.photos.decoding import load_image
from photocap.photos.hashing import picture_hash

__all__ = ["load_image", "picture_hash"]
