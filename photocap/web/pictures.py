"""The pictures themselves: small, as large as a screen, and as they are."""

from __future__ import annotations

import mimetypes
import stat

from starlette.requests import Request
from starlette.responses import FileResponse, Response

from photocap.errors import ReadError
from photocap.index import PhotoRow
from photocap.photos import FileKind, kind_of
from photocap.web.library import photo_of
from photocap.web.site import site_of
from photocap.web.thumbnails import SCREEN_PX, THUMBNAIL_PX

_NO_PHOTO = (FileKind.VIDEO, FileKind.OTHER)


def thumbnail(request: Request) -> Response:
    """Send a photo as small as the grid needs it."""
    return _rendered(request, THUMBNAIL_PX)


def screen(request: Request) -> Response:
    """Send a photo as large as a screen."""
    return _rendered(request, SCREEN_PX)


def original(request: Request) -> Response:
    """Send the file as it is, to be saved; a browser must never show what somebody calls a photo."""
    photo = _asked(request)
    check_is_photo(photo)
    kind = mimetypes.guess_type(photo.path.name)[0] or ""
    return FileResponse(
        photo.path,
        media_type=kind if kind.startswith("image/") else "application/octet-stream",
        filename=download_name(photo),
    )


def download_name(photo: PhotoRow) -> str:
    """Return a photo's name as a browser can take it: what is not UTF-8 becomes "?"."""
    return photo.path.name.encode("utf-8", "replace").decode()


def check_is_photo(photo: PhotoRow) -> None:
    """Make sure that a file may be handed out.

    Raises:
        ReadError: it is gone, or nothing that photocap would ever index.
    """
    if kind_of(photo.path) in _NO_PHOTO:
        raise ReadError(photo.path, "this is not a photo")
    try:
        status = photo.path.stat()
    except OSError as error:
        raise ReadError(photo.path, error.strerror or "it cannot be read") from error
    if not stat.S_ISREG(status.st_mode):
        raise ReadError(photo.path, "this is not a regular file")


def _rendered(request: Request, longest_side_px: int) -> Response:
    return Response(site_of(request).thumbnails.get(_asked(request), longest_side_px), media_type="image/jpeg")


def _asked(request: Request) -> PhotoRow:
    with site_of(request).library.reading() as index:
        return photo_of(index, request.path_params["photo_id"])
