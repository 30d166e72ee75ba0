import http.client
import json
import threading
from collections.abc import Iterator, Sequence

import pytest
from PIL import Image

from photocap.records import Caption
from photocap.web.server import MAX_UPLOAD_BYTES, CaptionServer


class SizeCaptioner:
    model_id = "size"
    image_size_px = 64
    batch_size = 1

    def caption_batch(self, images: Sequence[Image.Image]) -> list[Caption]:
        return [Caption(f"a picture {image.width} by {image.height}", 0.5) for image in images]


@pytest.fixture
def server() -> Iterator[CaptionServer]:
    with CaptionServer(SizeCaptioner(), 0) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def ask(server, method, path, body=None, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    connection.request(method, path, body, headers or {})
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    return answer, data


def test_the_page_is_served_on_this_machine_only(server):
    answer, page = ask(server, "GET", "/")
    assert answer.status == 200
    assert b"Drop a photo here" in page
    assert server.server_address[0] == "127.0.0.1"
    assert "connect-src 'self'" in answer.headers["Content-Security-Policy"]


def test_a_photo_gets_its_caption_and_nothing_is_kept(server, sample_photos, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    rocket = next(photo for photo in sample_photos if photo.name == "rocket.jpg")
    answer, data = ask(server, "POST", "/caption", rocket.read_bytes())
    assert answer.status == 200
    assert json.loads(data) == {"caption": "a picture 160 by 107", "confidence": 0.5}
    assert not list((tmp_path / "temporary").iterdir())


@pytest.mark.parametrize("data", [b"", b"no picture at all", b"\xff\xd8\xff\xe0 broken"])
def test_what_is_no_picture_gets_a_reason_without_a_path(server, data):
    answer, body = ask(server, "POST", "/caption", data)
    assert answer.status == 422
    error = json.loads(body)["error"]
    assert error
    assert "/" not in error


def test_a_file_too_large_is_refused_before_it_is_read(server):
    answer, body = ask(server, "POST", "/caption", headers={"Content-Length": str(MAX_UPLOAD_BYTES + 1)})
    assert answer.status == 413
    assert "64 MiB" in json.loads(body)["error"]


@pytest.mark.parametrize(
    "headers",
    [{"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Origin": "null"}, {"Host": "127.0.0.1:1"}],
)
def test_other_web_pages_in_the_same_browser_may_not_ask(server, headers):
    assert ask(server, "POST", "/caption", b"x", headers)[0].status == 403


def test_the_own_page_may_ask(server, sample_photos):
    answer, _ = ask(server, "POST", "/caption", sample_photos[0].read_bytes(), {"Origin": server.url.rstrip("/")})
    assert answer.status == 200


@pytest.mark.parametrize(("method", "path"), [("GET", "/etc/passwd"), ("POST", "/"), ("GET", "/caption")])
def test_there_is_nothing_else(server, method, path):
    assert ask(server, method, path, b"")[0].status == 404


def test_a_missing_length_is_refused(server):
    assert ask(server, "POST", "/caption", iter([b"x"]), {"Transfer-Encoding": "chunked"})[0].status == 411
