"""A web page on this machine to try captions: one picture in, one sentence out, nothing kept."""

from __future__ import annotations

import json
import tempfile
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from pathlib import Path
from typing import Any

from photocap import photos
from photocap.errors import FileProblem, ReadError, unexpected
from photocap.records import Caption, CaptionerProtocol
from photocap.workers import Overdue, WorkerPool

ADDRESS = "127.0.0.1"
MAX_UPLOAD_BYTES = 64 * 1024 * 1024
MAX_UPLOADS = 8  # on their way at the same time
UPLOAD_SECONDS = 30.0  # for one of them, from its first byte to its last
_PIECE_BYTES = 1 << 16
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src blob:; connect-src 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}


class CaptionServer(ThreadingHTTPServer):
    """Serves the page on 127.0.0.1 only.

    Args:
        captioner: makes the sentences.
        port: the port; 0 for any free one.
    """

    daemon_threads = True

    def __init__(self, captioner: CaptionerProtocol, port: int) -> None:
        self.captioner = captioner
        self.turn = threading.Lock()  # one picture in the network at a time
        self.arrivals = threading.BoundedSemaphore(MAX_UPLOADS)
        self._pool = WorkerPool(1)
        super().__init__((ADDRESS, port), _Handler)

    @property
    def hosts(self) -> set[str]:
        """Return the names a browser may call this server by; others mean that a foreign page is behind the request."""
        return {f"{name}:{self.server_port}" for name in (ADDRESS, "localhost")}

    @property
    def url(self) -> str:
        """Return where the page is."""
        return f"http://{ADDRESS}:{self.server_port}/"

    def caption(self, data: bytes) -> Caption:
        """Return the caption of a picture file.

        Raises:
            ReadError: it is no picture, damaged or too large.
        """
        with tempfile.TemporaryDirectory(prefix="photocap-") as folder:
            path = Path(folder) / "upload"
            path.write_bytes(data)
            try:
                image = self._pool.result(self._pool.submit(photos.load_image, path, self.captioner.image_size_px))
            except Overdue as error:
                raise ReadError(path, str(error)) from error
        return self.captioner.caption_batch([image])[0]

    def server_close(self) -> None:
        """Close the port and end the decoder's thread."""
        super().server_close()
        self._pool.shutdown()


class _Handler(BaseHTTPRequestHandler):
    server: CaptionServer
    timeout = 30  # seconds without a byte

    def do_GET(self) -> None:
        if self.path != "/":
            return self._answer_json(HTTPStatus.NOT_FOUND, {"error": "there is nothing here"})
        page = resources.files("photocap.web").joinpath("page.html").read_bytes()
        return self._answer(HTTPStatus.OK, "text/html; charset=utf-8", page)

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if self.path != "/caption":
            self._answer_json(HTTPStatus.NOT_FOUND, {"error": "there is nothing here"})
        elif not self._is_from_own_page():
            self._answer_json(HTTPStatus.FORBIDDEN, {"error": "only photocap's own page may ask"})
        elif not length.isdecimal():
            self._answer_json(HTTPStatus.LENGTH_REQUIRED, {"error": "the length of the picture is missing"})
        elif int(length) > MAX_UPLOAD_BYTES:
            limit = f"the file is larger than {MAX_UPLOAD_BYTES >> 20} MiB"
            self._answer_json(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, {"error": limit})
        elif not self.server.arrivals.acquire(blocking=False):
            self._answer_json(HTTPStatus.SERVICE_UNAVAILABLE, {"error": "too many pictures at a time; try again"})
        else:
            try:
                self._receive(int(length))
            finally:
                self.server.arrivals.release()

    def _receive(self, length: int) -> None:
        """Take in a whole upload before it gets its turn, so that one that trickles holds up nobody."""
        data = self._read_in_time(length)
        if data is None:
            self.close_connection = True
            self._answer_json(HTTPStatus.REQUEST_TIMEOUT, {"error": "the picture did not arrive in time"})
            return
        with self.server.turn:
            self._answer_picture(data)

    def _read_in_time(self, length: int) -> bytes | None:
        """Return the body of a request; None where it is not there after `UPLOAD_SECONDS`, or not whole."""
        data = bytearray()
        deadline_s = time.monotonic() + UPLOAD_SECONDS
        while len(data) < length:
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                return None
            self.connection.settimeout(left_s)
            try:
                piece = self.rfile.read1(min(length - len(data), _PIECE_BYTES))
            except TimeoutError:
                return None
            if not piece:
                return None
            data += piece
        self.connection.settimeout(self.timeout)
        return bytes(data)

    def _answer_picture(self, data: bytes) -> None:
        try:
            caption = self.server.caption(data)
        except Exception as problem:  # one picture never stops the server
            # The path in the message is that of our temporary file, which would only confuse.
            reason = problem.reason if isinstance(problem, FileProblem) else unexpected(problem)
            self._answer_json(HTTPStatus.UNPROCESSABLE_ENTITY, {"error": reason})
        else:
            self._answer_json(HTTPStatus.OK, {"caption": caption.text, "confidence": caption.confidence})

    def _is_from_own_page(self) -> bool:
        """Tell requests of our page from those of a page elsewhere on the web that this browser also shows."""
        origin = self.headers.get("Origin")
        return self.headers.get("Host") in self.server.hosts and (
            origin is None or origin.removeprefix("http://") in self.server.hosts
        )

    def _answer_json(self, status: HTTPStatus, value: dict[str, Any]) -> None:
        self._answer(status, "application/json", json.dumps(value).encode())

    def _answer(self, status: HTTPStatus, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name in http.server
        """Stay silent: what somebody tries here is nobody's business."""
