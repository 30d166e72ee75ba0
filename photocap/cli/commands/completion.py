"""`photocap completion`: code for the shell, so that Tab completes commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the shell code that completes commands.

    \b
        photocap completion bash >> ~/.bashrc
        photocap completion zsh >> ~/.zshrc
        photocap completion fish > ~/.config/fish/completions/photocap.fish
    """
    completion_class = get_completion_class(shell)
    assert completion_class is not None  # click.Choice admits only shells that click knows
    click.echo(completion_class(ctx.find_root().command, {}, "photocap", "_PHOTOCAP_COMPLETE").source())
