"""`photocap watch`: index again and again."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from photocap.cli import console, options
from photocap.cli.index_options import captioner_loader, index_options, indexing_options, open_index
from photocap.cli.output_index import ResultPrinter
from photocap.errors import IndexBusy
from photocap.library.indexing import IndexOptions, RestingFiles, index_photos
from photocap.library.report import Outcome, PhotoResult
from photocap.records import CaptionerProtocol

_REST_S = 5.0  # between two looks, where a file of the first one may still be growing


@click.command("watch")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH...")
@click.option(
    "--interval", type=click.FloatRange(min=1), default=60.0, show_default=True, help="Seconds between scans."
)
@indexing_options
@options.json_option
@options.quiet_option
def command(paths: tuple[Path, ...], db: Path, interval: float, as_json: bool, quiet: bool, **chosen: Any) -> None:
    """Keep captioning what is new in a library.

    \b
        photocap watch ~/Pictures
        photocap watch /mnt/nas/photos --interval 600

    It looks at names, sizes and times again and again, so network drives work as well; only what is new is opened.
    A file that is still being copied is left alone until it rests: two looks a few seconds apart must find it the same.
    Other commands can read and write the index meanwhile. Ctrl-C ends it.
    """
    resting = RestingFiles()
    run_options = replace(index_options(chosen), is_at_rest=resting.is_at_rest)
    load = functools.cache(captioner_loader(chosen))
    news = _News(ResultPrinter(index=None, as_json=as_json, quiet=quiet))
    while True:
        is_over = _look(paths, db, load, run_options, news)
        time.sleep(min(interval, _REST_S) if is_over and resting.end_look() else interval)


def _look(
    paths: Sequence[Path],
    db: Path,
    load: Callable[[], CaptionerProtocol],
    run_options: IndexOptions,
    news: _News,
) -> bool:
    """Look at the library once; return whether that was possible."""
    try:
        with open_index(db, check=False) as index:
            report = index_photos(paths, index, load, run_options, on_result=news)
    except IndexBusy as busy:
        console.note(f"{busy}; the next look tries again")
        return False
    if report.interrupted:
        raise KeyboardInterrupt
    if news.end_look():
        console.note(report.summary)
    return True


class _News:
    """Prints what is new since the last look; what still fails as before is not printed again."""

    def __init__(self, show: ResultPrinter) -> None:
        self._show = show
        self._failing: set[PhotoResult] = set()
        self._failed_before: set[PhotoResult] = set()
        self._told = 0

    def __call__(self, result: PhotoResult) -> None:
        if result.outcome is Outcome.FAILED:
            self._failing.add(result)
        is_news = result.outcome in (Outcome.CAPTIONED, Outcome.MOVED, Outcome.FAILED)
        if is_news and result not in self._failed_before:
            self._told += 1
            self._show(result)

    def end_look(self) -> bool:
        """Begin anew; tell whether this look brought any news."""
        self._failed_before, self._failing = self._failing, set()
        told, self._told = self._told, 0
        return told > 0
