"""Review: one photo after the other whose caption no person has judged, the least certain first."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from photocap.captioning.hedge import unhedged
from photocap.errors import PhotocapError
from photocap.index import PhotoIndex, ReviewItem
from photocap.library import decision
from photocap.web.changes import remember, say
from photocap.web.library import photo_of
from photocap.web.site import Form, is_fragment, page, site_of, with_form


def review(request: Request) -> Response:
    """Show the photo to judge: the first of those that wait, or the one after or before a given one."""
    with site_of(request).library.reading() as index:
        item = _asked(request, index)
        return _show(request, index, item.photo_id if item else None)


@with_form
def decide(request: Request, form: Form) -> Response:
    """Save, accept or reject a caption, and show the next photo."""
    site = site_of(request)
    with site.library.writing() as index:
        row = photo_of(index, request.path_params["photo_id"])
        place = index.browse.review_item(row.id)
        if form.text("decision") == "reject":
            made = decision.reject_words(index, row, form.text("shown"))
        else:
            made = decision.save_words(index, row, form.text("words"), form.text("shown"), site.library.policy)
        remember(site, made)
        following = index.browse.next_to_review(place.position if place else None) or index.browse.next_to_review()
        return _show(request, index, following.photo_id if following else None, say(made))


def undo(request: Request) -> Response:
    """Take the latest decision back and show its photo again."""
    site = site_of(request)
    if not site.steps:
        raise PhotocapError("There is nothing to undo since photocap serve was started.")
    with site.library.writing() as index:
        step = site.steps[-1]
        problems = decision.undo(index, step)
        site.steps.pop()
        return _show(request, index, step.photo_id, " ".join(["The last decision is undone.", *problems]))


def _asked(request: Request, index: PhotoIndex) -> ReviewItem | None:
    after, before = request.query_params.get("after", ""), request.query_params.get("before", "")
    here = index.browse.review_item(int(after or before)) if (after or before).isdecimal() else None
    if here is None:
        return index.browse.next_to_review()
    return index.browse.next_to_review(here.position, backwards=not after) or here


def _show(request: Request, index: PhotoIndex, photo_id: int | None, notice: str = "") -> Response:
    row = photo_of(index, photo_id) if photo_id else None
    values: dict[str, Any] = {
        "photo": row,
        "words": unhedged(row.caption or "") if row else "",
        "left": index.browse.count_to_review(),
        "can_undo": bool(site_of(request).steps),
        "notice": notice,
        "query": "",
    }
    return page(request, "review_card.html" if is_fragment(request) else "review.html", **values)
