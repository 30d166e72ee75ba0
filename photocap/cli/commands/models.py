"""`photocap models`: which models there are, what is known of them, and which one is in use."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from photocap.captioning.model_files import base_model_dir
from photocap.captioning.registry import read_facts
from photocap.cli import console, options, settings
from photocap.cli.output_models import columns_of, facts_of, flat, summary_of
from photocap.errors import CheckpointError, ReadError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@click.group("models")
def command() -> None:
    """List models, or choose the one to use.

    \b
        photocap models list
        photocap models info
        photocap models use my-model/best --name holidays
        photocap models rollback
        photocap models calibrate ~/Pictures --model my-model/best

    `photocap train` adds models of your own to the base model; `models use` also copies in a folder of another kind,
    such as a Hugging Face image-to-text model (pip install 'photocap[vlm]').
    """


@command.command("list")
@options.json_option
@click.pass_context
def list_models(ctx: click.Context, as_json: bool) -> None:
    """List all models with size, date and score on their own dev photos; a star marks the one in use."""
    models = settings.installed_models()
    exit_code, width = 0, max(map(len, models.names()))
    for name in models.names():
        in_use = name == models.current_name()
        try:
            info = read_facts(models.path_of(name))
        except CheckpointError as error:  # one broken model must not hide the others
            exit_code = console.COULD_NOT_RUN
            facts: dict[str, object] = {"error": str(error)}
            line = str(error)
        else:
            facts, line = facts_of(info), "  ".join(columns_of(info))
        if as_json:
            console.emit_json({"name": name, "in_use": in_use, **facts})
        else:
            click.echo(f"{'*' if in_use else ' '} {name:<{width}}  {line}")
    ctx.exit(exit_code)


@command.command("info")
@click.argument("name_or_folder", required=False)
@click.option("--all", "everything", is_flag=True, help="Every setting, and the trainings that the model came from.")
@options.json_option
def info(name_or_folder: str | None, everything: bool, as_json: bool) -> None:
    """Show a model: kind, sizes, scores and how it was trained.

    NAME_OR_FOLDER is the model in use where nothing else is said; a name comes before a folder of the same name.
    """
    models = settings.installed_models()
    name = name_or_folder or models.current_name()
    known = name in models.names() or not Path(name).is_dir()
    found = read_facts(models.path_of(name) if known else Path(name))
    if as_json:
        console.emit_json(facts_of(found))
        return
    values = flat(facts_of(found)) if everything else summary_of(found)
    width = max(map(len, values)) + 2
    for label, value in values.items():
        click.echo(f"{label + ':':<{width}}{value}")


@command.command("use")
@click.argument("name_or_folder")
@click.option("--name", help="Its name here, for a folder; otherwise the name it was trained under.")
def use(name_or_folder: str, name: str | None) -> None:
    """Use this model from now on; a folder is copied in first."""
    models = settings.installed_models()
    folder = Path(name_or_folder)
    if name_or_folder not in models.names() and folder.is_dir():
        name = name or read_facts(folder).name
        models.install(folder, name)
    models.use(name or name_or_folder)
    console.note(f"{models.current_name()} is in use; `photocap models rollback` goes back")


@command.command("rollback")
def rollback() -> None:
    """Go back to the model that was in use before."""
    console.note(f"{settings.installed_models().rollback()} is in use")


@command.command("calibrate")
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path), metavar="PATH...")
@options.model_option
@click.option(
    "--photos", type=click.IntRange(min=1), default=128, show_default=True, help="How many of the photos to look at."
)
def calibrate(paths: tuple[Path, ...], model: Path | None, photos: int) -> None:
    """Measure on photos what a model needs to run in 8 bits; the result is kept beside its weights.

    In 8 bits a processor with VNNI or Arm's dot product runs the network about twice as fast. The first stages
    of the network stay in float32 where that is needed to leave at least 95 % of the captions as good as they are: word
    for word the same, or others in which the network in float32 has at most 0.05 less confidence. Then 8 bits are the
    default from now on. `--engine onnx-int8` takes them in any case, `--engine onnx-float32` never. PATH are folders
    and photos of all kinds. What 8 bits do to scores is shown by
    `photocap evaluate captions.csv --engine onnx-int8 --engine onnx-float32`.
    """
    from photocap.captioning.inference.activation_ranges import read_faithful_captions
    from photocap.captioning.inference.calibration import calibrate as measure
    from photocap.captioning.model_files import read_model_info

    folder = model or base_model_dir()
    squares = _squares(paths, photos, read_facts(folder).image_size_px)
    path = measure(folder, squares)
    faithful = read_faithful_captions(read_model_info(folder))
    measured = f"{path} was measured on {console.count(len(squares), 'photo')}"
    console.note(f"{measured}; in 8 bits {faithful:.0%} of captions are as good")


def _squares(paths: Sequence[Path], most: int, side_px: int) -> NDArray[np.uint8]:
    """Decode photos, evenly chosen from all, as the network sees them."""
    import numpy as np

    from photocap.captioning.preprocess import to_square
    from photocap.photos import WalkOptions, find_photos, load_image

    found = [photo.path for photo in find_photos(paths, WalkOptions())]
    squares = []
    for path in found[:: max(len(found) // most, 1)][:most]:
        try:
            squares.append(to_square(load_image(path, side_px), side_px))
        except ReadError as error:
            console.warn(str(error))
    if not squares:
        raise ReadError(paths[0], "there is no photo that can be read", "name a folder of photos")
    return np.stack(squares)
