"""A page with the photos that were found: one file, thumbnails inside, nothing fetched from anywhere."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterable, Iterator
from pathlib import Path

from photocap.errors import PhotocapError, WriteError, printable
from photocap.photos import load_image
from photocap.search.results import SearchHit

_THUMBNAIL_PX = 256
_QUALITY = 80
_FIRST_LINE = "<!doctype html><!-- photocap -->\n"
_HEAD = """<html lang="en"><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width"><title>{title}</title>
<style>
body {{ font: 15px/1.4 system-ui, sans-serif; margin: 2rem; background: #fff; color: #222 }}
main {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(240px, 1fr)); gap: 1.5rem }}
figure {{ margin: 0 }}
img {{ width: 100%; height: 200px; object-fit: cover; border-radius: 6px; background: #eee }}
small {{ color: #666; overflow-wrap: anywhere }}
@media (prefers-color-scheme: dark) {{ body {{ background: #181818; color: #ddd }} small {{ color: #999 }} }}
</style>
<h1>{title}</h1><p>{count} photos</p><main>
"""


def write_gallery(hits: Iterable[SearchHit], title: str, file: Path) -> int:
    """Write the page; return how many photos it shows without a thumbnail because they cannot be read.

    Raises:
        WriteError: the file cannot be written, or is something else than an earlier page of this kind.
    """
    hits = list(hits)
    unread = 0
    try:
        _refuse_other_files(file)
        with file.open("w", encoding="utf-8", errors="backslashreplace") as page:
            page.write(_FIRST_LINE + _HEAD.format(title=html.escape(title), count=len(hits)))
            for hit in hits:
                thumbnail = _thumbnail(hit.photo.path)
                unread += thumbnail is None
                page.writelines(_figure(hit, thumbnail))
            page.write("</main>\n")
    except OSError as error:
        raise WriteError(file, f"the page cannot be written: {error.strerror}") from error
    return unread


def _refuse_other_files(file: Path) -> None:
    """Keep a photo or a letter from being overwritten by a slip of the hand."""
    if not file.exists():
        return
    with file.open("rb") as page:
        if page.read(len(_FIRST_LINE)) != _FIRST_LINE.encode():
            raise WriteError(file, "exists and is no page of photocap's", "give --html another name")


def _figure(hit: SearchHit, thumbnail: str | None) -> Iterator[str]:
    caption = html.escape(hit.photo.caption or "")
    yield "<figure>"
    if thumbnail:
        yield f'<a href="{html.escape(hit.photo.path.as_uri())}"><img src="{thumbnail}" alt="{caption}"></a>'
    details = [printable(hit.photo.path), *([hit.photo.taken.replace("T", " ")] if hit.photo.taken else [])]
    yield f"<figcaption>{caption}<br><small>{html.escape(' · '.join(details))}</small></figcaption></figure>\n"


def _thumbnail(path: Path) -> str | None:
    """Return a photo as a small JPEG in a data URI; None where it cannot be read."""
    try:
        image = load_image(path, _THUMBNAIL_PX)
    except PhotocapError:
        return None
    image.thumbnail((2 * _THUMBNAIL_PX, 2 * _THUMBNAIL_PX))
    jpeg = io.BytesIO()
    image.save(jpeg, "JPEG", quality=_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg.getvalue()).decode()}"
