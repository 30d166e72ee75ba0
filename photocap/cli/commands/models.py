"""`photocap models`: which models there are, what is known of them, and which one is in use."""

from __future__ import annotations

from pathlib import Path

import click

from photocap.captioning.model_files import ModelInfo, read_model_info
from photocap.cli import console, options, settings
from photocap.errors import CheckpointError


@click.group("models")
def command() -> None:
    """List models, or choose the one to use.

    \b
        photocap models list
        photocap models info
        photocap models use my-model/best --name holidays
        photocap models rollback

    `photocap train` adds models of your own to the base model.
    """


@command.command("list")
@options.json_option
@click.pass_context
def list_models(ctx: click.Context, as_json: bool) -> None:
    """List all models; a star marks the one in use."""
    models = settings.installed_models()
    exit_code = 0
    for name in models.names():
        in_use = name == models.current_name()
        try:
            info = read_model_info(models.path_of(name))
        except CheckpointError as error:  # one broken model must not hide the others
            exit_code = console.COULD_NOT_RUN
            facts: dict[str, object] = {"error": str(error)}
            line = str(error)
        else:
            facts, line = _facts(info), f"{info.model_id}  {len(info.words):,} words"
        if as_json:
            console.emit_json({"name": name, "in_use": in_use, **facts})
        else:
            click.echo(f"{'*' if in_use else ' '} {name}  {line}")
    ctx.exit(exit_code)


@command.command("info")
@click.argument("name_or_folder", required=False)
@options.json_option
def info(name_or_folder: str | None, as_json: bool) -> None:
    """Tell what is known of a model: sizes, hash and how it was trained.

    NAME_OR_FOLDER is the model in use where nothing else is said.
    """
    models = settings.installed_models()
    folder = Path(name_or_folder or "")
    found = read_model_info(
        folder if name_or_folder and folder.is_dir() else models.path_of(name_or_folder or models.current_name())
    )
    if as_json:
        console.emit_json(_facts(found))
        return
    for name, value in _flat(_facts(found)).items():
        click.echo(f"{name + ':':<28}{value}")


@command.command("use")
@click.argument("name_or_folder")
@click.option("--name", help="Its name here, for a folder; otherwise the name it was trained under.")
def use(name_or_folder: str, name: str | None) -> None:
    """Use this model from now on; a folder that `photocap train` made is copied in first."""
    models = settings.installed_models()
    folder = Path(name_or_folder)
    if name_or_folder not in models.names() and folder.is_dir():
        name = name or read_model_info(folder).name
        models.install(folder, name)
    models.use(name or name_or_folder)
    console.note(f"{models.current_name()} is in use; `photocap models rollback` goes back")


@command.command("rollback")
def rollback() -> None:
    """Go back to the model that was in use before."""
    console.note(f"{settings.installed_models().rollback()} is in use")


def _facts(info: ModelInfo) -> dict[str, object]:
    return {
        "model_id": info.model_id,
        "folder": info.directory,
        "weights_sha256": info.weights_sha256,
        "words": len(info.words),
        "model": info.config.to_json(),
        "training": dict(info.training),
    }


def _flat(values: dict[str, object], prefix: str = "") -> dict[str, object]:
    """Return nested facts as one level: {"model": {"beam_size": 3}} becomes {"model beam_size": 3}."""
    flat: dict[str, object] = {}
    for name, value in values.items():
        flat |= _flat(value, f"{prefix}{name} ") if isinstance(value, dict) else {prefix + name: value}
    return flat
