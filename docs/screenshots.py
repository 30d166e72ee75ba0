"""Photograph the page for the documentation: images/page-*.webp (`make docs`).

The real page of `photocap serve` over the sample photographs, driven by headless Chromium; nobody chooses among
captions. Needs Chromium and Playwright (`pip install 'photocap[dev]'`).
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright
from sample_photos import copy_sample_photos

IMAGES = Path(__file__).parent / "images"
FOLDER = Path(tempfile.gettempdir(), "photocap-screenshots")
PICTURES = FOLDER / "Pictures"
DB = FOLDER / "index.db"
LIMIT_BYTES = 150_000
PATIENCE_MS = 180_000
DESKTOP, PHONE = (1280, 800), (390, 780)
SHARPNESS = 1.5  # pixels of the file for one of the page
OWN_WORDS = ("flower.jpg", "The first dahlia in our garden")


@dataclass(frozen=True, kw_only=True)
class Shot:
    """One picture of the documentation.

    Attributes:
        name: of the file.
        path: of the page.
        prepare: brings the page into the state to be shown.
        size: of the window.
        is_dark: whether the system asks for dark pages.
    """

    name: str
    path: str
    prepare: Callable[[Page], None] = lambda _: None
    size: tuple[int, int] = DESKTOP
    is_dark: bool = False


def search_for_words(page: Page) -> None:
    """Search as one types."""
    page.locator("#query").fill("red motorcycle")
    page.keyboard.press("Enter")
    page.wait_for_url("**/?q=*")


def open_first(page: Page) -> None:
    """Open the first photo of the grid, with where its caption stands and what looks like it."""
    page.locator(".tile a").first.click()
    page.wait_for_url("**/photos/*")
    page.locator(".history summary").click()


def try_a_picture(page: Page) -> None:
    """Try a picture and choose the word that its caption ends with."""
    page.locator("#files").set_input_files(PICTURES / "rocket.jpg")
    page.locator(".trial img[src^=blob]").wait_for()
    page.locator(".spoken button").last.click()
    page.mouse.move(0, 0)


SHOTS = [
    Shot(name="page-photos", path="/"),
    Shot(name="page-search", path="/", prepare=search_for_words, is_dark=True),
    Shot(name="page-photo", path="/?q=dahlia", prepare=open_first),
    Shot(name="page-review", path="/review", is_dark=True),
    Shot(name="page-try", path="/try", prepare=try_a_picture),
    Shot(name="page-phone", path="/", size=PHONE),
]


def main() -> None:
    """Write every picture."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("Chromium is not installed: apt-get install chromium")
    shutil.rmtree(FOLDER, ignore_errors=True)
    copy_sample_photos(PICTURES)
    photocap("index", PICTURES, "--db", DB, "--quiet")
    photocap("edit", PICTURES / OWN_WORDS[0], OWN_WORDS[1], "--db", DB)
    with serving() as url, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--headless", "--no-sandbox"])
        for shot in SHOTS:
            take(browser, url, shot)
        browser.close()
    shutil.rmtree(FOLDER)


def command(*arguments: object) -> list[str]:
    """Return a command line of photocap."""
    return [sys.executable, "-m", "photocap", *map(str, arguments)]


def photocap(*arguments: object) -> None:
    """Run photocap."""
    subprocess.run(command(*arguments), check=True)


@contextmanager
def serving() -> Iterator[str]:
    """Serve the page; yield its address."""
    environment = os.environ | {"XDG_CACHE_HOME": str(FOLDER)}
    serve = command("serve", "--db", DB, "--port", 0)
    with subprocess.Popen(serve, stderr=subprocess.PIPE, text=True, env=environment) as server:
        try:
            assert server.stderr is not None  # a pipe
            found = re.match(r"(http://\S+)/", server.stderr.readline())
            assert found is not None, "photocap serve prints its address first"
            yield found[1]
        finally:
            server.terminate()


def take(browser: Browser, url: str, shot: Shot) -> None:
    """Write one picture."""
    width, height = shot.size
    page = browser.new_page(
        viewport={"width": width, "height": height},
        device_scale_factor=SHARPNESS,
        color_scheme="dark" if shot.is_dark else "light",
        base_url=url,
    )
    page.set_default_timeout(PATIENCE_MS)
    page.goto(shot.path, wait_until="networkidle")
    shot.prepare(page)
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(500)
    data = as_webp(page.screenshot())
    (IMAGES / f"{shot.name}.webp").write_bytes(data)
    page.close()


def as_webp(png: bytes) -> bytes:
    """Return a picture as a WebP file below the limit."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    for quality in range(85, 20, -5):
        webp = io.BytesIO()
        image.save(webp, "WEBP", quality=quality, method=6)
        if webp.tell() < LIMIT_BYTES:
            break
    return webp.getvalue()


if __name__ == "__main__":
    main()
