"""`photocap evaluate`: score a model against captions by people."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from photocap.caption_files import Problem
from photocap.cli import console, options

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
@options.device_option
@click.option(
    "--html",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    callback=_check_page,
    help="Write a page with the photos, worst first.",
)
@options.json_option
@options.quiet_option
def command(
    captions: Path,
    images: Path | None,
    split: str,
    model: Path | None,
    beam_size: int | None,
    device: str,
    html: Path | None,
    as_json: bool,
    quiet: bool,  # noqa: ARG001 - remembered by the option itself
) -> None:
    """Score a model against captions by people.

    \b
        photocap evaluate captions.csv --images ~/Pictures --html worst.html

    CAPTIONS is a table with the columns image, caption and optionally split, or another file that
    `photocap train` reads; a folder stands for the captions that people wrote into its photos.
    Printed are BLEU, METEOR (where java and pycocoevalcap are installed),
    ROUGE-L and CIDEr-D, all x 100 with 95 % intervals over photos; what people reach against each
    other and what the commonest caption reaches; how varied the captions are; whether the confidence
    means what it says; and which nouns are found. Nothing is written but the page.
    """
    from photocap.caption_sources import read_caption_source
    from photocap.captioner import load_captioner
    from photocap.evaluation import evaluate
    from photocap.evaluation.page import write_page
    from photocap.evaluation.text import score_lines, to_json

    with tempfile.TemporaryDirectory(prefix="photocap-") as extracted, console.progress() as bar:
        source = read_caption_source(captions, images, Path(extracted))
        captioner = load_captioner(model, device=device, beam_size=beam_size)
        task = bar.add_task("captioning", total=None)
        evaluation = evaluate(
            source, captioner, split=split, progress=lambda done, total: bar.update(task, completed=done, total=total)
        )
        bar.stop()
        _list_problems(evaluation.problems)
        if as_json:
            console.emit_json(to_json(evaluation))
        else:
            click.echo("\n".join(score_lines(evaluation)))
        if html:
            write_page(evaluation, html)
            console.note(f"the photos, worst first: {html}")


def _list_problems(problems: tuple[Problem, ...]) -> None:
    for problem in problems[:_SHOWN_PROBLEMS]:
        console.warn(f"line {problem.line}: {problem.text}" if problem.line else problem.text)
    if len(problems) > _SHOWN_PROBLEMS:
        console.warn(f"and {len(problems) - _SHOWN_PROBLEMS:,} more; --json lists them all")
