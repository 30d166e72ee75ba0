"""`photocap models`: which models there are, what is known of them, and which one is in use."""

from __future__ import annotations

from pathlib import Path

import click

from photocap.cli import console, options, settings
from photocap.model_files import ModelInfo, read_model_info


@click.group("models")
def command() -> None:
    """List models, or choose the one to use.

    \b
        photocap models list
        photocap models info
        photocap models use holidays
        photocap models rollback

    `photocap train` adds models of your own to the base model.
    """


@command.command("list")
@options.json_option
def list_models(as_json: bool) -> None:
    """List all models; a star marks the one in use."""
    models = settings.installed_models()
    for name in models.names():
        info = read_model_info(models.path_of(name))
        in_use = name == models.current_name()
        if as_json:
            console.emit_json({**_facts(info), "name": name, "in_use": in_use})
        else:
            click.echo(f"{'*' if in_use else ' '} {name}  {info.model_id}  {len(info.words):,} words")


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
@click.argument("name")
def use(name: str) -> None:
    """Use this model from now on."""
    settings.installed_models().use(name)
    console.note(f"{name} is in use; `photocap models rollback` goes back")


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
