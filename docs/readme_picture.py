"""Draw images/captions.svg: sample photographs with the captions that the base model gives them (`make docs`)."""

from __future__ import annotations

import base64
import io
import textwrap
from html import escape
from pathlib import Path

from PIL import Image, ImageOps
from sample_photos import sample_photos

from photocap.captioning.registry import load_captioner
from photocap.photos import load_image

PICTURE = Path(__file__).parent / "images" / "captions.svg"
SHOWN = ["chelsea.png", "coffee.png", "rocket.jpg", "astronaut.png", "china.jpg", "flower.jpg"]
COLUMNS, WIDTH_PX, HEIGHT_PX, TEXT_PX, GAP_PX = 3, 260, 180, 50, 20


def main() -> None:
    """Write the picture; nobody chooses among captions."""
    captioner = load_captioner(None, device="cpu")
    paths = {path.name: path for path in sample_photos()}
    images = [load_image(paths[name], max(captioner.image_size_px, HEIGHT_PX)) for name in SHOWN]
    cells = [
        _cell(number, image, caption.text)
        for number, (image, caption) in enumerate(zip(images, captioner.caption_batch(images), strict=True))
    ]
    rows = -(-len(SHOWN) // COLUMNS)
    width = COLUMNS * (WIDTH_PX + GAP_PX) - GAP_PX
    height = rows * (HEIGHT_PX + TEXT_PX)
    PICTURE.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'font-family="system-ui, sans-serif" font-size="14" fill="#808080">\n' + "".join(cells) + "</svg>\n",
        encoding="utf-8",
    )


def _cell(number: int, image: Image.Image, text: str) -> str:
    x = number % COLUMNS * (WIDTH_PX + GAP_PX)
    y = number // COLUMNS * (HEIGHT_PX + TEXT_PX)
    lines = "".join(f'<tspan x="{x}" dy="18">{escape(line)}</tspan>' for line in textwrap.wrap(text, WIDTH_PX // 7))
    data = _jpeg(ImageOps.fit(image, (WIDTH_PX, HEIGHT_PX)))
    return (
        f'<image x="{x}" y="{y}" width="{WIDTH_PX}" height="{HEIGHT_PX}" href="data:image/jpeg;base64,{data}"/>\n'
        f'<text y="{y + HEIGHT_PX}">{lines}</text>\n'
    )


def _jpeg(image: Image.Image) -> str:
    buffer = io.BytesIO()
    image.save(buffer, "jpeg", quality=80)
    return base64.b64encode(buffer.getvalue()).decode()


if __name__ == "__main__":
    main()
