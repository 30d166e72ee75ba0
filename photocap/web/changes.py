"""Change the caption of one photo from its page."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response

from photocap.index import PhotoIndex, PhotoRow
from photocap.library.decision import CaptionDecision, reject_words, save_words
from photocap.library.recovery import recover_interrupted_writes
from photocap.library.restore import restore as restore_files
from photocap.web.browse import caption_values
from photocap.web.library import photo_of
from photocap.web.site import Form, Site, page, site_of, with_form


@with_form
def caption(request: Request, form: Form) -> Response:
    """Put a person's words on a photo, or accept the model's."""
    policy = site_of(request).library.policy
    return _decide(request, lambda index, row: save_words(index, row, form.text("words"), form.text("shown"), policy))


@with_form
def reject(request: Request, form: Form) -> Response:
    """Take a photo's caption away."""
    return _decide(request, lambda index, row: reject_words(index, row, form.text("shown")))


def restore(request: Request) -> Response:
    """Take back what photocap wrote into a photo's files; the caption stays in the index."""
    with site_of(request).library.writing() as index:
        row = photo_of(index, request.path_params["photo_id"])
        return page(request, "caption.html", notice=take_back(index, [row]), **caption_values(index, row))


def take_back(index: PhotoIndex, rows: list[PhotoRow]) -> str:
    """Take back what was written into photos and say how that went."""
    recover_interrupted_writes(index)
    results = list(restore_files(index, [row.path for row in rows])) if rows else []
    restored = sum(result.is_restored for result in results)
    left = [f"{result.path.name} was left alone: {result.reason}." for result in results if not result.is_restored]
    if not results:
        return "photocap has written nothing here."
    return " ".join([f"{restored} {'file' if restored == 1 else 'files'} restored.", *left])


def say(decision: CaptionDecision) -> str:
    """Say what was decided, and what went wrong with it."""
    return " ".join([f"Caption {decision.kind.value}.", *decision.problems])


def remember(site: Site, decision: CaptionDecision) -> None:
    """Note a decision, so that it can be undone."""
    site.steps.append(decision)


def _decide(request: Request, decide: Callable[[PhotoIndex, PhotoRow], CaptionDecision]) -> Response:
    site = site_of(request)
    with site.library.writing() as index:
        decision = decide(index, photo_of(index, request.path_params["photo_id"]))
        remember(site, decision)
        row = photo_of(index, decision.photo_id)
        return page(request, "caption.html", notice=say(decision), **caption_values(index, row))
