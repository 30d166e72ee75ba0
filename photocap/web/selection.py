"""What can be done with several photos at once."""

from __future__ import annotations

import secrets
import zipfile
from collections.abc import Iterator, Sequence

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from photocap.errors import PhotocapError, printable
from photocap.index import PhotoRow
from photocap.library.decision import save_words
from photocap.web.changes import remember, take_back
from photocap.web.library import NoSuchPhoto
from photocap.web.pictures import check_is_photo, download_name
from photocap.web.site import Form, site_of, with_form

MAX_PHOTOS = 1_000
_PIECE_BYTES = 1 << 20


@with_form
def paths(request: Request, form: Form) -> Response:
    """Send the paths of the photos, one a line."""
    return PlainTextResponse("\n".join(printable(row.path) for row in _asked(request, form)))


@with_form
def caption(request: Request, form: Form) -> Response:
    """Put the same words on every photo."""
    site = site_of(request)
    rows = _asked(request, form)
    problems: list[str] = []
    with site.library.writing() as index:
        for row in rows:
            try:
                made = save_words(index, row, form.text("words"), row.caption or "", site.library.policy)
            except PhotocapError as error:
                problems.append(str(error))
                continue
            remember(site, made)
            problems += made.problems
    return PlainTextResponse(" ".join([f"Caption saved for {_count(len(rows) - len(problems))}.", *problems]))


@with_form
def restore(request: Request, form: Form) -> Response:
    """Take back what photocap wrote into the files of the photos."""
    rows = _asked(request, form)
    with site_of(request).library.writing() as index:
        return PlainTextResponse(take_back(index, rows))


@with_form
def prepare_download(request: Request, form: Form) -> Response:
    """Note which photos are to be downloaded; return the address of the archive, which is good for one use."""
    rows = _asked(request, form)
    downloads = site_of(request).downloads
    key = secrets.token_urlsafe(16)
    downloads[key] = rows
    while len(downloads) > 10:
        downloads.pop(next(iter(downloads)))
    return PlainTextResponse(f"{request.url.path}/{key}")


def download(request: Request) -> Response:
    """Send an archive of photos as they are."""
    rows = site_of(request).downloads.pop(request.path_params["key"], None)
    if rows is None:
        raise NoSuchPhoto("This download has been made already; select the photos again.")
    headers = {"Content-Disposition": 'attachment; filename="photos.zip"'}
    return StreamingResponse(_archive(rows), media_type="application/zip", headers=headers)


def _asked(request: Request, form: Form) -> list[PhotoRow]:
    ids = form.numbers("id")
    if not ids:
        raise PhotocapError("No photos are selected.")
    if len(ids) > MAX_PHOTOS:
        raise PhotocapError(f"{len(ids):,} photos are selected; at most {MAX_PHOTOS:,} can be taken at once.")
    with site_of(request).library.reading() as index:
        return index.photos.by_id(ids)


class _Pieces:
    """A file to write to whose content is taken away in pieces, so that no archive is ever whole in memory."""

    def __init__(self) -> None:
        self._waiting = bytearray()

    def write(self, data: bytes) -> int:
        """Take some bytes."""
        self._waiting += data
        return len(data)

    def flush(self) -> None:
        """Do nothing: what was written is waiting already."""

    def take(self) -> bytes:
        """Return what was written since the last call."""
        data = bytes(self._waiting)
        self._waiting.clear()
        return data


def _archive(rows: Sequence[PhotoRow]) -> Iterator[bytes]:
    """Yield a ZIP file of the photos; one that cannot be read is left out and named in a text file."""
    pieces = _Pieces()
    names: set[str] = set()
    problems: list[str] = []
    with zipfile.ZipFile(pieces, "w", zipfile.ZIP_STORED) as archive:  # type: ignore[call-overload]  # a stream will do
        for row in rows:
            try:
                yield from _add(archive, pieces, row, _free_name(download_name(row), names))
            except (PhotocapError, OSError) as error:
                problems.append(str(error))
        if problems:
            archive.writestr("problems.txt", "\n".join(problems))
    yield pieces.take()


def _add(archive: zipfile.ZipFile, pieces: _Pieces, row: PhotoRow, name: str) -> Iterator[bytes]:
    check_is_photo(row)
    with row.path.open("rb") as photo, archive.open(name, "w", force_zip64=True) as entry:
        while data := photo.read(_PIECE_BYTES):
            entry.write(data)
            yield pieces.take()


def _free_name(name: str, taken: set[str]) -> str:
    """Return a name that no photo before has: "IMG_1.jpg", then "IMG_1-2.jpg"."""
    stem, dot, suffix = name.rpartition(".")
    free, number = name, 1
    while free.lower() in taken:
        number += 1
        free = f"{stem}-{number}{dot}{suffix}"
    taken.add(free.lower())
    return free


def _count(photos: int) -> str:
    return f"{photos:,} {'photo' if photos == 1 else 'photos'}"
