"""Try a picture: an upload in, its caption out, nothing kept."""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from http import HTTPStatus
from pathlib import Path
from typing import Any

import anyio
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from photocap.errors import FileProblem, PhotocapError, unexpected
from photocap.photos import FileKind, kind_of, render_jpeg
from photocap.records import Caption
from photocap.web.phrases import confidence_words
from photocap.web.site import Site, page, site_of

MAX_UPLOAD_BYTES = 64 * 1024 * 1024
DEADLINE_S = 60.0
_SILENCE_S = 15.0
_PREVIEW_PX = 1024


class UploadRefused(PhotocapError):
    """An upload is too large, too slow, or one too many.

    Args:
        status: the answer to give.
        reason: what is wrong, in plain words.
    """

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        self.status = status
        super().__init__(reason)


def trial_page(request: Request) -> Response:
    """Show where to drop a picture; the model is not loaded for that."""
    return page(request, "try.html", query="", limit_mib=MAX_UPLOAD_BYTES >> 20)


def model_state(request: Request) -> Response:
    """Say how far the loading of the model has come."""
    model = site_of(request).model
    return JSONResponse({"state": model.state.value, "error": model.error})


async def caption_upload(request: Request) -> Response:
    """Caption the picture that is the body of a request."""
    site = site_of(request)
    try:
        _check_length(request.headers.get("Content-Length", ""))
        with _place(site), tempfile.TemporaryDirectory(prefix="photocap-") as folder:
            path = Path(folder, f"upload{_suffix(request)}")
            await _receive(request, path)
            return JSONResponse(await run_in_threadpool(_describe, site, path))
    except UploadRefused as refusal:
        return _error(str(refusal), refusal.status)
    except FileProblem as problem:  # its path is that of our temporary file, which would only confuse
        return _error(problem.reason, HTTPStatus.UNPROCESSABLE_ENTITY)
    except PhotocapError as error:
        return _error(str(error), HTTPStatus.SERVICE_UNAVAILABLE)
    except ClientDisconnect:
        raise
    except Exception as error:  # one picture's trouble must not cost the page its answer
        return _error(unexpected(error), HTTPStatus.UNPROCESSABLE_ENTITY)


def _check_length(length: str) -> None:
    if not length.isdecimal():
        raise UploadRefused(HTTPStatus.LENGTH_REQUIRED, "the length of the picture is missing")
    if int(length) > MAX_UPLOAD_BYTES:
        reason = f"the file is larger than {MAX_UPLOAD_BYTES >> 20} MiB"
        raise UploadRefused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, reason)


@contextmanager
def _place(site: Site) -> Iterator[None]:
    """Take one of the places for pictures that arrive.

    Raises:
        UploadRefused: all are taken.
    """
    if not site.uploads.acquire(blocking=False):
        raise UploadRefused(HTTPStatus.SERVICE_UNAVAILABLE, "too many pictures at once; try again in a moment")
    try:
        yield
    finally:
        site.uploads.release()


def _suffix(request: Request) -> str:
    """Return the ending of a camera raw file, which only its name says; others are recognised by their content."""
    suffix = request.headers.get("X-File-Suffix", "")
    is_raw = suffix.isascii() and suffix.isalnum() and kind_of(f"x.{suffix}") is FileKind.RAW
    return f".{suffix.lower()}" if is_raw else ""


async def _receive(request: Request, path: Path) -> None:
    """Write the body of a request to a file as it arrives; a slow sender holds up nobody else.

    Raises:
        UploadRefused: it takes too long.
    """
    stream = request.stream().__aiter__()
    try:
        with anyio.fail_after(DEADLINE_S), path.open("wb") as file:
            while True:
                with anyio.fail_after(_SILENCE_S):
                    piece = await anext(stream, None)
                if piece is None:
                    return
                file.write(piece)
    except TimeoutError:
        raise UploadRefused(HTTPStatus.REQUEST_TIMEOUT, "the picture did not arrive in time") from None


def _describe(site: Site, path: Path) -> dict[str, Any]:
    # Before the model is loaded, so that what is no picture is said at once.
    preview = site.decoder.run(render_jpeg, path, _PREVIEW_PX)
    caption = site.model.caption(path)
    return {"preview": base64.b64encode(preview).decode(), **_caption_values(caption)}


def _caption_values(caption: Caption) -> dict[str, Any]:
    return {
        "caption": caption.text,
        "confidence": caption.confidence,
        "standing": confidence_words(caption.confidence),
        "labels": [asdict(label) for label in caption.labels],
        "words": [asdict(word) for word in caption.words],
    }


def _error(text: str, status: HTTPStatus) -> Response:
    return JSONResponse({"error": text}, status)
