"""`photocap evaluate`: score a model against captions by people."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from photocap.cli import console, options
from photocap.datasets import Problem

if TYPE_CHECKING:
    from rich.progress import Progress

    from photocap.evaluation import Evaluation
    from photocap.evaluation.retrieval import Find, Retrieval
    from photocap.search import TextEncoderProtocol

_SHOWN_PROBLEMS = 10


def _check_page(_ctx: click.Context, _param: click.Parameter, value: Path | None) -> Path | None:
    """Refuse a page that cannot be written, before the work; and a name that may be a photo's."""
    if value and value.suffix.lower() not in (".html", ".htm"):
        raise click.BadParameter("the name must end in .html")
    if value and not value.absolute().parent.is_dir():
        raise click.BadParameter(f"there is no folder {value.parent}")
    return value


@click.command("evaluate")
@click.argument("captions", type=click.Path(path_type=Path))
@click.option(
    "--images",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    show_default="the folder of the caption file",
    help="The folder of the images.",
)
@click.option(
    "--split",
    default="dev",
    show_default=True,
    type=click.Choice(["train", "dev", "test", "all"]),
    help="Which rows; without a column split, dev is the tenth that `photocap train` keeps back.",
)
@options.model_option
@options.beam_size_option
@options.neutral_people_option
@options.device_option
@click.option(
    "--html",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    callback=_check_page,
    help="Write a page with the photos, worst first.",
)
@click.option("--retrieval", is_flag=True, help="Also search for each photo with each sentence by a person.")
@options.json_option
@options.quiet_option
def command(
    captions: Path,
    images: Path | None,
    split: str,
    model: Path | None,
    beam_size: int | None,
    neutral_people: bool,
    device: str,
    html: Path | None,
    retrieval: bool,
    as_json: bool,
    quiet: bool,  # noqa: ARG001 - remembered by the option itself
) -> None:
    """Score a model against captions by people.

    \b
        photocap evaluate captions.csv --images ~/Pictures --html worst.html

    CAPTIONS is a table with the columns image, caption and optionally split, or another file that
    `photocap train` reads; a folder stands for the captions that people wrote into its photos.
    Printed are BLEU, METEOR (where java and pycocoevalcap are installed), ROUGE-L and CIDEr-D, all
    x 100 with 95 % intervals over photos; what people reach against each other and what the
    commonest caption reaches; how varied the captions are; whether the confidence means what it
    says; and which nouns are found. With --retrieval: how often a photo is among the first 1, 5 and
    10 of a search for it. Nothing is written but the page.
    """
    from photocap.captioning.captioner import load_captioner
    from photocap.datasets.sources import read_caption_source
    from photocap.evaluation import evaluate
    from photocap.evaluation.page import write_page
    from photocap.evaluation.text import retrieval_lines, score_lines, to_json

    with tempfile.TemporaryDirectory(prefix="photocap-") as folder, console.progress() as bar:
        source = read_caption_source(captions, images, Path(folder) / "pictures")
        captioner = load_captioner(model, device=device, beam_size=beam_size, neutral_people=neutral_people)
        evaluation = evaluate(source, captioner, split=split, progress=_task(bar, "captioning"))
        found = _find_again(evaluation, model, Path(folder), bar) if retrieval else {}
        bar.stop()
        _list_problems(evaluation.problems)
        if as_json:
            again = {"retrieval": {way: asdict(result) for way, result in found.items()}} if retrieval else {}
            console.emit_json(to_json(evaluation) | again)
        else:
            click.echo("\n".join([*score_lines(evaluation), *retrieval_lines(found)]))
        if html:
            write_page(evaluation, html)
            console.note(f"the photos, worst first: {html}")


def _find_again(evaluation: Evaluation, model: Path | None, folder: Path, bar: Progress) -> dict[str, Retrieval]:
    """Search for the photos in three ways: by the captions' words, by look, and as `photocap search` does, by both."""
    from photocap.captioning.model_files import base_model_dir
    from photocap.captioning.text_encoder import load_text_encoder
    from photocap.evaluation.retrieval import FIRST, by_look, fill_index, measure_retrieval
    from photocap.index import PhotoIndex
    from photocap.search import search

    encoder = load_text_encoder(model or base_model_dir())
    with PhotoIndex.open(folder / "index.db", create=True) as index:
        fill_index(index, evaluation.photos, evaluation.model_id)

        def find(text: str, text_encoder: TextEncoderProtocol | None = None) -> list[Path]:
            hits = search(index, text, limit=FIRST, text_encoder=text_encoder).hits
            return [hit.photo.path for hit in hits]

        ways: dict[str, Find] = {"found by words": find}
        look = encoder and by_look(evaluation.photos, encoder.encode)
        if look:
            ways |= {"found by look": look, "found by both": partial(find, text_encoder=encoder)}
        return {way: measure_retrieval(evaluation.photos, chosen, _task(bar, way)) for way, chosen in ways.items()}


def _task(bar: Progress, name: str) -> Callable[[int, int], None]:
    task = bar.add_task(name, total=None)
    return lambda done, total: bar.update(task, completed=done, total=total)


def _list_problems(problems: tuple[Problem, ...]) -> None:
    for problem in problems[:_SHOWN_PROBLEMS]:
        console.warn(f"line {problem.line}: {problem.text}" if problem.line else problem.text)
    if len(problems) > _SHOWN_PROBLEMS:
        console.warn(f"and {len(problems) - _SHOWN_PROBLEMS:,} more; --json lists them all")
