"""The page over HTTP, without a browser: what it shows, what it changes, what it refuses."""

from __future__ import annotations

import io
import json
import os
import re
import socket
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from fakes import LookingCaptioner
from PIL import Image, ImageCms
from raw_files import write_dng
from web_site import Running, index_folder, running_site

from photocap.errors import PhotocapError
from photocap.metadata import Origin, read_caption
from photocap.photos import render_jpeg
from photocap.records import CaptionSource
from photocap.web import trial
from photocap.web.decoder import PhotoDecoder
from photocap.web.guard import Access
from photocap.web.model import BackgroundModel, ModelState
from photocap.web.phrases import confidence_words, day, month
from photocap.web.server import CannotListen, listen
from photocap.web.thumbnails import Thumbnails


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Running]:
    with running_site(tmp_path) as running:
        yield running


def text_of(site: Running, path: str, status: int = 200) -> str:
    answer, data = site.ask(path, headers={"Accept": "text/html"})
    assert answer.status == status
    return data.decode()


# Looking


def test_the_newest_photos_come_first_with_captions_as_alternative_texts(site):
    page = text_of(site, "/")
    ids = [int(number) for number in re.findall(r'<li class="tile s\d+" data-id="(\d+)"', page)]
    with site.site.library.reading() as index:
        assert ids == index.browse.newest(60)
        rows = {row.id: row for row in index.photos.by_id(ids)}
    assert len(ids) == len(list(site.photos.iterdir()))
    for number in ids:
        assert f'<img src="/photos/{number}/thumbnail" alt="{rows[number].caption}"' in page


def test_a_search_shows_what_it_finds_and_says_how_it_was_read(site):
    row = site.row("rocket.jpg")
    page = text_of(site, "/?q=photo")
    assert f'data-id="{row.id}"' in page
    assert "4 photos" in page
    nothing = text_of(site, "/?q=zebra")
    assert "No photos found" in nothing


def test_a_fragment_for_scrolling_is_no_whole_page(site):
    answer, data = site.ask("/?q=photo&offset=60", headers={"HX-Request": "true"})
    assert answer.status == 200
    assert b"<html" not in data


def test_facets_narrow_the_library_and_a_search(site):
    eileen = site.row("astronaut.jpg")
    with site.site.library.reading() as index:
        edited = index.facets.edited()
    assert edited == 0
    for address in ("/facets", "/facets?q=photo"):
        facets = text_of(site, address)
        assert "conf%3A%3E%3D0.8" in facets
    site.change(f"/photos/{eileen.id}/caption", words="Eileen Collins", shown=eileen.caption)
    assert "is%3Aedited" in text_of(site, "/facets")


def test_facets_say_where_their_counting_stopped(site, monkeypatch):
    assert "Counted among" not in text_of(site, "/facets?q=photo")
    monkeypatch.setattr("photocap.web.facets._FACET_PHOTOS", 2)
    facets = text_of(site, "/facets?q=photo")
    assert "Counted among 2 of the photos found; there are more." in facets
    assert set(re.findall(r'class="count">([^<]+)', facets)) <= {"1+", "2+"}


def test_a_filter_that_is_on_is_taken_back_by_the_same_link(site):
    text = "photo conf:>=0.8"
    assert "q=photo+conf%3A%3E%3D0.8" in text_of(site, "/facets?q=photo").replace("%20", "+")
    facets = text_of(site, f"/facets?{urlencode({'q': text})}")
    assert re.search(r'<a href="/\?q=photo" aria-current="true"', facets)


def test_timeline_and_folders_lead_to_every_photo(site, tmp_path):
    below = site.photos / "2019" / "lake"
    below.mkdir(parents=True)
    exif = Image.Exif()
    exif[0x0132] = "2019:07:03 14:05:00"
    Image.new("RGB", (40, 30), "blue").save(below / "boat.jpg", exif=exif)
    index_folder(site.photos, tmp_path / "index.db")
    assert "July 2019" in text_of(site, "/timeline")
    assert re.search(r'alt="([^"]+)"', text_of(site, "/"))[1] == "a blue photo 40 by 30"
    page = text_of(site, "/folders")
    assert "2019" in page
    deeper = re.search(r'<a href="(/folders/\d+/\d+)">\s*<img[^>]+>\s*<span class="name">2019', page)[1]
    assert "lake" in text_of(site, deeper)


def test_a_photo_page_shows_caption_history_and_where_each_copy_is(site):
    row = site.row("rocket.jpg")
    page = text_of(site, f"/photos/{row.id}")
    assert row.caption in page
    assert "the model fake@000000000000" in page
    assert str(row.path) in page
    copies = text_of(site, f"/photos/{row.id}/copies")
    assert "EXIF ImageDescription" in copies
    assert "by photocap" in copies


def test_looking_at_pages_never_loads_the_model(site):
    for path in ("/", "/?q=photo", "/try", "/timeline", "/folders", "/review", "/model"):
        text_of(site, path)
    assert site.loads == []


def test_what_is_not_there_is_said(site):
    assert "There is nothing here" in text_of(site, "/nowhere", 404)
    assert "no photo number 999" in text_of(site, "/photos/999", 404)
    assert site.ask("/photos/..%2F..%2Fetc%2Fpasswd/original")[0].status == 404
    os.unlink(site.photos / "rocket.jpg")
    assert site.ask(f"/photos/{site.row('rocket.jpg').id}/thumbnail")[0].status == 422


def test_without_an_index_the_page_says_how_to_make_one(tmp_path):
    with running_site(tmp_path) as site:
        (tmp_path / "index.db").unlink()
        for path in ("/", "/review", "/timeline", "/folders"):
            assert "photocap index ~/Pictures" in text_of(site, path, 404)


# Pictures


def test_thumbnails_are_small_and_kept(site):
    row = site.row("rocket.jpg")
    answer, data = site.ask(f"/photos/{row.id}/thumbnail")
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert max(Image.open(io.BytesIO(data)).size) <= 512
    before = sorted(site.photos.parent.glob("thumbnails/*/*.jpg"))
    assert len(before) == 1
    assert before[0].read_bytes() == data
    assert site.ask(f"/photos/{row.id}/thumbnail")[1] == data


def test_a_thumbnail_outlives_a_caption_but_not_a_turn(site):
    row = site.row("china.jpg")
    site.ask(f"/photos/{row.id}/thumbnail")
    site.change(f"/photos/{row.id}/caption", words="A pagoda", shown=row.caption)
    site.ask(f"/photos/{row.id}/thumbnail")
    folder = site.photos.parent / "thumbnails"
    assert len(list(folder.glob("*/*.jpg"))) == 1


def test_the_cache_is_bounded_and_keeps_what_was_used_last(tmp_path, site):
    cache = Thumbnails(tmp_path / "small", site.site.decoder, limit_bytes=60_000)
    with site.site.library.reading() as index:
        rows = list(index.photos.all())
    for age, row in enumerate(rows):
        cache.get(row, 256)
        for path in (tmp_path / "small").glob("*/*.jpg"):
            if path.stat().st_mtime > time.time() - 60:
                os.utime(path, (time.time() - 3600 * (100 - age),) * 2)
    sizes = [path.stat().st_size for path in (tmp_path / "small").glob("*/*.jpg")]
    assert sizes
    assert sum(sizes) <= 60_000


def test_colours_of_another_space_are_brought_to_srgb(tmp_path):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    Image.new("RGB", (64, 48), (200, 40, 40)).save(tmp_path / "lab.jpg", icc_profile=profile.tobytes())
    plain = Image.open(io.BytesIO(render_jpeg(tmp_path / "lab.jpg", 64)))
    assert plain.getpixel((9, 9))[0] > 180  # type: ignore[index]
    swapped = swapped_profile()
    Image.new("RGB", (64, 48), (200, 40, 40)).save(tmp_path / "swapped.jpg", icc_profile=swapped)
    red, green, _ = Image.open(io.BytesIO(render_jpeg(tmp_path / "swapped.jpg", 64))).getpixel((9, 9))  # type: ignore[misc]
    assert red < green


def swapped_profile() -> bytes:
    """Return an RGB profile in which red and green have changed places."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, green = data.index(b"rXYZ"), data.index(b"gXYZ")
    data[red : red + 4], data[green : green + 4] = b"gXYZ", b"rXYZ"
    return bytes(data)


def test_a_turned_photo_is_shown_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (64, 48), "red").save(tmp_path / "turned.jpg", exif=exif)
    assert Image.open(io.BytesIO(render_jpeg(tmp_path / "turned.jpg", 64))).size == (48, 64)


@pytest.mark.parametrize("suffix", ["heic", "avif", "jxl", "dng"])
def test_photos_that_browsers_cannot_show_have_thumbnails(site, suffix):
    wide = Image.new("RGB", (1200, 800), "blue")
    wide.paste("red", (0, 0, 600, 800))
    path = site.photos / f"wide.{suffix}"
    if suffix == "dng":
        pytest.importorskip("rawpy")
        preview = io.BytesIO()
        wide.transpose(Image.Transpose.ROTATE_90).save(preview, "JPEG")
        write_dng(path, preview.getvalue(), (800, 1200), orientation=6)
    else:
        if suffix == "jxl":
            pytest.importorskip("pillow_jxl")
        wide.save(path)
    index_folder(site.photos, site.site.library.db)
    for size, longest_px in (("thumbnail", 512), ("screen", 1200)):
        answer, data = site.ask(f"/photos/{site.row(path.name).id}/{size}")
        assert answer.headers["Content-Type"] == "image/jpeg"
        shown = Image.open(io.BytesIO(data))
        assert shown.size == (longest_px, round(longest_px * 2 / 3))
        left, right = (shown.getpixel((x * longest_px // 4, 50)) for x in (1, 3))
        assert left[0] > 200 > 60 > left[2]  # type: ignore[index]
        assert right[2] > 200 > 60 > right[0]  # type: ignore[index]


def test_the_original_is_sent_as_it_is_and_never_shown(site):
    row = site.row("rocket.jpg")
    answer, data = site.ask(f"/photos/{row.id}/original")
    assert data == row.path.read_bytes()
    assert answer.headers["Content-Disposition"].startswith("attachment")


# Changing


def test_words_go_into_the_file_and_the_index(site):
    row = site.row("china.jpg")
    status, page = site.change(f"/photos/{row.id}/caption", words="A pagoda in China", shown=row.caption)
    assert status == 200
    assert "Caption saved." in page
    assert site.row("china.jpg").source is CaptionSource.PERSON
    found = read_caption(row.path)
    assert (found.text, found.origin) == ("A pagoda in China", Origin.PERSON)


def test_the_same_words_are_accepted(site):
    row = site.row("china.jpg")
    _, page = site.change(f"/photos/{row.id}/caption", words=row.caption, shown=row.caption)
    assert "Caption accepted." in page
    assert site.row("china.jpg").source is CaptionSource.PERSON


def test_a_rejected_caption_leaves_the_file(site):
    row = site.row("china.jpg")
    before = (site.photos.parent / "spare.jpg").read_bytes()
    assert row.path.read_bytes() != before
    site.change(f"/photos/{row.id}/reject", shown=row.caption)
    assert row.path.read_bytes() == before
    assert site.row("china.jpg").caption is None


def test_restoring_gives_the_file_back_and_keeps_the_caption(site):
    row = site.row("china.jpg")
    _, page = site.change(f"/photos/{row.id}/restore")
    assert "1 file restored." in page
    assert row.path.read_bytes() == (site.photos.parent / "spare.jpg").read_bytes()
    assert site.row("china.jpg").caption == row.caption


def test_words_that_somebody_changed_meanwhile_stay(site):
    row = site.row("china.jpg")
    site.change(f"/photos/{row.id}/caption", words="Mine", shown=row.caption)
    status, text = site.change(f"/photos/{row.id}/caption", words="Late", shown=row.caption)
    assert (status, "it is now: Mine" in text) == (422, True)
    assert site.row("china.jpg").caption == "Mine"


def test_a_busy_index_is_said_and_nothing_is_lost(site):
    row = site.row("china.jpg")
    with site.site.library.writing():
        status, text = 0, ""

        def ask() -> None:
            nonlocal status, text
            status, text = site.change(f"/photos/{row.id}/caption", words="Waits", shown=row.caption)

        thread = threading.Thread(target=ask)
        thread.start()
        time.sleep(0.2)
    thread.join()
    assert status == 200
    assert site.row("china.jpg").caption == "Waits"


# Review


def card(page: str) -> tuple[int, str]:
    return int(re.search(r'data-id="(\d+)" hx-post', page)[1]), re.search(r'name="shown" value="([^"]*)"', page)[1]


def test_review_goes_from_the_least_certain_on_and_skips_what_is_judged(site):
    with site.site.library.reading() as index:
        count = index.browse.count_to_review()
        order = index.captions.to_review()
    seen = []
    page = text_of(site, "/review")
    for _ in range(count):
        number, shown = card(page)
        seen.append(number)
        _, page = site.change(f"/review/{number}", decision="save", words=f"photo {number}", shown=shown)
    assert seen == order
    assert "Nothing is left to review" in page
    assert "Nothing is left to review" in text_of(site, "/review")


def test_review_can_be_undone_and_resumed(site):
    number, shown = card(text_of(site, "/review"))
    with site.site.library.reading() as index:
        path = index.photos.by_id([number])[0].path
    before = path.read_bytes()
    _, page = site.change(f"/review/{number}", decision="save", words="Mine", shown=shown)
    following, _ = card(page)
    assert following != number
    assert card(text_of(site, "/review"))[0] == following  # as after a break
    assert path.read_bytes() != before
    _, page = site.change("/review/undo")
    assert card(page) == (number, shown)
    assert path.read_bytes() == before
    assert card(text_of(site, f"/review?after={number}"))[0] == following
    assert card(text_of(site, f"/review?before={following}"))[0] == number
    assert site.change("/review/undo")[0] == 422


def test_undo_never_replaces_what_somebody_wrote_since(site):
    number, shown = card(text_of(site, "/review"))
    site.change(f"/review/{number}", decision="save", words="Mine", shown=shown)
    site.change(f"/photos/{number}/caption", words="Theirs", shown="Mine")
    site.site.steps.pop()
    assert site.change("/review/undo")[0] == 422
    with site.site.library.reading() as index:
        assert index.photos.by_id([number])[0].caption == "Theirs"


# Selection


def test_paths_download_and_caption_of_several(site):
    rows = [site.row(name) for name in ("china.jpg", "flower.jpg")]
    ids = [row.id for row in rows]
    assert site.change("/selection/paths", id=ids)[1].splitlines() == [str(row.path) for row in rows]
    address = site.change("/selection/download", id=ids)[1]
    answer, data = site.ask(address)
    assert answer.status == 200
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {
            row.path.name: row.path.read_bytes() for row in rows
        }
    assert site.ask(address)[0].status == 404
    assert site.change("/selection/caption", id=ids, words="On holiday")[1] == "Caption saved for 2 photos."
    assert {read_caption(row.path).text for row in rows} == {"On holiday"}
    assert "files restored" in site.change("/selection/restore", id=ids)[1]
    assert site.change("/selection/paths")[0] == 422


# Trying a picture


def test_a_picture_gets_its_caption_and_nothing_is_kept(site, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    status, found = site.upload((site.photos.parent / "spare.jpg").read_bytes())
    assert status == 200
    assert found["caption"] == site.row("china.jpg").caption
    assert found["standing"] == "very likely right"
    assert site.loads == ["loaded"]
    assert not list((tmp_path / "temporary").iterdir())


def test_each_word_comes_with_where_the_model_looked(site):
    site.site.model._load = LookingCaptioner
    status, found = site.upload((site.photos.parent / "spare.jpg").read_bytes())
    assert status == 200
    assert [word["word"] for word in found["words"]] == found["caption"].split()
    assert [word["attention"].index(1.0) for word in found["words"]] == list(range(len(found["words"])))


@pytest.mark.parametrize("data", [b"", b"no picture at all", b"\xff\xd8\xff\xe0 broken"])
def test_what_is_no_picture_gets_a_reason_without_a_path_and_loads_no_model(site, data):
    status, found = site.upload(data)
    assert status == 422
    assert found["error"]
    assert "/" not in found["error"]
    assert site.loads == []


def test_a_file_too_large_is_refused_before_it_is_read(site):
    answer, body = site.ask(
        "/try", "POST", headers=site.own_headers | {"Content-Length": str(trial.MAX_UPLOAD_BYTES + 1)}
    )
    assert answer.status == 413
    assert "64 MiB" in json.loads(body)["error"]


def test_a_missing_length_is_refused(site):
    headers = site.own_headers | {"Transfer-Encoding": "chunked"}
    assert site.ask("/try", "POST", iter([b"x"]), headers)[0].status == 411


def test_a_slow_sender_holds_up_nobody_and_is_cut_off(site, monkeypatch):
    monkeypatch.setattr(trial, "_SILENCE_S", 0.5)
    head = "".join(f"{name}: {value}\r\n" for name, value in site.own_headers.items())
    slow = socket.create_connection(("127.0.0.1", site.site.access.port))
    slow.sendall(
        f"POST /try HTTP/1.1\r\nHost: 127.0.0.1:{site.site.access.port}\r\n{head}Content-Length: 99\r\n\r\nx".encode()
    )
    assert site.upload((site.photos.parent / "spare.jpg").read_bytes())[0] == 200
    slow.settimeout(10)
    assert b" 408 " in slow.recv(1000)
    slow.close()


def test_too_many_at_once_are_told_to_wait(site):
    while site.site.uploads.acquire(blocking=False):
        pass
    assert site.upload(b"x")[0] == 503
    site.site.uploads.release()
    assert site.upload(b"x")[0] == 422


def test_an_error_that_nobody_foresaw_gets_an_answer(site, monkeypatch):
    monkeypatch.setattr(trial, "render_jpeg", lambda *_: (_ for _ in ()).throw(MemoryError()))
    assert site.upload(b"x") == (422, {"error": "there is not enough memory"})


def test_a_picture_whose_decoding_never_ends_costs_one_answer(site, monkeypatch):
    blocker = threading.Event()
    site.site.decoder = PhotoDecoder(limit_s=2.0)
    monkeypatch.setattr(trial, "render_jpeg", lambda *_: blocker.wait())
    status, found = site.upload(b"x")
    assert (status, "took longer" in found["error"]) == (422, True)
    monkeypatch.undo()
    assert site.upload((site.photos.parent / "spare.jpg").read_bytes())[0] == 200
    blocker.set()


def test_a_model_that_cannot_be_loaded_is_said_and_tried_again():
    answers: list[object] = [PhotocapError("no weights"), None]

    def load():
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    model = BackgroundModel(load, PhotoDecoder())
    assert model.state is ModelState.IDLE
    with pytest.raises(PhotocapError, match="no weights"):
        model.caption(Path("x"))
    assert (model.state, model.error) == (ModelState.FAILED, "no weights")


# Refusing


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:{port}"},
        {"Host": "127.0.0.1:1"},
        {"Host": ""},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
    ],
)
@pytest.mark.parametrize("path", ["/", "/photos/1/thumbnail", "/static/photocap.css"])
def test_other_pages_in_the_same_browser_see_nothing(site, headers, path):
    sent = {name: value.format(port=site.site.access.port) for name, value in headers.items()}
    assert site.ask(path, headers=sent)[0].status == 403


def test_a_link_from_elsewhere_may_open_the_page(site):
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert site.ask("/", headers=headers)[0].status == 200


CHANGES = [
    "/photos/{id}/caption", "/photos/{id}/reject", "/photos/{id}/restore", "/review/{id}", "/review/undo",
    "/selection/caption", "/selection/restore", "/selection/paths", "/selection/download", "/try",
]  # fmt: skip


@pytest.mark.parametrize("path", CHANGES)
def test_no_change_without_the_pages_token_and_none_by_get(site, path):
    row = site.row("china.jpg")
    path, before = path.format(id=row.id), row.path.read_bytes()
    form = urlencode({"words": "Evil", "shown": row.caption, "id": row.id, "decision": "save"})
    for headers in ({}, {"X-CSRF-Token": "guess"}, site.own_headers | {"Origin": "http://evil.example"}):
        assert site.ask(path, "POST", form, headers)[0].status == 403
    if path != "/try":
        assert site.ask(f"{path}?{form}")[0].status in (404, 405)
    assert site.row("china.jpg") == row
    assert row.path.read_bytes() == before


@pytest.mark.parametrize("path", ["/", "/nowhere", "/photos/1/thumbnail", "/static/htmx.min.js", "/model"])
def test_every_answer_carries_the_headers(site, path):
    headers = site.ask(path)[0].headers
    policy = headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"


def test_captions_and_names_are_escaped_everywhere(site, tmp_path):
    hostile = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
    (site.photos / "<svg onload=alert(3)>.jpg").write_bytes((tmp_path / "spare.jpg").read_bytes()[:-2] + b"x\xff\xd9")
    index_folder(site.photos, tmp_path / "index.db")
    row = site.row("china.jpg")
    site.change(f"/photos/{row.id}/caption", words=hostile, shown=row.caption)
    named = site.row("<svg onload=alert(3)>.jpg")
    for path in ("/", "/folders", "/review", f"/photos/{row.id}", f"/photos/{named.id}", f"/photos/{row.id}/copies",
                 "/?q=%3Cscript%3Ealert(4)%3C/script%3E", "/facets?q=script"):  # fmt: skip
        page = text_of(site, path)
        assert not re.search(r"<script>alert|<svg onload|<img src=x", page), path


def test_another_address_needs_the_printed_token(tmp_path):
    with running_site(tmp_path, host="0.0.0.0") as site:
        port = site.site.access.port
        assert site.ask("/")[0].status == 401
        assert site.ask("/?token=guess")[0].status == 401
        answer, _ = site.ask(f"/?token={site.site.access.token}")
        assert (answer.status, answer.headers["Location"]) == (303, "/")
        cookie = answer.headers["Set-Cookie"].split(";")[0]
        assert "HttpOnly" in answer.headers["Set-Cookie"]
        assert site.ask("/", headers={"Cookie": cookie})[0].status == 200
        assert site.ask("/", headers={"Cookie": cookie, "Host": f"evil.example:{port}"})[0].status == 403


def test_the_address_holds_a_token_only_where_others_can_reach_it():
    assert Access.for_address("127.0.0.1", 8765).url == "http://127.0.0.1:8765/"
    assert Access.for_address("::1", 8765).url == "http://[::1]:8765/"
    assert "?token=" in Access.for_address("0.0.0.0", 8765).url


def test_an_answer_does_not_wait_for_the_last_packet_to_be_acknowledged():
    with listen("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP  # on which asyncio sets TCP_NODELAY


def test_a_port_in_use_is_said_in_one_line_before_the_model_is_loaded(cli):
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotListen, match="in use"):
            listen("127.0.0.1", port)
        done = cli("serve", "--port", port)
    assert done.exit_code == 1
    assert done.stderr == f"photocap: port {port} is in use already (another photocap serve? try --port 0)\n"


# Words


def test_dates_and_confidence_in_words():
    assert day("2019-07-03T14:05:00") == "3 July 2019, 14:05"
    assert month("2019-07") == "July 2019"
    assert month("") == "Without a date"
    assert [confidence_words(value) for value in (1.0, 0.7, 0.5, 0.0)] == [
        "very likely right", "likely right", "may be right", "likely wrong",
    ]  # fmt: skip
