"""Show a photo in the terminal, as well as it can; with coloured half blocks where it can nothing else."""

from __future__ import annotations

import importlib
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from photocap.cli import console
from photocap.errors import ReadError

if TYPE_CHECKING:
    from PIL import Image
    from rich.console import Console, RenderableType

_MOST_COLUMNS, _MOST_ROWS = 80, 24
_ROWS_FOR_WORDS = 6
_LONGEST_SIDE_PX = 1_024
_UPPER_HALF = "\u2580"


def show_picture(path: Path) -> None:
    """Show a photo on a terminal that has colours; elsewhere do nothing. A photo that cannot be read is said."""
    screen = console.stdout()
    if not screen.is_terminal or screen.color_system is None:
        return
    from photocap.photos.thumbnail import render_image

    try:
        image = render_image(path, _LONGEST_SIDE_PX)
    except ReadError as error:
        console.show_error(error)
        return
    columns, rows = _size(image, screen)
    try:
        screen.print(_graphics(image, columns, rows))
    except Exception:  # it is not installed, or divides by zero where a terminal does not tell its size
        screen.print(_half_blocks(image, columns, rows))


def _size(image: Image.Image, screen: Console) -> tuple[int, int]:
    """Return how many columns and rows a picture gets; a row is as high as two columns are wide."""
    columns = min(_MOST_COLUMNS, screen.width)
    rows = max(1, min(_MOST_ROWS, screen.height - _ROWS_FOR_WORDS))
    columns = max(1, min(columns, round(2 * rows * image.width / image.height)))
    return columns, max(1, min(rows, round(columns * image.height / image.width / 2)))


def _graphics(image: Image.Image, columns: int, rows: int) -> RenderableType:
    """Return what rich prints: sixels or what else the terminal says that it knows.

    Raises:
        ImportError: the extra `pictures` is not installed.
    """
    logging.getLogger("textual_image").setLevel(logging.ERROR)  # it warns, at length, of terminals that do not answer
    graphics: Any = importlib.import_module("textual_image.renderable")  # asks the terminal
    shown: RenderableType = graphics.Image(image, width=columns, height=rows)
    return shown


def _half_blocks(image: Image.Image, columns: int, rows: int) -> RenderableType:
    """Return a picture in which each character is two pixels, one above the other."""
    from rich.text import Text

    pixels = image.resize((columns, 2 * rows)).tobytes()
    text = Text(no_wrap=True)
    for row in range(rows):
        text.append("\n" if row else "")
        for column in range(columns):
            upper, lower = (_colour(pixels, columns * line + column) for line in (2 * row, 2 * row + 1))
            text.append(_UPPER_HALF, f"{upper} on {lower}")
    return text


def _colour(pixels: bytes, number: int) -> str:
    return "#" + pixels[3 * number : 3 * number + 3].hex()
