"""The command line: one small file per command, imported only when that command is asked for."""

from __future__ import annotations

import functools
import importlib
import sys
from typing import Any

import click

from photocap import __version__
from photocap.cli import console
from photocap.cli.terminal import guard_terminal
from photocap.errors import PhotocapError

# Each command is photocap/cli/commands/<name>.py with a click command named `command`. The summaries stand here so that
# `photocap --help` imports none of them; a test holds them against the commands' own help.
COMMANDS: dict[str, dict[str, str]] = {
    "Caption": {
        "index": "Caption the photos of a library and remember them.",
        "watch": "Keep captioning what is new in a library.",
        "caption": "Print a caption for each photo; write nothing.",
        "batch": "Caption millions of pictures on a Ray cluster, into Parquet files.",
        "serve": "Search, look at, correct and review the library in a web page.",
    },
    "Find": {
        "search": "Find photos by words.",
        "gallery": "Write a gallery that opens from the disk and searches in the browser.",
        "similar": "Find photos that look like this one.",
        "dupes": "List photos that are the same picture.",
    },
    "Photos and captions": {
        "show": "Show the caption inside a photo and who wrote it.",
        "explain": "Explain where the caption of a photo comes from.",
        "edit": "Put your own words on a photo.",
        "review": "Accept, edit or reject captions one by one.",
        "restore": "Take back what photocap wrote, byte for byte.",
        "export": "Write the captions of the index to a file.",
    },
    "Models": {
        "train": "Train a model on captions of your own.",
        "evaluate": "Score a model against captions by people.",
        "models": "List models, or choose the one to use.",
    },
    "Maintenance": {
        "status": "Show what the index contains.",
        "prune": "Forget photos that are gone.",
        "doctor": "Check what works on this machine.",
        "bench": "Measure how fast this machine captions, and what bounds it.",
        "config": "Show each setting and where it comes from.",
        "completion": "Print the shell code that completes commands.",
    },
}


class LazyGroup(click.Group):
    """A group whose commands are imported when used, and whose errors are one line and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names of all commands, section by section."""
        return [name for section in COMMANDS.values() for name in section]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command; None where there is no such command."""
        if cmd_name not in self.list_commands(ctx):
            return None
        found: click.Command = importlib.import_module(f"photocap.cli.commands.{cmd_name}").command
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is asked for; a mistyped one is answered with the nearest."""
        name = str(args[0])
        if name not in self.list_commands(ctx) and not name.startswith("-"):
            from photocap.query import nearest_name

            near = nearest_name(name, self.list_commands(ctx))
            ctx.fail(f"there is no command {name!r}" + (f"; did you mean: photocap {near}" if near else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the list of commands without importing any."""
        for title, commands in COMMANDS.items():
            with formatter.section(title):
                formatter.write_dl(list(commands.items()))

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; an expected error becomes one line on stderr (and an object with --json)."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            ctx.exit(console.READER_GONE)
        except (PhotocapError, OSError) as error:
            ctx.exit(console.show_error(error))

    def main(self, *args: Any, standalone_mode: bool = True, **kwargs: Any) -> Any:
        """Run the command line; see `console.exit_code_of` for the exit codes."""
        run = functools.partial(super().main, *args, standalone_mode=False, **kwargs)
        if not standalone_mode:
            return run()
        sys.exit(console.exit_code_of(run))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="photocap", message="%(prog)s %(version)s")
def group() -> None:
    """Caption a photo library, write the captions into the photos, find photos by words.

    \b
        photocap index ~/Pictures
        photocap search "dog on a beach"

    Everything happens on this machine. `photocap COMMAND --help` begins with an example.
    """


def main() -> None:
    """Run `photocap`; the console script."""
    guard_terminal()
    group.main(prog_name="photocap")
