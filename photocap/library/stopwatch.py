"""How long each stage of a run keeps what it needs busy."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import TypeVar

T = TypeVar("T")


class Stopwatch:
    """Adds up wall time by stage; several threads may be in a stage at once, and each counts.

    Attributes:
        seconds: by stage.
    """

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._lock = threading.Lock()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure what happens inside."""
        start = perf_counter()
        try:
            yield
        finally:
            self._add(name, perf_counter() - start)

    def each(self, name: str, items: Iterable[T]) -> Iterator[T]:
        """Yield items; measure how long each takes to come."""
        iterator = iter(items)
        while True:
            start = perf_counter()
            try:
                item = next(iterator)
            except StopIteration:
                return
            finally:
                self._add(name, perf_counter() - start)
            yield item

    def _add(self, name: str, seconds: float) -> None:
        with self._lock:
            self.seconds[name] += seconds
