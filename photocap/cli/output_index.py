"""How `index`, `watch` and `caption` tell what became of each photo."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

from photocap.cli import console
from photocap.errors import printable
from photocap.index import PhotoIndex
from photocap.library.report import Outcome, PhotoResult
from photocap.metadata import SWITCHED_OFF
from photocap.records import Written


@dataclass(frozen=True, kw_only=True)
class ResultPrinter:
    """Prints one result: captions on stdout, failures on stderr, or everything as JSON lines.

    Attributes:
        index: gives the captions of unchanged photos to the JSON lines.
        as_json: one object per photo.
        quiet: failures only.
        verbose: also what was passed by.
        dry_run: show the caption before and after.
        on_each: called with each photo after that, for the progress bar.
    """

    index: PhotoIndex | None = None
    as_json: bool = False
    quiet: bool = False
    verbose: bool = False
    dry_run: bool = False
    on_each: Callable[[PhotoResult], object] = lambda _: None

    def __call__(self, result: PhotoResult) -> None:
        """Print one result."""
        if self.as_json:
            self._print_json(result)
        elif result.outcome is Outcome.FAILED:
            console.warn(f"{printable(result.path)}: {result.error}")
        elif result.outcome in (Outcome.CAPTIONED, Outcome.MOVED) and not self.quiet:
            console.show(_before_and_after(result) if self.dry_run else _line(result))
        elif self.verbose:
            console.note(f"{printable(result.path)}: {result.outcome.value}{_remark(result)}")
        self.on_each(result)

    def _print_json(self, result: PhotoResult) -> None:
        caption, confidence = result.caption, result.confidence
        if result.outcome is Outcome.UNCHANGED and caption is None and self.index is not None:
            row = self.index.photos.get(result.path)
            caption, confidence = (row.caption, row.confidence) if row else (None, None)
        record = {
            "path": result.path,
            "outcome": result.outcome.value,
            "caption": caption,
            "confidence": confidence,
            "written": result.written,
            "error": None if result.error == SWITCHED_OFF else result.error,
            "labels": [asdict(label) for label in result.labels],
        }
        if result.words:
            record["words"] = [{"word": word.word, "probability": word.probability} for word in result.words]
        console.emit_json(record | ({"before": result.before} if self.dry_run else {}))


def _line(result: PhotoResult) -> str:
    return f"{printable(result.path)}: {printable(result.caption or '')}{_remark(result)}"


def _remark(result: PhotoResult) -> str:
    return f" [{result.written.value}: {result.error}]" if result.error and result.error != SWITCHED_OFF else ""


def _before_and_after(result: PhotoResult) -> str:
    before = f"\n  - {printable(result.before)}" if result.before else ""
    is_written = result.written is not Written.NONE
    after = f"\n  + {printable(result.caption or '')} ({result.written.value})" if is_written else ""
    return f"{printable(result.path)}{_remark(result)}{before}{after}"
