"""The application: which address leads to which page."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from photocap.errors import IndexBusy, IndexNotFound, PhotocapError
from photocap.web import browse, changes, facets, pictures, review, selection, trial
from photocap.web.guard import Guard
from photocap.web.library import NoSuchPhoto
from photocap.web.site import STATIC, Site, is_fragment, page

_STATUS = {NoSuchPhoto: 404, IndexNotFound: 404, IndexBusy: 503}


def create_app(site: Site) -> Starlette:
    """Return the application for a site."""
    app = Starlette(
        routes=[
            Route("/", browse.photos),
            Route("/facets", facets.facets),
            Route("/timeline", browse.timeline),
            Route("/folders", browse.folders),
            Route("/folders/{photo_id:int}/{depth:int}", browse.folders),
            Route("/help", browse.search_help),
            Route("/photos/{photo_id:int}", browse.photo),
            Route("/photos/{photo_id:int}/copies", browse.copies),
            Route("/photos/{photo_id:int}/similar", browse.similar_photos),
            Route("/photos/{photo_id:int}/thumbnail", pictures.thumbnail),
            Route("/photos/{photo_id:int}/screen", pictures.screen),
            Route("/photos/{photo_id:int}/original", pictures.original),
            Route("/photos/{photo_id:int}/caption", changes.caption, methods=["POST"]),
            Route("/photos/{photo_id:int}/reject", changes.reject, methods=["POST"]),
            Route("/photos/{photo_id:int}/restore", changes.restore, methods=["POST"]),
            Route("/review", review.review),
            Route("/review/{photo_id:int}", review.decide, methods=["POST"]),
            Route("/review/undo", review.undo, methods=["POST"]),
            Route("/selection/paths", selection.paths, methods=["POST"]),
            Route("/selection/caption", selection.caption, methods=["POST"]),
            Route("/selection/restore", selection.restore, methods=["POST"]),
            Route("/selection/download", selection.prepare_download, methods=["POST"]),
            Route("/selection/download/{key}", selection.download),
            Route("/try", trial.trial_page),
            Route("/try", trial.caption_upload, methods=["POST"]),
            Route("/model", trial.model_state),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        middleware=[Middleware(Guard, access=site.access)],
        exception_handlers={
            PhotocapError: _show_error,
            OSError: _show_error,
            HTTPException: _show_http_error,
            ClientDisconnect: _say_nothing,
        },
    )
    app.state.site = site
    return app


def _show_error(request: Request, error: Exception) -> Response:
    """Show a problem that was expected: as a line where a script asked, else as a page."""
    status = next((number for kind, number in _STATUS.items() if isinstance(error, kind)), 422)
    if isinstance(error, IndexNotFound) and _wants_page(request):
        return page(request, "empty.html", status=status)
    return _problem(request, str(error), status)


def _show_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # what it is registered for
    return _problem(request, "There is nothing here." if error.status_code == 404 else error.detail, error.status_code)


def _problem(request: Request, text: str, status: int) -> Response:
    if _wants_page(request):
        return page(request, "problem.html", status=status, text=text)
    return PlainTextResponse(text, status)


def _wants_page(request: Request) -> bool:
    accepted = request.headers.get("Accept", "")
    return request.method == "GET" and not is_fragment(request) and "text/html" in accepted


def _say_nothing(request: Request, error: Exception) -> Response:  # noqa: ARG001 - Starlette's signature
    """A closed tab is no problem of ours; nobody reads this answer."""
    return PlainTextResponse("", 499)
