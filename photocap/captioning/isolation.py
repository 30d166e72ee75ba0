"""Find the picture that a captioner fails on, so that it costs the others of its batch nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from photocap.errors import PhotocapError
from photocap.records import Caption, CaptionerProtocol

if TYPE_CHECKING:
    from PIL import Image


def caption_each(captioner: CaptionerProtocol, images: Sequence[Image.Image]) -> list[Caption | Exception]:
    """Caption a batch; where that fails, find out which picture it is and caption the others.

    Returns:
        One caption for each image, in order; for a picture that the captioner fails on, the error.

    Raises:
        Exception: the captioner fails on every one of several pictures, so it is not the pictures' fault.
    """
    try:
        captions = captioner.caption_batch(images)
    except PhotocapError:
        raise
    except Exception as error:
        if len(images) == 1:
            return [error]
        answers = [answer for image in images for answer in caption_each(captioner, [image])]
        if all(isinstance(answer, Exception) for answer in answers):
            raise
        return answers
    assert len(captions) == len(images), "a captioner must answer for every picture"
    return list(captions)
