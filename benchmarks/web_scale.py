"""How long the pages of `photocap serve` take over a large library; exits with 1 if any answer takes too long.

    python benchmarks/web_scale.py --photos 1000000 --db /tmp/million.db

The library is that of `large_library.py`. Times are from a request to the last byte of its answer, of one
reader at a time, the index warm; pictures are not drawn, since the photos do not exist. What counts is the processor's
time, in which other work of the machine has no part; nothing of a warm index waits for the disk.
"""

from __future__ import annotations

import http.client
import random
import re
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

from large_library import Encoder, index_of_arguments, line, queries

from photocap.metadata import WritePolicy
from photocap.web.decoder import PhotoDecoder
from photocap.web.guard import Access
from photocap.web.library import Library
from photocap.web.model import BackgroundModel
from photocap.web.server import listen, server_for
from photocap.web.site import Site
from photocap.web.thumbnails import Thumbnails

LIMIT_MS = 200
TIMES = 20
FRAGMENT = {"HX-Request": "true"}


@contextmanager
def serving(db: Path, encoder: Encoder) -> Iterator[http.client.HTTPConnection]:
    """Serve an index; yield a connection to the server."""
    decoder = PhotoDecoder()
    with listen("127.0.0.1", 0) as listener, tempfile.TemporaryDirectory() as cache:
        site = Site(
            access=Access.for_address("127.0.0.1", listener.getsockname()[1]),
            library=Library(db, WritePolicy()),
            decoder=decoder,
            model=BackgroundModel(lambda: sys.exit("no page may load the model"), decoder),
            thumbnails=Thumbnails(Path(cache), decoder),
            load_text_encoder=lambda _: encoder,
        )
        server = server_for(site)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield http.client.HTTPConnection("127.0.0.1", site.access.port, timeout=120)
        finally:
            server.should_exit = True
            thread.join()
            decoder.close()


def ask(connection: http.client.HTTPConnection, path: str) -> tuple[float, float, str]:
    """Return how many milliseconds a page takes by the clock and of the processor, and the page."""
    start, cpu_start = time.perf_counter(), time.process_time()
    connection.request("GET", path, headers=FRAGMENT if path.startswith(("/facets", "/photos/")) else {})
    answer = connection.getresponse()
    text = answer.read().decode()
    took_ms, cpu_ms = 1_000 * (time.perf_counter() - start), 1_000 * (time.process_time() - cpu_start)
    if answer.status != 200:
        sys.exit(f"{path}: {answer.status} {text[:200]}")
    return took_ms, cpu_ms, text


def pages(connection: http.client.HTTPConnection, photos: int) -> Iterator[tuple[str, list[str]]]:
    """Yield the kinds of pages and the addresses of each."""
    random_ = random.Random(3)
    ids = [random_.randint(1, photos) for _ in range(TIMES)]
    yield "newest photos", ["/"] * TIMES
    yield "further down", [f"/?after={photo}" for photo in ids]
    yield "facets of all", ["/facets"] * TIMES
    yield "timeline", ["/timeline"] * TIMES
    yield "folders", ["/folders"] * TIMES
    for depth in (2, 3, 4):
        yield f"folder, level {depth}", [f"/folders/{photo}/{depth}" for photo in ids]
    yield "a photo", [f"/photos/{photo}" for photo in ids]
    yield "similar photos", [f"/photos/{photo}/similar" for photo in ids]
    yield "review", [f"/review?after={photo}" for photo in ids]
    for kind, texts in queries(random.Random(2)).items():
        yield f"search: {kind}", [f"/?{urlencode({'q': text})}" for text in texts[:TIMES]]
        yield f"facets: {kind}", [f"/facets?{urlencode({'q': text})}" for text in texts[:TIMES]]
    _, _, text = ask(connection, "/?q=dog")
    more = re.search(r'hx-get="([^"]+)"[^>]*>More photos', text)
    yield "search, further down", [more[1].replace("&amp;", "&")] * TIMES if more else []


def measure(connection: http.client.HTTPConnection, photos: int) -> float:
    """Print the times of every kind of page; return the longest of the processor."""
    ask(connection, "/?q=warm")
    longest_ms = 0.0
    for kind, addresses in pages(connection, photos):
        times = [ask(connection, address)[:2] for address in addresses]
        if times:
            longest_ms = max(longest_ms, *(cpu for _, cpu in times))
            print(f"  {kind:<24} {line(times)}", flush=True)
    return longest_ms


def main() -> int:
    """Make an index, or take one of an earlier run, and look at it."""
    with index_of_arguments(__doc__) as (path, photos, encoder), serving(path, encoder) as connection:
        longest_ms = measure(connection, photos)
    print(f"longest: {longest_ms:.0f} ms, limit {LIMIT_MS} ms")
    return int(longest_ms > LIMIT_MS)


if __name__ == "__main__":
    sys.exit(main())
