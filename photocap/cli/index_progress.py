"""How far a run over a library has come: for the bar on a terminal, and as JSON records."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from photocap.cli import console
from photocap.errors import PhotocapError
from photocap.library.indexing import IndexOptions, count_changed
from photocap.library.report import Outcome, PhotoResult, Report

if TYPE_CHECKING:
    from rich.progress import Progress

_WINDOW_S = 30.0  # the time over which the rate is measured
_BETWEEN_RECORDS_S = 1.0


class IndexProgress:
    """Counts the photos that a run opens; what is known and unchanged takes no time and does not count.

    Args:
        bar: shows the counts, where there is a terminal.
        as_records: print a JSON record about once a second.
        clock: gives the time in seconds.

    Attributes:
        total: how many there are to open; None while that is not known.
    """

    def __init__(self, bar: Progress, *, as_records: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self.total: int | None = None
        self._bar = bar
        self._task = bar.add_task("Captioning", total=None)
        self._as_records = as_records
        self._clock = clock
        self._start_s = self._told_s = clock()
        self._opened = self._unchanged = 0
        self._steps = deque([(self._start_s, 0)])

    def count_ahead(self, index_path: Path, paths: Sequence[Path], options: IndexOptions) -> None:
        """Count what there is to do, in a thread beside the run, where anybody wants to know."""
        if self._as_records or not self._bar.disable:
            threading.Thread(target=self._count, args=(index_path, paths, options), daemon=True).start()

    def __call__(self, result: PhotoResult) -> None:
        """Note what became of one photo."""
        self._opened += result.opened
        self._unchanged += result.outcome is Outcome.UNCHANGED and not result.opened
        if result.opened:
            self._bar.advance(self._task)
        elif self._unchanged:
            self._bar.update(self._task, description=f"Captioning ({self._unchanged:,} unchanged)")
        if self._as_records:
            self._tell()

    def summarize(self, report: Report, *, exit_code: int, dry_run: bool) -> None:
        """Print the closing record, where records are wanted."""
        if not self._as_records:
            return
        counts = {outcome.value: report.counts[outcome] for outcome in Outcome}
        summary = counts | {
            "gone": report.gone,
            "seconds": round(self._clock() - self._start_s, 3),
            "interrupted": report.interrupted,
            "dry_run": dry_run,
            "exit_code": exit_code,
        }
        console.emit_json({"summary": summary})

    def _count(self, index_path: Path, paths: Sequence[Path], options: IndexOptions) -> None:
        with contextlib.suppress(PhotocapError, OSError):  # then nobody knows how long it takes
            self.total = count_changed(index_path, paths, options)
            self._bar.update(self._task, total=self.total)

    def _tell(self) -> None:
        now = self._clock()
        if now - self._told_s < _BETWEEN_RECORDS_S:
            return
        self._told_s = now
        rate = self._rate(now)
        left = None if self.total is None else max(0, self.total - self._opened)
        progress = {
            "done": self._opened,
            "total": self.total,
            "unchanged": self._unchanged,
            "photos_per_s": round(rate, 2) if rate else None,
            "seconds_left": round(left / rate) if rate and left is not None else None,
        }
        console.emit_json({"progress": progress})

    def _rate(self, now: float) -> float:
        """Return how many photos were opened per second lately."""
        self._steps.append((now, self._opened))
        while len(self._steps) > 2 and now - self._steps[1][0] >= _WINDOW_S:
            self._steps.popleft()
        since, before = self._steps[0]
        return (self._opened - before) / (now - since)
