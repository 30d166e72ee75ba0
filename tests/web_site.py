"""A small library and a server for it, as `photocap serve` would start it, inside the test's own process."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from fakes import FakeCaptioner
from PIL import Image
from sample_photos import sample_photos

from photocap.index import PhotoIndex, PhotoRow
from photocap.library.indexing import IndexOptions, index_photos
from photocap.metadata import WritePolicy
from photocap.web.decoder import PhotoDecoder
from photocap.web.guard import Access
from photocap.web.library import Library
from photocap.web.model import BackgroundModel
from photocap.web.server import listen, server_for
from photocap.web.site import Site
from photocap.web.thumbnails import Thumbnails

_PHOTOS = {"china", "flower", "rocket", "astronaut"}


def index_folder(folder: Path, db: Path) -> None:
    """Index photos with the fake captioner, which names a colour and the size."""
    with PhotoIndex.open(db, create=True) as index:
        index_photos([folder], index, FakeCaptioner, IndexOptions(workers=2))


@dataclass
class Running:
    """A running server and what it serves.

    Attributes:
        site: what its pages share.
        photos: the folder of the photos.
        loads: how often the model was loaded, one entry each.
    """

    site: Site
    photos: Path
    loads: list[str]

    @property
    def url(self) -> str:
        """Return the address of the page, without a slash at its end."""
        return self.site.access.url.rstrip("/")

    def row(self, name: str) -> PhotoRow:
        """Return what the index knows of a photo now."""
        with self.site.library.reading() as index:
            return index.photos.get(self.photos / name)

    def ask(
        self, path: str, method: str = "GET", body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[http.client.HTTPResponse, bytes]:
        """Send a request as it is."""
        connection = http.client.HTTPConnection("127.0.0.1", self.site.access.port, timeout=20)
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        return answer, data

    def change(self, path: str, **fields: Any) -> tuple[int, str]:
        """Send a form as the page does."""
        answer, data = self.ask(path, "POST", urlencode(fields, doseq=True), self.own_headers)
        return answer.status, data.decode()

    def upload(self, data: bytes, **headers: str) -> tuple[int, dict[str, Any]]:
        """Try a picture."""
        answer, body = self.ask("/try", "POST", data, self.own_headers | headers)
        return answer.status, json.loads(body)

    @property
    def own_headers(self) -> dict[str, str]:
        """Return what the page adds to its requests."""
        _, page = self.ask("/help")
        token = re.search(r'name="csrf-token" content="([^"]+)"', page.decode())
        return {"X-CSRF-Token": token[1], "Origin": self.url}


@contextmanager
def running_site(folder: Path, *, host: str = "127.0.0.1") -> Iterator[Running]:
    """Serve copies of four real photographs, all of them JPEG, out of a folder."""
    photos = folder / "photos"
    photos.mkdir(parents=True)
    for photo in sample_photos():
        if photo.stem in _PHOTOS:
            with Image.open(photo) as image:
                image.save(photos / f"{photo.stem}.jpg", comment=b"")  # their comments would be taken for captions
    shutil.copy(photos / "china.jpg", folder / "spare.jpg")
    index_folder(photos, folder / "index.db")
    loads: list[str] = []

    def load() -> FakeCaptioner:
        loads.append("loaded")
        return FakeCaptioner()

    decoder = PhotoDecoder()
    with listen(host, 0) as listener:
        site = Site(
            access=Access.for_address(host, listener.getsockname()[1]),
            library=Library(folder / "index.db", WritePolicy()),
            decoder=decoder,
            model=BackgroundModel(load, decoder),
            thumbnails=Thumbnails(folder / "thumbnails", decoder),
            load_text_encoder=lambda _: None,
        )
        server = server_for(site)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield Running(site, photos, loads)
        finally:
            server.should_exit = True
            thread.join()
            decoder.close()
