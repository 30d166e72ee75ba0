"""What happened to each photo, the summary and the exit code."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from photocap.records import Label, WordProbability, Written


class Outcome(Enum):
    """What became of one photo in a run."""

    CAPTIONED = "captioned"
    UNCHANGED = "unchanged"
    MOVED = "moved"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class PhotoResult:
    """One photo's line in the report.

    Attributes:
        path: the photo.
        outcome: what became of it.
        caption: the sentence now in the index, if any.
        confidence: in [0, 1], for generated captions.
        written: where the caption is besides the index.
        error: for failed and skipped photos, the reason; for sidecars, why not embedded.
        before: the caption that stood in the file before the write (for dry runs).
        labels: what a model sees in the photo, where it looked in this run.
        opened: whether the photo had to be looked into; what is known and unchanged is not.
        words: the caption's words with their probabilities, where nothing but captions was asked for.
    """

    path: Path
    outcome: Outcome
    caption: str | None = None
    confidence: float | None = None
    written: Written = Written.NONE
    error: str | None = None
    before: str | None = None
    labels: tuple[Label, ...] = ()
    opened: bool = False
    words: tuple[WordProbability, ...] = ()


@dataclass
class Report:
    """Counts outcomes; prints nothing itself.

    Attributes:
        counts: how many photos had each outcome.
        gone: how many known photos were not found any more.
        interrupted: whether the run was stopped before its end.
    """

    counts: Counter[Outcome] = field(default_factory=Counter)
    gone: int = 0
    interrupted: bool = False

    def add(self, result: PhotoResult) -> None:
        """Count one photo."""
        self.counts[result.outcome] += 1

    @property
    def exit_code(self) -> int:
        """Return 130 after an interrupt, 3 where photos failed, else 0."""
        if self.interrupted:
            return 130
        return 3 if self.counts[Outcome.FAILED] else 0

    @property
    def summary(self) -> str:
        """Return one line, for example "12 captioned, 3 unchanged, 1 failed"."""
        parts = [f"{self.counts[o]:,} {o.value}" for o in Outcome if self.counts[o]]
        parts += [f"{self.gone:,} gone (photocap status --missing)"] if self.gone else []
        return ", ".join(parts) or "no photos found"
