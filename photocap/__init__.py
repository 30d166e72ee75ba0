"""photocap: captions for a photo library, written into the photos and found again by words."""

__version__ = "0.1.0"
