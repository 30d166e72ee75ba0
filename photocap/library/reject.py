"""Reject a picture's caption: take it out of every file that shows the picture, and out of the index."""

from __future__ import annotations

from photocap.index import PhotoIndex
from photocap.library.recovery import writing_files
from photocap.library.restore import Restored, restore


def reject(index: PhotoIndex, picture_hash: str) -> list[Restored]:
    """Reject the caption of a picture; it stays in the history and is not generated again.

    Args:
        index: open for writing.
        picture_hash: the picture.

    Returns:
        What became of each file that photocap had written to; where one was left alone, the caption is still in it.
    """
    with writing_files(index):
        known = index.photos.find_picture(picture_hash)
        if known is None:
            return []
        # No paths would mean all files of the library.
        restored = list(restore(index, known.paths)) if known.paths else []
        index.captions.reject(picture_hash)
    return restored
