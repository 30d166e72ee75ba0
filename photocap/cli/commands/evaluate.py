"""`photocap evaluate`: score a model against captions by people."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from photocap.cli import console, options, output_evaluation, settings
from photocap.errors import CheckpointError

if TYPE_CHECKING:
    from rich.progress import Progress

    from photocap.cli.finding_again import Found
    from photocap.datasets.sources import CaptionSet
    from photocap.evaluation import Evaluation
    from photocap.evaluation.engines import EngineDifference
    from photocap.evaluation.similarity import SimilarityFit
    from photocap.records import CaptionerProtocol


def _check_page(_ctx: click.Context, _param: click.Parameter, value: Path | None) -> Path | None:
    """Refuse a page that cannot be written, before the work; and a name that may be a photo's."""
    if value and value.suffix.lower() not in (".html", ".htm"):
        raise click.BadParameter("the name must end in .html")
    if value and not value.absolute().parent.is_dir():
        raise click.BadParameter(f"there is no folder {value.parent}")
    return value


@click.command("evaluate")
@click.argument("captions", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--images",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    show_default="the folder of the caption file",
    help="A folder of images; may be given several times.",
)
@click.option(
    "--labels",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A table (image, coco_labels) of what photos show, for CHAIR and the labels' scores.",
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
    "--engine",
    "engines",
    multiple=True,
    type=click.Choice(options.ENGINES),
    envvar=settings.env_name("engine"),
    default=lambda: (settings.file_or_default("engine"),),
    show_default=settings.DEFAULTS["engine"].shown,
    help="What runs the network; given twice, the first is compared with the second, caption by caption.",
)
@click.option(
    "--html",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    callback=_check_page,
    help="Write a page with the photos, worst first.",
)
@click.option(
    "--sheet",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write contact sheets and a table into this folder, for judging by eye.",
)
@click.option(
    "--judged",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Sum up such a table, filled in; nothing is captioned.",
)
@click.option(
    "--retrieval", is_flag=True, help="Also search for each photo with each sentence by a person, and for nouns."
)
@click.option(
    "--fit-similarity",
    is_flag=True,
    help="With --retrieval: fit similarities and their floor to these captions and write them into the model.",
)
@options.json_option
@options.quiet_option
def command(
    captions: tuple[Path, ...],
    html: Path | None,
    sheet: Path | None,
    judged: Path | None,
    as_json: bool,
    quiet: bool,  # noqa: ARG001 - remembered by the option itself
    **chosen: Any,
) -> None:
    """Score a model against captions by people.

    \b
        photocap evaluate captions.csv --images ~/Pictures --html worst.html
        photocap evaluate captions.csv --sheet sheets && photocap evaluate --judged sheets/judge.csv
        photocap evaluate captions.csv --engine onnx --engine onnx-float32

    CAPTIONS is a table with the columns image, caption and optionally split, or another file that
    `photocap train` reads; a folder stands for the captions that people wrote into its photos.
    Printed are BLEU, METEOR (1.5 where java and pycocoevalcap are installed, else without its
    paraphrases), ROUGE-L and CIDEr-D, all x 100, with 95 % intervals from 30 photos on; what people
    reach against each other and what the commonest caption reaches; how varied the captions are;
    whether the confidence means what it says; which nouns are found; and how often an object is named
    that is not there. Several CAPTIONS are scored one by one and give a table. With --retrieval: how
    often a photo is among the first 1, 5 and 10 of a search for it, and the R-precision of the commonest
    nouns. Nothing is written but the page, the sheets and, with --fit-similarity, the model's config.json.
    """
    if chosen["fit_similarity"] and not chosen["retrieval"]:
        raise click.UsageError("--fit-similarity goes with --retrieval.")
    if judged:
        output_evaluation.print_judged(judged, as_json=as_json)
        return
    if not captions:
        raise click.UsageError("Missing argument 'CAPTIONS...'.")
    if html and len(captions) > 1:
        raise click.UsageError("--html shows one caption file; give one.")
    from photocap.evaluation.page import write_page
    from photocap.evaluation.sheets import write_sheets

    with tempfile.TemporaryDirectory(prefix="photocap-") as folder, console.progress() as bar:
        plain_below = None if sheet else 0.0  # sheets show what users see, scores belong to the sentences
        measured = _measure(captions, Path(folder), bar, chosen, plain_below)
        bar.stop()
        output_evaluation.print_evaluations(*measured, as_json=as_json)
        if html:
            write_page(next(iter(measured.found.values())), html)
            console.note(f"the photos, worst first: {html}")
        if sheet:
            sheets = write_sheets([photo for each in measured.found.values() for photo in each.photos], sheet)
            console.note(f"{len(sheets)} sheets and the table to fill in: {sheet}")


class _Measured(NamedTuple):
    """What was measured: per caption file by its name, between engines, and the fit of similarities."""

    found: dict[str, Evaluation]
    again: dict[str, Found]
    differences: list[EngineDifference]
    fit: SimilarityFit | None


def _measure(
    captions: Sequence[Path], folder: Path, bar: Progress, chosen: Mapping[str, Any], plain_below: float | None
) -> _Measured:
    """Score each caption file and measure what else was asked for, with room in a folder that goes away."""
    from photocap.cli.finding_again import find_again
    from photocap.datasets.label_tables import read_known_labels
    from photocap.datasets.sources import read_caption_source
    from photocap.evaluation import evaluate

    model, engines = chosen["model"], chosen["engines"]
    known = read_known_labels(chosen["labels"]) if chosen["labels"] else {}
    sources = [read_caption_source(path, None, folder / "pictures") for path in captions]
    load = partial(
        _load_captioner,
        model,
        device=chosen["device"],
        beam_size=chosen["beam_size"],
        neutral_people=chosen["neutral_people"],
        plain_below=plain_below,
    )
    score = partial(evaluate, split=chosen["split"], folders=chosen["images"], known_labels=known)
    found = _evaluate_each(sources, load(engines[0]), score, bar)
    fit = _fit(found, model) if chosen["fit_similarity"] else None
    again = {
        name: find_again(evaluation, model, folder / str(number), partial(_task, bar))
        for number, (name, evaluation) in enumerate(found.items() if chosen["retrieval"] else ())
    }
    differences = _compare(engines, sources, found, load, score, bar) if len(engines) > 1 else []
    return _Measured(found, again, differences, fit)


def _load_captioner(model: Path | None, engine: str, **options: Any) -> CaptionerProtocol:
    from photocap.captioning.registry import load_captioner

    return load_captioner(model, engine=engine, **options)


def _evaluate_each(
    sources: Sequence[CaptionSet], captioner: CaptionerProtocol, score: Callable[..., Evaluation], bar: Progress
) -> dict[str, Evaluation]:
    found: dict[str, Evaluation] = {}
    for source in sources:
        name = _source_name(source.path, list(found))
        found[name] = score(source, captioner, progress=_task(bar, name))
    return found


def _compare(
    engines: Sequence[str],
    sources: Sequence[CaptionSet],
    found: Mapping[str, Evaluation],
    load: Callable[[str], CaptionerProtocol],
    score: Callable[..., Evaluation],
    bar: Progress,
) -> list[EngineDifference]:
    """Compare the first engine with each of the others on each source, one after the other."""
    from photocap.evaluation.engines import engine_difference

    differences = []
    for engine in engines[1:]:
        captioner = load(engine)
        for source, (name, evaluation) in zip(sources, found.items(), strict=True):
            other = score(source, captioner, progress=_task(bar, f"{name}, {engine}"))
            differences.append(engine_difference(engines[0], evaluation, engine, other))
    return differences


def _source_name(path: Path, taken: Sequence[str]) -> str:
    """Name a caption file by itself, or where that is taken or says little by its folder."""
    name = path.absolute().parent.name if path.stem == "captions" else path.stem
    return name if name not in taken else str(path)


def _fit(found: Mapping[str, Evaluation], model: Path | None) -> SimilarityFit:
    """Fit similarities to what was evaluated and write them into the model."""
    from photocap.captioning.model_files import base_model_dir, change_settings
    from photocap.captioning.registry import load_text_encoder
    from photocap.evaluation.similarity import fit_similarity

    folder = model or base_model_dir()
    encoder = load_text_encoder(model)
    fit = encoder and fit_similarity([evaluation.photos for evaluation in found.values()], encoder.encode)
    if not fit:
        raise CheckpointError(folder, "has no joint space, or one that tells nothing of these photos")
    change_settings(folder, fit.settings())
    return fit


def _task(bar: Progress, name: str) -> Callable[[int, int], None]:
    task = bar.add_task(name, total=None)
    return lambda done, total: bar.update(task, completed=done, total=total)
