"""From a picture to the network's input: part of the weights, for training and captioning alike.

`network.normalise`, or the first nodes of the encoder's graph, go on from here.
"""

from __future__ import annotations

import numpy as np
from PIL import Image


def to_square(image: Image.Image, side_px: int) -> np.ndarray:
    """Resize an RGB picture to (side, side, 3) uint8, aspect ratio not kept, as the training data came."""
    if image.size != (side_px, side_px):
        image = image.resize((side_px, side_px), Image.Resampling.BILINEAR, reducing_gap=None)
    return np.asarray(image, dtype=np.uint8)
