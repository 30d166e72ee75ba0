"""`photocap review`: accept, edit or reject captions one by one."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from photocap.captioning.hedge import unhedged
from photocap.cli import console, options
from photocap.cli.line_editor import edit_line
from photocap.cli.writing_options import write_policy, writing_options
from photocap.errors import PhotocapError, ReadError, printable
from photocap.records import CaptionSource

if TYPE_CHECKING:
    from photocap.index import PhotoIndex, PhotoRow
    from photocap.library.decision import CaptionDecision
    from photocap.metadata import WritePolicy

_KEYS = "a accept, e edit, r reject, s skip, b back, o open, q quit"
_DECISIONS = frozenset("aersbq")


@click.command("review")
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@options.db_option
@writing_options
@options.quiet_option
def command(
    folder: Path | None,
    db: Path,
    quiet: bool,  # noqa: ARG001 - remembered by the option itself
    **chosen: Any,
) -> None:
    """Accept, edit or reject captions one by one.

    \b
        photocap review ~/Pictures/holiday

    Shows the captions that a model wrote (below FOLDER, if given), the least certain first, with the picture where the
    terminal can (better with `pip install 'photocap[pictures]'`), and takes one key for each. What you accept or edit
    is yours from then on: it goes into the photo as a person's words and serves to train a model of your own. What you
    reject is taken out of the photo again. Each decision is stored at once, and `b` takes the last one back; stop
    whenever you like, the same command continues from there. Other commands can write to the index meanwhile.
    """
    from photocap.cli.open_index import open_for_writing

    with open_for_writing(db) as index:
        waiting = index.captions.to_review(Path(os.path.abspath(folder)) if folder else None)
        session = _Session(index=index, policy=write_policy(chosen), waiting=waiting)
        session.hold()
    console.note(session.summary)


def _can_answer() -> bool:
    return sys.stdin.isatty()


@dataclass(frozen=True)
class _Step:
    """A photo that was dealt with: its place in the order, and what was decided, if anything."""

    place: int
    decision: CaptionDecision | None = None


@dataclass(kw_only=True)
class _Session:
    """One sitting: the decisions of a person, which can be taken back one after the other.

    Other writers are kept out while a decision is carried out, never while one is waited for.
    """

    index: PhotoIndex
    policy: WritePolicy
    waiting: Sequence[int]
    steps: list[_Step] = field(default_factory=list)

    @property
    def summary(self) -> str:
        """Return "2 accepted, 1 edited, 0 rejected"."""
        counts = Counter(step.decision.kind.name.lower() for step in self.steps if step.decision)
        return ", ".join(f"{counts[word]} {word}" for word in ("accepted", "edited", "rejected"))

    def hold(self) -> None:
        """Show one photo after the other until there is none left or the person has enough."""
        place = 0
        while place < len(self.waiting) or self._wants_back():
            if place == len(self.waiting):
                place = self._go_back(place)
                continue
            photo = self._photo(place)
            if photo is None:  # somebody has judged it, or the photo is gone
                place += 1
                continue
            self._show(photo, place)
            key = self._ask(photo)
            if key == "q":
                return
            if key == "b":
                place = self._go_back(place)
            elif self._decide(key, photo, place):
                place += 1

    def _wants_back(self) -> bool:
        """Ask after the last photo whether the last decision shall stand, where somebody can answer."""
        if not self.steps or not _can_answer():
            return False
        click.echo("That was the last one.  [b back, any other key ends] ", nl=False, err=True)
        key = click.getchar().lower()
        click.echo(key if key.isprintable() else "", err=True)
        return key == "b"

    def _photo(self, place: int) -> PhotoRow | None:
        """Return a photo as it is by now, if its caption still waits for a person."""
        photos = self.index.photos.by_id([self.waiting[place]])
        if not photos or photos[0].source is not CaptionSource.MODEL or not photos[0].caption:
            return None
        return photos[0]

    def _show(self, photo: PhotoRow, place: int) -> None:
        from photocap.cli.picture import show_picture

        sure = f", confidence {photo.confidence:.2f}" if photo.confidence is not None else ""
        show_picture(photo.path)
        click.echo(f"{place + 1:,} of {len(self.waiting):,}  {printable(photo.path)}{sure}")
        click.echo(f"  {printable(photo.caption or '')}")

    def _ask(self, photo: PhotoRow) -> str:
        """Return the key of a decision."""
        while True:
            click.echo(f"  [{_KEYS}] ", nl=False, err=True)
            key = click.getchar().lower()
            click.echo(key if key.isprintable() else "", err=True)
            if key == "o":
                self._open(photo)
            elif key == "b" and not self.steps:
                console.warn("  there is nothing to go back to")
            elif key in _DECISIONS:
                return key

    def _go_back(self, place: int) -> int:
        """Take the last decision back and return the place of its photo; this place where that cannot be done."""
        from photocap.library.decision import CaptionChanged, undo

        step = self.steps.pop()
        if step.decision is not None:
            try:
                problems = undo(self.index, step.decision)
            except CaptionChanged as changed:
                console.show_error(changed)
                return place
            for problem in problems:
                console.warn(f"  {problem}")
        return step.place

    def _decide(self, key: str, photo: PhotoRow, place: int) -> bool:
        """Carry out a decision; return whether that was possible."""
        try:
            decision = self._decision(key, photo)
        except PhotocapError as error:  # the caption has changed meanwhile, or the words are empty
            console.show_error(error)
            return False
        self.steps.append(_Step(place, decision))
        for problem in decision.problems if decision else ():
            console.warn(f"  {problem}")
        return True

    def _decision(self, key: str, photo: PhotoRow) -> CaptionDecision | None:
        from photocap.library.decision import reject_words, save_words

        shown = photo.caption or ""
        if key == "s":
            return None
        if key == "r":
            return reject_words(self.index, photo, shown, command="review")
        words = unhedged(shown)  # what a person says is no guess
        if key == "e":
            words = edit_line("  your words", words)
        return save_words(self.index, photo, words, shown, self.policy, command="review")

    @staticmethod
    def _open(photo: PhotoRow) -> None:
        from photocap.cli.viewer import open_photo_in_viewer

        try:
            open_photo_in_viewer(photo.path)
        except ReadError as error:
            console.show_error(error)
