"""Work that never ends costs its own time and nobody else's."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import metadata_files as files
import pytest
from fakes import FakeCaptioner

from photocap.index import PhotoIndex
from photocap.library.indexing import IndexOptions, caption, caption_photos, examine, index_photos
from photocap.system import workers
from photocap.system.workers import Overdue, WorkerPool, map_ahead


@pytest.fixture
def blocker():
    """Return an event that stuck work waits for; it comes at the end, so that no thread is left over."""
    event = threading.Event()
    yield event
    event.set()


def test_results_come_in_order():
    with WorkerPool(3) as pool:
        done = map_ahead(pool, lambda n: (time.sleep(0.01 * (n % 3)), n)[1], range(20), 5, overdue=lambda n, _: -n)
        assert list(done) == list(range(20))


def test_the_first_results_come_before_many_wait():
    drawn = []
    with WorkerPool(2) as pool:
        results = map_ahead(pool, abs, (drawn.append(n) or n for n in range(200)), 64, overdue=lambda n, _: -n)
        assert next(results) == 0
        assert len(drawn) == workers._FIRST_AHEAD + 1
        for _ in range(99):
            next(results)
        assert len(drawn) == 100 + 64


def test_stuck_work_is_told_and_the_rest_goes_on_with_all_threads(blocker):
    ran = []

    def work(number):
        if number in (1, 2, 5):
            blocker.wait()
        ran.append(threading.current_thread())
        return number

    begin = time.monotonic()
    with WorkerPool(2, limit_s=0.3) as pool:
        results = list(map_ahead(pool, work, range(12), 20, overdue=lambda number, _error: f"late {number}"))
    assert results == [0, "late 1", "late 2", 3, 4, "late 5", *range(6, 12)]
    assert time.monotonic() - begin < 5


def test_work_queued_behind_stuck_work_that_nobody_waits_for(blocker):
    with WorkerPool(2, limit_s=0.3) as pool:
        for _ in range(2):
            pool.submit(blocker.wait)
        assert list(pool.map(str, range(3))) == ["0", "1", "2"]
        assert pool.result(pool.submit(lambda: 7)) == 7


def test_errors_of_the_work_are_its_own():
    def fail(error):
        raise error

    with WorkerPool(1, limit_s=5) as pool:
        for error in (ValueError("x"), TimeoutError("y"), MemoryError()):
            with pytest.raises(type(error)):
                pool.result(pool.submit(fail, error))


def test_what_waits_in_the_queue_is_cancelled(blocker):
    pool = WorkerPool(1, limit_s=0.2)
    running, waiting = pool.submit(blocker.wait), pool.submit(lambda: 1)
    while not running.running():
        time.sleep(0.01)
    pool.shutdown(cancel_futures=True)
    assert waiting.cancelled()
    with pytest.raises(Overdue):
        pool.result(running)


def test_a_program_ends_though_its_work_does_not():
    script = "from photocap.system.workers import WorkerPool; import time; WorkerPool(1).submit(time.sleep, 1000)"
    subprocess.run([sys.executable, "-c", script], timeout=30, check=True)


def test_a_photo_that_takes_too_long_is_that_photos_failure(tmp_path, monkeypatch, blocker):
    for name in ("a.jpg", "b.jpg", "c.png"):
        (tmp_path / name).write_bytes(files.encoded("PNG" if name == "c.png" else "JPEG") + name.encode())
    monkeypatch.setattr(workers, "PHOTO_SECONDS", 4.0)
    real = examine.read_facts
    monkeypatch.setattr(
        examine, "read_facts", lambda p, **data: blocker.wait() if p.name == "b.jpg" else real(p, **data)
    )
    results = []
    with PhotoIndex.open(tmp_path / "index.db", create=True) as index:
        index_photos([tmp_path], index, FakeCaptioner, IndexOptions(workers=1), on_result=results.append)
        assert [(r.path.name, r.outcome.value) for r in results] == [
            ("a.jpg", "captioned"),
            ("b.jpg", "failed"),
            ("c.png", "captioned"),
        ]
        assert results[1].error == "it took longer than 4 seconds"
        assert index.photos.get(tmp_path / "b.jpg") is None  # the next run tries again: the disk may have been slow

    load = caption.load_image
    monkeypatch.setattr(caption, "load_image", lambda p, n: blocker.wait() if p.name == "b.jpg" else load(p, n))
    paths = [tmp_path / name for name in ("a.jpg", "b.jpg", "c.png")]
    assert [r.outcome.value for r in caption_photos(paths, FakeCaptioner(), 2)] == ["captioned", "failed", "captioned"]
