"""An evaluation as one HTML file that needs nothing else: pictures, captions and references, worst first."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from html import escape
from pathlib import Path

from photocap.errors import ReadError, printable
from photocap.evaluation import EvaluatedPhoto, Evaluation
from photocap.evaluation.text import score_lines
from photocap.photos import load_image
from photocap.system.named_errors import naming

_MAX_PHOTOS = 1000  # some 15 MB; more than anybody scrolls through
_THUMBNAIL_PX = 224
_STYLE = """
:root { color-scheme: light dark; font: 16px/1.45 system-ui, sans-serif; }
body { max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
pre { font: 14px/1.5 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
article { display: flex; gap: 1rem; padding: 1rem 0; border-top: 1px solid #8886; }
img { width: 224px; height: 224px; object-fit: contain; flex: none; background: #8882; }
h2 { font-size: 1.1rem; margin: 0 0 .3rem; }
ul { margin: 0; padding-left: 1.2rem; }
small { opacity: .7; overflow-wrap: anywhere; }
"""


def write_page(evaluation: Evaluation, file: Path) -> None:
    """Write the page.

    Raises:
        OSError: the file cannot be written.
    """
    with naming(file), file.open("w", encoding="utf-8", errors="replace") as out:
        out.writelines(_page(evaluation))


def _page(evaluation: Evaluation) -> Iterator[str]:
    title = escape(f"{evaluation.model_id} on {len(evaluation.photos):,} photos ({evaluation.split})")
    shown = evaluation.worst_first[:_MAX_PHOTOS]
    yield f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{title}</title>\n'
    yield '<meta name="viewport" content="width=device-width">\n'
    yield f"<style>{_STYLE}</style>\n<h1>{title}</h1>\n"
    yield f"<pre>{escape(chr(10).join(score_lines(evaluation)))}</pre>\n"
    yield f"<p>The {len(shown):,} photos with the lowest CIDEr-D, worst first.</p>\n"
    for photo in shown:
        yield _article(photo)
    yield "</html>\n"


def _article(photo: EvaluatedPhoto) -> str:
    references = "".join(f"<li>{escape(text)}</li>" for text in photo.references)
    return (
        f"<article>{_picture(photo.path)}<div>"
        f"<h2>{escape(photo.caption.text) or '(no caption)'}</h2>"
        f"<p>CIDEr-D {photo.cider_d:.1f} · confidence {photo.caption.confidence:.2f}</p>"
        f"<ul>{references}</ul><small>{escape(printable(photo.path))}</small></div></article>\n"
    )


def _picture(path: Path) -> str:
    """Return the picture as part of the page; photos are never linked, so the page can be moved."""
    try:
        image = load_image(path, _THUMBNAIL_PX)
    except ReadError:  # it could be read before, and is gone meanwhile
        return "<img alt=''>"
    image.thumbnail((_THUMBNAIL_PX, _THUMBNAIL_PX))
    data = io.BytesIO()
    image.save(data, "JPEG", quality=75)
    encoded = base64.b64encode(data.getvalue()).decode("ascii")
    return f'<img alt="" loading="lazy" src="data:image/jpeg;base64,{encoded}">'
