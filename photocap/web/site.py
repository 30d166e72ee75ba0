"""What the pages share: the library, the model, the thumbnails, the templates."""

from __future__ import annotations

import functools
import threading
import urllib.parse
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from photocap.errors import PhotocapError, printable
from photocap.index import PhotoIndex, PhotoRow
from photocap.library.decision import CaptionDecision
from photocap.search import TextEncoderProtocol
from photocap.web import phrases
from photocap.web.decoder import PhotoDecoder
from photocap.web.guard import Access
from photocap.web.library import Library
from photocap.web.model import BackgroundModel
from photocap.web.thumbnails import Thumbnails

STATIC = Path(__file__).parent / "static"
MAX_UPLOADS = 32
PAGE_PHOTOS = 60
_MAX_FORM_BYTES = 1 << 20
_REMEMBERED_STEPS = 200


class FormTooLarge(PhotocapError):
    """A form is larger than any that the pages send."""


@dataclass(kw_only=True)
class Site:
    """Everything a page needs.

    Attributes:
        access: who may open the pages.
        library: the index and how captions are written.
        decoder: decodes photos.
        model: captions pictures that are tried.
        thumbnails: the small pictures.
        load_text_encoder: gives words a place among the pictures; None where there is no such model.
        uploads: how many pictures may arrive at the same time.
        downloads: the archives that were asked for and not yet sent.
        steps: what was decided on these pages, the latest last, so that it can be undone.
    """

    access: Access
    library: Library
    decoder: PhotoDecoder
    model: BackgroundModel
    thumbnails: Thumbnails
    load_text_encoder: Callable[[PhotoIndex], TextEncoderProtocol | None]
    uploads: threading.BoundedSemaphore = field(default_factory=lambda: threading.BoundedSemaphore(MAX_UPLOADS))
    downloads: dict[str, list[PhotoRow]] = field(default_factory=dict)
    steps: deque[CaptionDecision] = field(default_factory=lambda: deque(maxlen=_REMEMBERED_STEPS))
    _encoder: TextEncoderProtocol | None = None
    _encoder_is_loaded: bool = False

    def text_encoder(self, index: PhotoIndex) -> TextEncoderProtocol | None:
        """Return what tells how photos that fit some words look; loaded with the first search."""
        if not self._encoder_is_loaded:
            self._encoder = self.load_text_encoder(index)
            self._encoder_is_loaded = True
        return self._encoder


def site_of(request: Request) -> Site:
    """Return the site that a request is for."""
    site: Site = request.app.state.site
    return site


def is_fragment(request: Request) -> bool:
    """Return whether htmx asks for a piece of a page."""
    return "HX-Request" in request.headers and "HX-History-Restore-Request" not in request.headers


def page(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """Render a template."""
    site = site_of(request)
    shared = {"csrf_token": site.access.csrf_token, "path": request.url.path}
    return HTMLResponse(render(template, **{"query": ""} | shared | values), status)


def render(template: str, **values: Any) -> str:
    """Fill a template."""
    return _templates().get_template(template).render(values)


@dataclass(frozen=True)
class Form:
    """What a form holds, by the names of its fields."""

    fields: Mapping[str, Sequence[str]]

    def text(self, name: str) -> str:
        """Return a field's text without blanks around it; empty where there is none."""
        return self.fields.get(name, [""])[0].replace("\r\n", "\n").strip()

    def numbers(self, name: str) -> list[int]:
        """Return the whole numbers that a field holds."""
        return [int(text) for text in self.fields.get(name, ()) if text.isascii() and text.isdigit() and len(text) < 19]


def with_form(endpoint: Callable[[Request, Form], Response]) -> Callable[[Request], Awaitable[Response]]:
    """Make an endpoint of a function that takes a form and may block."""

    @functools.wraps(endpoint)
    async def read_and_answer(request: Request) -> Response:
        return await run_in_threadpool(endpoint, request, await _form_of(request))

    return read_and_answer


async def _form_of(request: Request) -> Form:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > _MAX_FORM_BYTES:
            raise FormTooLarge("the form is too large")
    return Form(urllib.parse.parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True))


@functools.cache
def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("photocap.web"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "printable": printable,
        "day": phrases.day,
        "month": phrases.month,
        "size": phrases.size_words,
        "standing": phrases.standing,
        "alt": phrases.alt_text,
        "exposure": phrases.exposure,
        "shape": phrases.shape_class,
        "provenance": phrases.provenance,
    }
    environment.globals |= {"count_words": phrases.count_words}
    return environment
