"""Looking: the grid of photos, the timeline, the folders, a photo's own page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from photocap.errors import QueryError
from photocap.index import PhotoIndex, PhotoRow
from photocap.metadata import read_caption
from photocap.query.fields import FIELDS
from photocap.records import CaptionSource
from photocap.search import MatchKind, SearchResult, search
from photocap.search.similar import similar
from photocap.web.facets import quoted
from photocap.web.library import photo_of
from photocap.web.site import PAGE_PHOTOS, is_fragment, page, site_of

_SIMILAR = 12


@dataclass(frozen=True, kw_only=True)
class Shelf:
    """Photos in a row, and where the next row begins.

    Attributes:
        rows: the photos.
        more: the address of the next ones; empty at the end.
        origin: the query string that leads from a photo's page back here.
        similar_from: the place in the row from which photos only look like what was searched; None for no such place.
    """

    rows: Sequence[PhotoRow]
    more: str = ""
    origin: str = ""
    similar_from: int | None = None


def photos(request: Request) -> Response:
    """Show what a query finds, or the newest photos where there is none."""
    site = site_of(request)
    text = request.query_params.get("q", "").strip()
    offset = _number(request, "offset")
    with site.library.reading() as index:
        if text:
            result = search(index, text, limit=PAGE_PHOTOS, offset=offset, text_encoder=site.text_encoder(index))
            shelf = _found(text, offset, result)
        else:
            result = None
            shelf = _newest(index, _number(request, "after"))
    if is_fragment(request) and request.headers.get("HX-Target") != "results":
        return page(request, "tiles.html", shelf=shelf, query=text)
    template = "results.html" if is_fragment(request) else "photos.html"
    return page(request, template, shelf=shelf, query=text, result=result)


def _found(text: str, offset: int, result: SearchResult) -> Shelf:
    following = urlencode({"q": text, "offset": offset + PAGE_PHOTOS})
    similar = [place for place, hit in enumerate(result.hits) if hit.kind is MatchKind.SIMILAR]
    began_before = bool(similar) and similar[0] == 0 and offset > result.total
    return Shelf(
        rows=[hit.photo for hit in result.hits],
        more=f"/?{following}" if len(result.hits) == PAGE_PHOTOS else "",
        origin=urlencode({"q": text}),
        similar_from=similar[0] if similar and not began_before else None,
    )


def _newest(index: PhotoIndex, after: int) -> Shelf:
    ids = index.browse.newest(PAGE_PHOTOS, after or None)
    more = f"/?{urlencode({'after': ids[-1]})}" if len(ids) == PAGE_PHOTOS else ""
    return Shelf(rows=index.photos.by_id(ids), more=more)


def timeline(request: Request) -> Response:
    """Show the months of the library."""
    with site_of(request).library.reading() as index:
        months = index.browse.months()
        covers = {row.id: row for row in index.photos.by_id([month.newest_id for month in months])}
    years: dict[str, list[object]] = {}
    for month in months:
        years.setdefault(month.month[:4], []).append((month, covers[month.newest_id]))
    return page(request, "timeline.html", years=years, query="")


def folders(request: Request) -> Response:
    """Show what lies in a folder, which is named by a photo below it and the number of its parts."""
    after_id = _number(request, "after")
    with site_of(request).library.reading() as index:
        folder = _asked_folder(request, index)
        if folder is None:
            return page(request, "empty.html", query="")
        after = photo_of(index, after_id).path if after_id else None
        entries = index.browse.folder_entries(folder, PAGE_PHOTOS, after)
        rows = {row.id: row for row in index.photos.by_id([entry.photo_id for entry in entries])}
        root = index.browse.root() or folder
        below = [
            (entry.name, rows[entry.photo_id], index.facets.below(folder / entry.name))
            for entry in entries
            if entry.name
        ]
    more = f"{request.url.path}?after={entries[-1].photo_id}" if len(entries) == PAGE_PHOTOS else ""
    shelf = Shelf(rows=[rows[entry.photo_id] for entry in entries if not entry.name])
    depth = len(folder.parts)
    trail = [(part, number) for number, part in enumerate(folder.parts, start=1) if number >= len(root.parts)]
    return page(
        request,
        "folders.html",
        folder=folder,
        photo_id=entries[0].photo_id if entries else 0,
        depth=depth,
        trail=trail,
        below=below,
        shelf=shelf,
        more=more,
        query="",
    )


def _asked_folder(request: Request, index: PhotoIndex) -> Path | None:
    if "photo_id" not in request.path_params:
        return index.browse.root()
    parts = photo_of(index, request.path_params["photo_id"]).path.parts
    return Path(*parts[: max(1, min(request.path_params["depth"], len(parts) - 1))])


def photo(request: Request) -> Response:
    """Show one photo with all that is known of it."""
    text = request.query_params.get("q", "").strip()
    with site_of(request).library.reading() as index:
        row = photo_of(index, request.path_params["photo_id"])
        older = index.browse.newest(1, row.id)
        values = caption_values(index, row)
        newer = index.browse.newer(row.id)
    return page(request, "photo.html", query=text, older=older[0] if older else None, newer=newer, notice="", **values)


def caption_values(index: PhotoIndex, row: PhotoRow) -> dict[str, Any]:
    """Return what the page of a photo shows of its caption."""
    history = index.captions.history(row.picture_hash) if row.picture_hash else []
    known = index.photos.find_picture(row.picture_hash) if row.picture_hash else None
    others = [path for path in known.paths if path != row.path] if known else []
    return {
        "photo": row,
        "history": list(reversed(history)),
        "others": others,
        "labels": [(label.name, f"label:{quoted(label.name)}") for label in index.browse.labels_of(row.id)],
        "is_by_person": row.source is CaptionSource.PERSON,
    }


def copies(request: Request) -> Response:
    """Show where each copy of a photo's caption is."""
    site = site_of(request)
    with site.library.reading() as index:
        row = photo_of(index, request.path_params["photo_id"])
    found = read_caption(row.path, sidecar_dir=site.library.policy.sidecar_dir)
    return page(request, "copies.html", found=found, photo=row)


def similar_photos(request: Request) -> Response:
    """Show photos that look like one."""
    with site_of(request).library.reading() as index:
        row = photo_of(index, request.path_params["photo_id"])
        try:
            rows = [hit.photo for hit in similar(index, row, limit=_SIMILAR)]
        except QueryError:  # the index has no embedding of it, and there is nothing to do about that here
            rows = []
    return page(request, "similar.html", shelf=Shelf(rows=rows))


def search_help(request: Request) -> Response:
    """Show what the search box understands."""
    return page(request, "help.html", fields=FIELDS.values())


def _number(request: Request, name: str) -> int:
    """Return a whole number out of the address; 0 where there is none."""
    text = request.query_params.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
