"""The screen: results on stdout, everything else on stderr, and what an error looks like."""

from __future__ import annotations

import contextlib
import errno
import functools
import json
import os
import re
import sys
from collections.abc import Callable, Mapping
from enum import Enum
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TextIO

import click

from photocap.cli.terminal import unguarded, visible
from photocap.errors import PhotocapError, printable
from photocap.system.named_errors import naming

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

_CONTROLS_OF_JSON = re.compile(r"[\x7f-\x9f]")  # JSON itself asks only for escapes of those below 0x20
_STDOUT = "standard output"
COULD_NOT_RUN = 1
NOTHING_FOUND = 4
INTERRUPTED = 130
READER_GONE = 141  # what a shell reports for a program that SIGPIPE ended

# Where --json and --quiet are remembered: click's own dictionary, shared by a context and its children.
JSON_KEY = "photocap.json"
QUIET_KEY = "photocap.quiet"


@functools.cache
def stdout() -> Console:
    """Return the console for results: no markup, so that "[1]" in a name stays as it is."""
    return _screen(stderr=False)


@functools.cache
def stderr() -> Console:
    """Return the console for everything that is not a result."""
    return _screen(stderr=True)


def _screen(*, stderr: bool) -> Console:
    """Return a console for what is stdout or stderr at the time, behind its guard."""
    from rich.console import Console

    class Screen(Console):
        @property
        def file(self) -> IO[str]:
            return unguarded(super().file)

        @file.setter
        def file(self, new_file: IO[str]) -> None:
            self._file = new_file

    return Screen(stderr=stderr, markup=False, highlight=False, emoji=False)


def _remembered(key: str) -> bool:
    context = click.get_current_context(silent=True)
    return bool(context and context.meta.get(key))


def show(text: str) -> None:
    """Print one result on stdout; above the progress bar where there is one, which click.echo would write into."""
    with naming(_STDOUT):
        print(visible(text) if _is_terminal() else text, flush=True)  # noqa: T201


def count(number: int, what: str) -> str:
    """Return "1 photo", "2 photos", "1,000 photos"."""
    return f"{number:,} {what}" + ("" if number == 1 else "s")


def note(text: str) -> None:
    """Print one line on stderr, unless --quiet."""
    if not _remembered(QUIET_KEY):
        warn(text)


def warn(text: str) -> None:
    """Print one line on stderr, also with --quiet; control characters, which may come from a file, are shown."""
    print(visible(text), file=sys.stderr, flush=True)  # noqa: T201


def _is_terminal() -> bool:
    # While a bar is shown, rich puts its own file in the place of stdout; older versions of it say it is no terminal.
    real: TextIO = getattr(sys.stdout, "rich_proxied_file", sys.stdout)
    return real.isatty()


def emit_json(record: Mapping[str, Any]) -> None:
    """Print one JSON object on one line of stdout; names that are not UTF-8 come as escaped surrogates."""
    line = _CONTROLS_OF_JSON.sub(_escape, json.dumps(record, ensure_ascii=False, default=_plain))
    if not line.isascii() and any("\ud800" <= c <= "\udfff" for c in line):
        line = json.dumps(record, default=_plain)
    if _is_terminal():
        show(line)
    else:
        _write(line.encode() + b"\n")


def _escape(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def _plain(value: object) -> object:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Enum):
        return value.value
    raise TypeError(f"{type(value).__name__} has no place in JSON output")


def emit_path(path: Path, *, end_with_null: bool = False) -> None:
    """Print one path on stdout: its own bytes in a pipe, one safe line on a terminal."""
    if _is_terminal():
        show(printable(path))
    else:
        _write(os.fsencode(path) + (b"\0" if end_with_null else b"\n"))


def emit_text(text: str) -> None:
    """Print a whole text on stdout: its own bytes in a pipe, safe on a terminal."""
    if _is_terminal():
        show(text.removesuffix("\n"))
    else:
        _write(os.fsencode(text))


def _write(data: bytes) -> None:
    with naming(_STDOUT):
        click.echo(data, nl=False)


def progress(*, unit: str = "photos") -> Progress:
    """Return a progress bar on stderr with count, rate and time left; silent off a terminal and with --quiet.

    Use it as a context manager and add a task to it; `total=None` while the number is not known.
    """
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class RateColumn(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:,.1f} {unit}/s" if task.speed else "")

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        RateColumn(),
        TimeRemainingColumn(),
        console=stderr(),
        disable=not stderr().is_terminal or _remembered(QUIET_KEY),
        transient=True,
        redirect_stdout=sys.stdout.isatty(),  # results that go into a pipe must not end up on the terminal
    )


def show_error(error: PhotocapError | OSError) -> int:
    """Print an error as one line on stderr, with --json also as an object on stdout; return its exit code."""
    text = str(error) if isinstance(error, PhotocapError) else _os_error_text(error)
    exit_code = error.exit_code if isinstance(error, PhotocapError) else COULD_NOT_RUN
    warn(f"photocap: {text}")
    if _remembered(JSON_KEY):
        with contextlib.suppress(OSError):  # the output itself may be what is wrong
            emit_json({"error": text, "exit_code": exit_code})
    return exit_code


def _os_error_text(error: OSError) -> str:
    reason = error.strerror or str(error)
    if error.errno == errno.ENOSPC and error.filename is None:
        return f"{reason}, for the output or in the folder of temporary files"
    return f"{printable(error.filename)}: {reason}" if isinstance(error.filename, (str, Path)) else reason


def exit_code_of(run: Callable[[], Any]) -> int:
    """Run the command line and return its exit code.

    0 ok, 1 could not run, 2 wrong usage, 3 some photos failed, 4 a search found nothing, 5 index busy,
    130 interrupted, 141 the reader of a pipe is gone. A command asks for a code with `ctx.exit(code)`; without
    standalone mode, click returns it.
    """
    try:
        code = run()
        return _flushed(code if isinstance(code, int) else 0)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        warn("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        _let_go_of_stdout()
        return READER_GONE


def _flushed(code: int) -> int:
    """Write what is left for stdout and return the exit code; a full disk below it is said, unless an error was."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        _let_go_of_stdout()
        error.filename = _STDOUT
        return code or show_error(error)
    return code


def _let_go_of_stdout() -> None:
    """Let what Python writes to stdout once more at exit go nowhere instead of into a traceback."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
