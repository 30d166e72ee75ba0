"""`photocap review`: accept, edit or reject captions one by one."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from photocap.captioning.hedge import unhedged
from photocap.cli import console, options
from photocap.cli.writing_options import write_policy, writing_options
from photocap.errors import ReadError, printable
from photocap.records import Verdict

if TYPE_CHECKING:
    from photocap.index import PhotoIndex, PhotoRow
    from photocap.metadata import WritePolicy

_KEYS = "a accept, e edit, r reject, s skip, o open, q quit"


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

    Shows the captions that a model wrote (below FOLDER, if given), the least certain first, and takes one
    key for each. What you accept or edit is yours from then on: it goes into the photo as a person's
    words and serves to train a model of your own. What you reject is taken out of the photo again. Each
    decision is stored at once; stop whenever you like, the same command continues from there.
    """
    from photocap.index import PhotoIndex

    with PhotoIndex.open(db) as index:
        waiting = index.captions.to_review(Path(os.path.abspath(folder)) if folder else None)
        session = _Session(index=index, policy=write_policy(chosen), run_id=index.runs.start("review"))
        for number, photo_id in enumerate(waiting, start=1):
            (photo,) = index.photos.by_id([photo_id])
            if not session.judge(photo, f"{number:,} of {len(waiting):,}"):
                break
        summary = f"{session.accepted} accepted, {session.edited} edited, {session.rejected} rejected"
        index.runs.finish(session.run_id, summary)
    console.note(summary)


@dataclass(kw_only=True)
class _Session:
    """One sitting: the decisions of a person and how many there were of each."""

    index: PhotoIndex
    policy: WritePolicy
    run_id: int
    accepted: int = 0
    edited: int = 0
    rejected: int = 0

    def judge(self, photo: PhotoRow, place: str) -> bool:
        """Ask about one photo until there is a decision; return whether to go on."""
        sure = f", confidence {photo.confidence:.2f}" if photo.confidence is not None else ""
        click.echo(f"{place}  {printable(photo.path)}{sure}\n  {printable(photo.caption or '')}")
        decisions: dict[str, Callable[[PhotoRow], None]] = {
            "a": self._accept,
            "e": self._edit,
            "r": self._reject,
            "s": lambda _photo: None,
        }
        while True:
            click.echo(f"  [{_KEYS}] ", nl=False, err=True)
            key = click.getchar().lower()
            click.echo(key if key.isprintable() else "", err=True)
            if key == "q":
                return False
            if key == "o":
                self._open(photo)
            if key in decisions:
                decisions[key](photo)
                return True

    @staticmethod
    def _open(photo: PhotoRow) -> None:
        from photocap.cli.viewer import open_photo_in_viewer

        try:
            open_photo_in_viewer(photo.path)
        except ReadError as error:
            console.show_error(error)

    def _accept(self, photo: PhotoRow) -> None:
        assert photo.caption is not None  # only captioned photos are shown
        self._correct(photo, unhedged(photo.caption), Verdict.ACCEPTED)  # now somebody knows
        self.accepted += 1

    def _edit(self, photo: PhotoRow) -> None:
        plain = unhedged(photo.caption or "")
        words = click.prompt("  your words", default=plain, show_default=False).strip()
        verdict = Verdict.ACCEPTED if words == plain else Verdict.EDITED
        self._correct(photo, words, verdict)
        self.edited += 1

    def _reject(self, photo: PhotoRow) -> None:
        from photocap.library.reject import reject

        for restored in reject(self.index, photo.picture_hash or ""):
            if restored.reason:
                console.warn(f"  {printable(restored.path)}: the caption stays in the file: {restored.reason}")
        self.rejected += 1

    def _correct(self, photo: PhotoRow, words: str, verdict: Verdict) -> None:
        from photocap.cli.output_edit import show_corrected
        from photocap.library.edit import copies_with_other_words, correct

        others = copies_with_other_words(self.index, photo, self.policy)
        picture_hash = photo.picture_hash or ""
        files = correct(self.index, self.run_id, picture_hash, words, self.policy, verdict=verdict, sparing=others)
        show_corrected([file for file in files if file.error], words, as_json=False)
