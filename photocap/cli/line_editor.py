"""Ask for a line that begins with words to be changed."""

from __future__ import annotations

import sys

import click

try:
    import readline
except ImportError:  # Windows
    readline = None  # type: ignore[assignment]

from photocap.errors import printable


def edit_line(question: str, words: str) -> str:
    """Return a line of the user's; on a terminal `words` stand there to be edited, elsewhere an empty line means them.

    Raises:
        click.Abort: the user broke off.
    """
    if readline is None or not (sys.stdin.isatty() and sys.stdout.isatty()):
        answer: str = click.prompt(question, default=words, show_default=False)
        return answer.strip()
    readline.set_startup_hook(lambda: readline.insert_text(printable(words)))
    try:
        return input(f"{question}: ").strip()
    except (EOFError, KeyboardInterrupt):
        raise click.Abort from None
    finally:
        readline.set_startup_hook()
