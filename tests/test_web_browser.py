"""The page in a real browser: headless Chromium, driven by Playwright."""

from __future__ import annotations

import http.server
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import REPOSITORY
from fakes import FakeCaptioner, LookingCaptioner
from PIL import Image
from web_site import Running, index_folder, running_site

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: pip install playwright")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
EXIFTOOL = shutil.which("exiftool")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed: apt-get install chromium"),
]

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--host-resolver-rules=MAP *.example 127.0.0.1",
]  # fmt: skip
PAGES = ["/", "/?q=photo", "/?q=zebra", "/timeline", "/folders", "/photos/{id}", "/review", "/try", "/help", "/nowhere"]
AXE = (REPOSITORY / "tests" / "axe" / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield running
        running.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Running]:
    with running_site(tmp_path) as running:
        yield running


@pytest.fixture
def page(browser, site):
    """Return a tab; at its end, nothing may have gone wrong in it and nothing may have left this machine."""
    context = browser.new_context(base_url=site.url, permissions=["clipboard-read", "clipboard-write"])
    tab = context.new_page()
    tab.set_default_timeout(20_000)
    tab.problems = []
    requests: list[str] = []
    tab.on("pageerror", lambda error: tab.problems.append(str(error)))
    tab.on("console", lambda said: tab.problems.append(said.text) if said.type in ("error", "warning") else None)
    tab.on("dialog", lambda dialog: (tab.problems.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    context.on("request", lambda request: requests.append(request.url))
    yield tab
    context.close()
    assert tab.problems == []
    assert [url for url in requests if not url.startswith((site.url, "blob:"))] == []


def exiftool(path: Path) -> str:
    """Return the caption of a file as ExifTool reads it."""
    command = [EXIFTOOL, "-s3", "-XMP-dc:Description", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def address(site: Running, path: str) -> str:
    return path.format(id=site.row("china.jpg").id)


def test_search_leads_to_a_photo_and_back(site, page):
    page.goto("/")
    page.keyboard.press("/")
    page.keyboard.type("photo 640")
    page.keyboard.press("Enter")
    page.wait_for_url("**/?q=*")
    tiles = page.locator(".tile")
    count = tiles.count()
    assert count >= 1
    first = tiles.first.get_attribute("data-id")
    tiles.first.locator("a").click()
    page.wait_for_url(f"**/photos/{first}?q=*")
    assert page.locator(".stage img").evaluate("image => image.complete || image.decode().then(() => true)")
    if count > 1:
        page.keyboard.press("ArrowRight")
        page.wait_for_url(f"**/photos/{tiles_after(site, first)}?q=*")
    page.keyboard.press("Escape")
    page.wait_for_url("**/?q=*")


def tiles_after(site: Running, first: str) -> str:
    from photocap.search import search

    with site.site.library.reading() as index:
        ids = [str(hit.photo.id) for hit in search(index, "photo 640").hits]
    return ids[ids.index(first) + 1]


def test_the_grid_goes_on_as_one_scrolls(browser, tmp_path):
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(150):
        Image.new("RGB", (32 + number, 24), "green").save(folder / f"{number:03}.png")
    with running_site(tmp_path / "library") as site:
        index_folder(folder, site.site.library.db)
        page = browser.new_page(base_url=site.url)
        page.goto("/?q=green")
        assert page.locator(".tile").count() == 60
        for _ in range(40):
            page.mouse.wheel(0, 4_000)
            page.wait_for_timeout(100)
            if page.locator(".tile").count() >= 150:
                break
        ids = page.locator(".tile").evaluate_all("tiles => tiles.map(tile => tile.dataset.id)")
        assert len(ids) == len(set(ids)) >= 150
        page.locator(f".tile[data-id='{ids[130]}'] > a").click()
        page.wait_for_url(f"**/photos/{ids[130]}?q=green")
        page.keyboard.press("ArrowRight")
        page.wait_for_url(f"**/photos/{ids[131]}?q=green")
        page.keyboard.press("Escape")
        page.locator(f".tile[data-id='{ids[131]}'] > a:focus").wait_for()
        page.close()


@pytest.mark.skipif(EXIFTOOL is None, reason="ExifTool is not installed")
def test_an_edited_caption_is_in_the_file(site, page):
    row = site.row("china.jpg")
    page.goto(f"/photos/{row.id}")
    page.keyboard.press("e")
    page.keyboard.type("Ein Löwe & <b>zwei</b> Türme 🏯")
    page.keyboard.press("Enter")
    page.get_by_text("Caption saved.").wait_for()
    assert exiftool(row.path) == "Ein Löwe & <b>zwei</b> Türme 🏯"
    page.get_by_text("by a person").first.wait_for()
    page.keyboard.press("Escape")
    page.keyboard.press("z")
    page.get_by_text("1 file restored.").wait_for()
    assert row.path.read_bytes() == (site.photos.parent / "spare.jpg").read_bytes()


@pytest.mark.skipif(EXIFTOOL is None, reason="ExifTool is not installed")
def test_review_by_keyboard_alone(site, page):
    with site.site.library.reading() as index:
        rows = index.photos.by_id(index.captions.to_review())
    page.goto("/review")
    field = page.locator("#words")
    assert field.evaluate("field => field === document.activeElement")
    page.keyboard.press("Control+a")
    page.keyboard.type("The first")
    page.keyboard.press("Enter")  # saves
    page.get_by_text("Caption saved.").wait_for()
    page.locator(f"#review form[data-id='{rows[1].id}']").wait_for()
    page.keyboard.press("PageDown")  # skips
    page.locator(f"#review form[data-id='{rows[2].id}']").wait_for()
    page.keyboard.press("Alt+r")  # rejects
    page.get_by_text("Caption rejected.").wait_for()
    page.keyboard.press("Alt+u")  # undoes that
    page.locator(f"#review form[data-id='{rows[2].id}']").wait_for()
    page.keyboard.press("Enter")  # accepts
    page.get_by_text("Caption accepted.").wait_for()
    assert exiftool(rows[0].path) == "The first"
    assert exiftool(rows[2].path) == rows[2].caption
    assert [site.row(row.path.name).source.value for row in rows] == ["person", "model", "person", "model"]


def test_several_photos_get_one_caption_by_keyboard(site, page):
    page.goto("/")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("x")
    page.keyboard.press("Shift+Tab")
    page.locator(".tile a").nth(1).focus()
    page.keyboard.press("x")
    page.get_by_text("2 photos", exact=True).wait_for()
    page.get_by_role("button", name="Copy paths").click()
    page.get_by_text("2 paths copied.").wait_for()
    paths = page.evaluate("navigator.clipboard.readText()").splitlines()
    page.locator("#selection-words").fill("At the lake")
    page.keyboard.press("Enter")
    page.get_by_text("Caption saved for 2 photos.").wait_for()
    assert {site.row(Path(path).name).caption for path in paths} == {"At the lake"}
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == "photos.zip"


class SlowForRed(FakeCaptioner):
    """Takes its time with red pictures, so that answers come in another order than questions."""

    def caption_batch(self, images):
        if images[0].getpixel((1, 1))[0] > 200:
            time.sleep(1.0)
        return super().caption_batch(images)


def test_pictures_dropped_quickly_keep_their_own_captions(site, page, tmp_path):
    site.site.model._load = SlowForRed
    for name, colour, size in (("red.png", "red", (40, 30)), ("blue.png", "blue", (41, 31)), ("bad.jpg", None, None)):
        if colour:
            Image.new("RGB", size, colour).save(tmp_path / name)
        else:
            (tmp_path / name).write_bytes(b"no picture")
    page.goto("/try")
    assert site.site.model.state.value == "idle"
    page.locator("#files").set_input_files([tmp_path / "red.png", tmp_path / "blue.png", tmp_path / "bad.jpg"])
    drop = "async ([name, data]) => { const files = new DataTransfer(); files.items.add(new File([Uint8Array.from(data)], name)); document.dispatchEvent(new DragEvent('drop', { dataTransfer: files, bubbles: true })); }"  # noqa: E501
    page.evaluate(drop, ["dropped.png", list((tmp_path / "blue.png").read_bytes())])
    page.locator(".trial img[src^=blob]").nth(2).wait_for()
    page.locator(".trial.failed").wait_for()
    page.problems.clear()  # the browser notes the refusal of the bad file
    cards = page.locator(".trial")
    said = {card.locator(".name").inner_text(): card.locator(".words").inner_text() for card in cards.all()}
    assert said["red.png"] == "a red photo 40 by 30"
    assert said["blue.png"] == said["dropped.png"] == "a blue photo 41 by 31"
    assert "picture" in said["bad.jpg"]


SHADE = """(canvas, places) => {
  const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true });
  copy.drawImage(canvas, 0, 0);
  return places.map(([x, y]) => copy.getImageData(x * canvas.width, y * canvas.height, 1, 1).data[3]);
}"""


def test_a_word_shows_where_the_model_looked(site, page):
    site.site.model._load = LookingCaptioner
    page.goto("/try")
    page.locator("#files").set_input_files(site.photos / "china.jpg")
    word = page.locator(".spoken button").nth(2)
    word.focus()
    page.keyboard.press("Enter")
    assert word.get_attribute("aria-pressed") == "true"
    canvas = page.locator(".frame canvas")
    below_left, above_right = canvas.evaluate(SHADE, [[0.1, 0.9], [0.9, 0.1]])
    assert above_right < 60 < 150 < below_left
    page.keyboard.press("Enter")
    page.locator("#query").focus()
    assert word.get_attribute("aria-pressed") == "false"
    assert canvas.evaluate(SHADE, [[0.1, 0.9]]) == [0]


def test_a_closed_tab_disturbs_nobody(site, browser, capfd):
    for _ in range(3):
        tab = browser.new_page(base_url=site.url)
        tab.goto("/", wait_until="commit")
        tab.close()
    assert site.ask("/")[0].status == 200
    assert "Traceback" not in "".join(capfd.readouterr())


def test_hostile_names_and_captions_run_nothing(site, page, tmp_path):
    evil = "\"'><img src=x onerror=alert(1)><script>alert(2)</script>"
    name = "<img src=x onerror=alert(3)>'\".jpg"
    Image.new("RGB", (40, 30), "purple").save(site.photos / name)
    (site.photos / "<svg onload=alert(4)>").mkdir()
    shutil.copy(tmp_path / "spare.jpg", site.photos / "<svg onload=alert(4)>" / "x.jpg")
    index_folder(site.photos, site.site.library.db)
    row = site.row(name)
    assert site.change(f"/photos/{row.id}/caption", words=evil, shown=row.caption)[0] == 200
    for path in (*PAGES[:-1], "/folders", f"/photos/{row.id}", "/?q=%3Cscript%3Ealert(5)%3C%2Fscript%3E"):
        page.goto(address(site, path), wait_until="networkidle")
    page.goto("/")
    page.get_by_role("link", name=evil).first.click()
    page.wait_for_url(f"**/photos/{row.id}")
    assert page.locator("#words").input_value() == evil


def test_another_site_can_neither_change_nor_read(site, browser, tmp_path):
    row = site.row("china.jpg")
    before = row.path.read_bytes()
    target = f"{site.url}/photos/{row.id}"
    (tmp_path / "evil").mkdir()
    (tmp_path / "evil" / "index.html").write_text(
        f"""<img id=photo src="{target}/thumbnail"><iframe name=frame src="{site.url}/"></iframe>
        <form id=form method=post action="{target}/reject" target=frame><input name=shown value="{row.caption}"></form>
        <script>form.submit();
        fetch("{target}/reject", {{method: "POST", mode: "no-cors", body: new URLSearchParams({{shown: ""}})}});
        fetch("{target}").then(() => {{ document.title = "read"; }});</script>"""
    )
    handler = type("Handler", (http.server.SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), lambda *arguments: handler(*arguments, directory=str(tmp_path / "evil"))
    )
    threading.Thread(target=server.serve_forever).start()
    page = browser.new_page()
    page.goto(f"http://evil.example:{server.server_port}/", wait_until="networkidle")
    assert page.locator("#photo").evaluate("image => image.naturalWidth") == 0
    assert page.title() == ""
    page.close()
    server.shutdown()
    server.server_close()
    assert site.row("china.jpg") == row
    assert row.path.read_bytes() == before


def test_a_foreign_name_for_this_machine_shows_nothing(site, browser):
    page = browser.new_page()
    answer = page.goto(f"http://rebinding.example:{site.site.access.port}/")
    assert answer.status == 403
    assert page.locator("body").inner_text() == "This address is not photocap's."
    page.close()


@pytest.mark.parametrize("path", PAGES)
def test_nothing_sticks_out_on_a_phone(site, page, path):
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(address(site, path), wait_until="networkidle")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.problems.clear() if path == "/nowhere" else None


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_are_accessible_in_light_and_dark(site, page, scheme):
    page.emulate_media(color_scheme=scheme)
    for path in PAGES:
        page.goto(address(site, path), wait_until="networkidle")
        background = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
        assert (sum(background) < 200) == (scheme == "dark")
        page.evaluate(AXE)
        found = page.evaluate("axe.run()")["violations"]
        assert [(v["id"], [node["html"] for node in v["nodes"]]) for v in found] == [], path
    page.problems.clear()  # /nowhere is not found, which the browser notes


def test_captions_are_the_alternative_texts(site, page):
    page.goto("/")
    texts = page.locator(".tile img").evaluate_all("images => images.map(image => image.alt)")
    assert sorted(texts) == sorted(site.row(path.name).caption for path in site.photos.iterdir())


def test_a_gallery_opens_from_the_disk_and_searches(cli, browser, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(130):
        Image.new("RGB", (32 + number, 24), "red" if number % 2 else "blue").save(folder / f"{number}.png")
    evil = "<img src=x onerror=alert(1)>.png"
    Image.new("RGB", (31, 24), "lime").save(folder / evil)
    index_folder(folder, tmp_path / "index.db")
    assert cli("gallery", "--out", tmp_path / "out", "--db", tmp_path / "index.db").exit_code == 0
    page = browser.new_page()
    problems: list[str] = []
    page.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
    page.on("dialog", lambda dialog: (problems.append(dialog.message), dialog.dismiss()))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto((tmp_path / "out" / "index.html").as_uri())
    page.get_by_text("131 photos").wait_for()
    assert page.locator(".tile").count() >= 120
    page.keyboard.press("/")
    page.keyboard.type("RÉD pho")
    page.get_by_text("65 photos").wait_for()
    page.locator("#query").fill("lime")
    page.get_by_text("1 photo", exact=True).wait_for()
    page.locator(".tile a").click()
    assert evil in page.locator("#view").inner_text()
    assert page.locator("#view img").evaluate("image => image.decode().then(() => image.naturalWidth)") == 31
    page.evaluate(AXE)
    assert [violation["id"] for violation in page.evaluate("axe.run({preload: false})")["violations"]] == []
    page.keyboard.press("Escape")
    page.close()
    assert problems == []
