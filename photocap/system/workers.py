"""Threads for work on files that may take for ever.

A made-up photo can keep a decoder busy for hours, and a thread cannot be ended from outside. So nobody waits longer
for a piece of work than it may take: it counts as failed, another thread takes its thread's place, and the old one ends
with its work or with the program.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent import futures
from concurrent.futures import Executor, Future
from typing import Any, ParamSpec, TypeVar

PHOTO_SECONDS = 60.0
"""How long one photo may take in one stage; the largest real ones take ten seconds on a slow processor."""

_FIRST_AHEAD = 4  # results that wait when a run begins, so that the first ones are there soon
_LOOK_SECONDS = 0.5  # how often is looked whether something is overdue

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class Overdue(Exception):
    """A piece of work took longer than it may."""


class _Job(Future[Any]):
    """A piece of work and its result."""

    def __init__(self, work: Callable[[], Any]) -> None:
        super().__init__()
        self.work = work
        self.thread: threading.Thread | None = None
        self.started_s: float | None = None

    def is_overdue(self, limit_s: float) -> bool:
        """Return whether it has been running too long; the time in the queue does not count."""
        return self.started_s is not None and not self.done() and time.monotonic() - self.started_s >= limit_s


class WorkerPool(Executor):
    """Runs work in threads that do not keep the program from ending.

    Args:
        workers: how many pieces of work run at the same time.
        limit_s: how long one may take.
    """

    def __init__(self, workers: int, limit_s: float | None = None) -> None:
        self._limit_s = PHOTO_SECONDS if limit_s is None else limit_s
        self._workers = workers
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._running: set[_Job] = set()
        self._threads: set[threading.Thread] = set()
        self._lock = threading.Lock()
        self._is_over = threading.Event()
        for _ in range(workers):
            self._add_thread()
        threading.Thread(target=self._replace_stuck_threads, name="photocap-watch", daemon=True).start()

    def submit(self, work: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Queue a piece of work."""
        job = _Job(lambda: work(*args, **kwargs))
        self._queue.put(job)
        return job

    def result(self, future: Future[R]) -> R:
        """Wait for a piece of work that was submitted here.

        Raises:
            Overdue: it takes longer than it may.
        """
        assert isinstance(future, _Job)
        while not future.is_overdue(self._limit_s):
            try:
                result: R = future.result(timeout=min(_LOOK_SECONDS, self._limit_s))
                return result
            except futures.TimeoutError:
                if future.done():  # it is the work itself that ran out of time
                    raise
        raise Overdue(f"it took longer than {self._limit_s:.0f} seconds")

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the threads; those that are stuck are not waited for."""
        while cancel_futures and not self._queue.empty():
            if (job := self._queue.get()) is not None:
                job.cancel()
        for _ in range(self._workers):
            self._queue.put(None)
        while wait and (threads := self._started_threads()):
            threads[0].join(_LOOK_SECONDS)
        self._is_over.set()

    def _add_thread(self) -> None:
        thread = threading.Thread(target=self._run, name="photocap", daemon=True)
        with self._lock:  # nobody may find a thread there that is not started: it cannot be joined
            self._threads.add(thread)
            thread.start()

    def _started_threads(self) -> tuple[threading.Thread, ...]:
        with self._lock:
            return tuple(self._threads)

    def _run(self) -> None:
        this = threading.current_thread()
        while this in self._threads and (job := self._queue.get()) is not None:
            if not job.set_running_or_notify_cancel():
                continue
            job.thread, job.started_s = this, time.monotonic()
            with self._lock:
                self._running.add(job)
            try:
                result = job.work()
            except BaseException as error:  # whatever it is belongs to who asked for the work
                job.set_exception(error)
            else:
                job.set_result(result)
            with self._lock:
                self._running.discard(job)
            del job
        with self._lock:
            self._threads.discard(this)

    def _replace_stuck_threads(self) -> None:
        """Put another thread in the place of each one whose work is overdue, so that the rest continues."""
        while not self._is_over.wait(min(_LOOK_SECONDS, self._limit_s)):
            with self._lock:
                stuck = {job.thread for job in self._running if job.is_overdue(self._limit_s)} & self._threads
                self._threads -= stuck
            for _ in stuck:
                self._add_thread()


def map_ahead(
    pool: WorkerPool, work: Callable[[T], R], items: Iterable[T], ahead: int, *, overdue: Callable[[T, Overdue], R]
) -> Iterator[R]:
    """Yield `work(item)` in order, with at most `ahead` results waiting, whatever the number of items.

    At the beginning few wait, and one more with each that was yielded: the first ones do not come after all the others.

    Args:
        pool: where the work is done.
        work: what to do with an item.
        items: the items.
        ahead: how many results wait at most.
        overdue: gives the result of an item whose work takes longer than it may.
    """
    waiting: deque[tuple[T, Future[R]]] = deque()

    def next_result() -> R:
        item, future = waiting.popleft()
        try:
            return pool.result(future)
        except Overdue as error:
            return overdue(item, error)

    allowed = min(_FIRST_AHEAD, ahead)
    for item in items:
        waiting.append((item, pool.submit(work, item)))
        if len(waiting) > allowed:
            yield next_result()
            allowed = min(allowed + 1, ahead)
    while waiting:
        yield next_result()
