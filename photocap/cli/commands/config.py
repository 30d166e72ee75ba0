"""`photocap config`: each setting and where it comes from."""

from __future__ import annotations

import click

from photocap.cli import console, options, settings


@click.command("config")
@options.json_option
def command(as_json: bool) -> None:
    """Show each setting and where it comes from.

    \b
        photocap config
        PHOTOCAP_DEVICE=cpu photocap config

    A flag wins over the environment (PHOTOCAP_DB, ...), that over config.toml, that over the default. config.toml
    holds lines such as `metadata = "sidecar"`; the first line printed says where it is.
    """
    file = settings.config_path()
    if as_json:
        console.emit_json({"config_file": file, "exists": file.is_file()})
    else:
        click.echo(f"{file}{'' if file.is_file() else ' (does not exist)'}")
    for setting in settings.current():
        shown = setting.value if setting.value is not None else settings.DEFAULTS[setting.name].shown
        if as_json:
            console.emit_json({"name": setting.name, "value": setting.value, "source": setting.source.value})
        else:
            click.echo(f"{setting.name:<15}{shown}  [{setting.source.value}]")
