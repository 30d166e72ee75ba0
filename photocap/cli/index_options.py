"""What `index` and `watch` have in common: their options and what is made of them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from photocap.captioning.neutral_terms import NEUTRAL_SUFFIX
from photocap.captioning.registry import ModelFacts, read_facts
from photocap.cli import options
from photocap.cli.batch_import import import_batch
from photocap.cli.open_index import open_for_reading, open_for_writing
from photocap.cli.writing_options import write_policy, writing_options
from photocap.errors import CheckpointError
from photocap.index import PhotoIndex
from photocap.library.indexing import IndexOptions, Recaption, default_workers
from photocap.metadata import DryRun, Overwrite
from photocap.photos import WalkOptions
from photocap.records import CaptionerProtocol

if TYPE_CHECKING:
    from photocap.library.batch import StoredCaptions

F = TypeVar("F", bound=Callable[..., Any])

_HEDGE_ALT_TEXT_BELOW = 0.5  # who cannot see the picture cannot see that a sentence is wrong

_WALKING = (
    click.option("--exclude", multiple=True, metavar="PATTERN", help="Leave out what matches, as in .gitignore."),
    click.option("--follow-links", is_flag=True, help="Enter folders and take photos that are symbolic links."),
    click.option("--one-file-system", is_flag=True, help="Stay on the file system of each PATH."),
    click.option(
        "--recaption",
        is_flag=True,
        help="Caption anew what another model captioned, or this one with other --neutral-people or --hedge-below.",
    ),
    click.option("--retry-failed", is_flag=True, help="Look again at photos that could not be read before."),
    click.option("--allow-empty", is_flag=True, help="Mark photos as missing even if a whole folder is empty."),
)
_WRITING = (
    click.option(
        "--overwrite",
        type=click.Choice([choice.value for choice in Overwrite]),
        default=Overwrite.JUNK.value,
        show_default=True,
        help="What may be replaced: nothing, also photocap's own, also a camera's junk, also a person's words.",
    ),
    click.option(
        "--min-confidence",
        type=click.FloatRange(0, 1),
        default=0.0,
        help="Captions below this go into the index only, not into photos.",
    ),
    options.keywords_option,
)
_MODEL = (
    click.option(
        "--captions",
        metavar="URI",
        help="Take captions from what `batch` or `export --parquet` wrote, by picture; no model is loaded.",
    ),
    options.model_option,
    options.device_option,
    options.engine_option,
    options.batch_size_option,
    options.beam_size_option,
    options.neutral_people_option,
    options.hedge_below_option,
    options.workers_option,
    options.max_pixels_option,
)


def indexing_options(function: F) -> F:
    """Add the options that `index_options` and `captioner_loader` read."""
    for option in reversed((options.db_option, writing_options, *_WRITING, *_WALKING, *_MODEL)):
        function = option(function)
    return function


def index_options(chosen: Mapping[str, Any], *, dry_run: bool = False) -> IndexOptions:
    """Make what indexing wants to know out of the command line."""
    policy = write_policy(chosen, overwrite=Overwrite(chosen["overwrite"]), keywords=chosen["keywords"])
    stored = import_batch().StoredCaptions(chosen["captions"]) if chosen["captions"] else None
    facts = None if stored else _facts_if_usable(chosen)
    return IndexOptions(
        policy=policy,
        walk=WalkOptions(tuple(chosen["exclude"]), chosen["follow_links"], chosen["one_file_system"]),
        dry_run=DryRun.YES if dry_run else DryRun.NO,
        min_confidence=chosen["min_confidence"],
        retry_failed=chosen["retry_failed"],
        allow_empty=chosen["allow_empty"],
        space_id=stored.space_id if stored else facts.space_id if facts else None,
        recaption=_recaption(facts, stored, chosen) if chosen["recaption"] else None,
        neutral_people=chosen["neutral_people"],
        hedge_alt_text_below=_HEDGE_ALT_TEXT_BELOW if chosen["hedge_below"] is None else chosen["hedge_below"],
        workers=workers(chosen["workers"]),
        stored=stored,
    )


def model_facts(chosen: Mapping[str, Any]) -> ModelFacts:
    """Return what is known of the chosen model without loading it, with the id that it will speak under.

    Raises:
        CheckpointError: the model cannot be used.
    """
    return replace(read_facts(chosen["model"]), variant=NEUTRAL_SUFFIX if chosen["neutral_people"] else "")


def _facts_if_usable(chosen: Mapping[str, Any]) -> ModelFacts | None:
    """Return the same; a run that needs no model does without."""
    try:
        return model_facts(chosen)
    except CheckpointError:
        if chosen["recaption"]:
            raise
        return None


def _recaption(facts: ModelFacts | None, stored: StoredCaptions | None, chosen: Mapping[str, Any]) -> Recaption:
    """Return how the captions of this run will be said, and by whom."""
    hedge_below = chosen["hedge_below"] or 0.0
    if stored:
        if stored.model_id is None:
            raise click.UsageError("--recaption takes captions of one model, and these are out of an index")
        return Recaption(stored.model_id, hedge_below)
    assert facts is not None
    return Recaption(facts.model_id, hedge_below)


def workers(chosen: int | str) -> int:
    """Return how many photos to decode at the same time."""
    return default_workers() if isinstance(chosen, str) else chosen


def captioner_loader(chosen: Mapping[str, Any]) -> Callable[[], CaptionerProtocol]:
    """Return what loads the captioner: the library that runs it is imported when the first photo needs it."""

    def load() -> CaptionerProtocol:
        from photocap.captioning.registry import load_captioner

        return load_captioner(
            chosen["model"],
            engine=chosen["engine"],
            device=chosen["device"],
            batch_size=chosen["batch_size"],
            beam_size=chosen["beam_size"],
            neutral_people=chosen["neutral_people"],
            hedge_below=chosen["hedge_below"],
        )

    return load


@contextmanager
def open_index(db: Path, *, dry_run: bool = False, check: bool = True) -> Iterator[PhotoIndex]:
    """Open the index for a run; a dry run only reads it, and does not make one where there is none."""
    if not dry_run:
        with open_for_writing(db, create=True, check=check) as index:
            yield index
    elif db.exists():
        with open_for_reading(db) as index:
            yield index
    else:
        with tempfile.TemporaryDirectory() as folder, PhotoIndex.open(Path(folder, "dry-run.db"), create=True) as index:
            yield index
