import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from photocap.cli import LazyGroup, console, options
from photocap.errors import IndexBusy, ReadError


def run(body, *arguments):
    """Run a one-command line whose command does `body`."""

    @click.group(cls=LazyGroup)
    def group():
        pass

    @click.command()
    @options.json_option
    @options.quiet_option
    def probe(**_options):
        body()

    group.get_command = lambda _ctx, _name: probe
    group.list_commands = lambda _ctx: ["probe"]
    return CliRunner().invoke(group, ["probe", *arguments])


FULL = "No space left on device"


def failing(error):
    def body():
        raise error

    return body


@pytest.mark.parametrize(
    ("error", "exit_code", "text"),
    [
        (ReadError("a.jpg", "it is empty", "copy it again"), 1, "photocap: a.jpg: it is empty (copy it again)\n"),
        (IndexBusy("i.db", "another writes"), 5, "photocap: i.db: another writes\n"),
        (FileNotFoundError(2, "No such file or directory", "b.jpg"), 1, "photocap: b.jpg: No such file or directory\n"),
        (OSError(28, FULL), 1, f"photocap: {FULL}, for the output or in the folder of temporary files\n"),
        (OSError(28, FULL, "b.jpg"), 1, f"photocap: b.jpg: {FULL}\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (click.UsageError("no"), 2, None),
    ],
)
def test_an_expected_error_is_one_line_and_an_exit_code(error, exit_code, text):
    result = run(failing(error))
    assert result.exit_code == exit_code
    assert result.stdout == ""
    assert text is None or result.stderr.strip() == text.strip()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no such device here")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("command", [["config", "--json"], ["completion", "bash"]])
def test_a_full_disk_below_the_output_is_said(process, command, unbuffered):
    environment = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    with open("/dev/full", "wb") as full:
        done = process(*command, stdout=full, capture_output=False, stderr=subprocess.PIPE, env=environment)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("photocap: ")
    assert FULL in line
    assert "output" in line


def test_with_json_an_error_is_an_object_too():
    result = run(failing(IndexBusy("i.db", "another writes")), "--json")
    assert json.loads(result.stdout) == {"error": "i.db: another writes", "exit_code": 5}


def test_a_programming_error_is_not_hidden():
    result = run(failing(ZeroDivisionError()))
    assert isinstance(result.exception, ZeroDivisionError)


def test_a_command_gives_its_exit_code_through_the_context():
    assert run(lambda: click.get_current_context().exit(3)).exit_code == 3
    assert run(lambda: None).exit_code == 0


def test_quiet_silences_notes_but_not_warnings():
    def body():
        console.note("12 captioned")
        console.warn("a.jpg is broken")

    assert run(body).stderr == "12 captioned\na.jpg is broken\n"
    assert run(body, "--quiet").stderr == "a.jpg is broken\n"


@pytest.mark.parametrize("name", ["plain.jpg", "Straße 📷.jpg", "new\nline.jpg", "latin\udce9.jpg"])
def test_json_and_null_ended_paths_keep_every_name(name):
    as_json = run(lambda: console.emit_json({"path": Path(name)})).stdout
    assert as_json.count("\n") == 1
    assert json.loads(as_json) == {"path": name}
    ended = run(lambda: console.emit_path(Path(name), end_with_null=True)).stdout_bytes
    assert ended == os.fsencode(name) + b"\0"


def test_progress_is_silent_in_a_pipe():
    def body():
        with console.progress() as bar:
            bar.advance(bar.add_task("captioning", total=2))

    result = run(body)
    assert (result.exit_code, result.output) == (0, "")


def on_a_terminal(code, **kwargs):
    """Run code whose stderr is a terminal; return what was shown there, line ends plain, and the finished process."""
    ours, theirs = os.openpty()
    lines = "from photocap.cli import console\nwith console.progress() as bar:\n    task = bar.add_task('captioning')\n"
    done = subprocess.run(
        [sys.executable, "-c", lines + textwrap.indent(code, "    ")],
        stderr=theirs,
        **{"stdout": theirs, "timeout": 60, "check": True} | kwargs,
    )
    os.close(theirs)
    shown = os.read(ours, 65536).decode().replace("\r\n", "\n")
    os.close(ours)
    return shown, done


needs_terminal = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")


@needs_terminal
def test_results_go_into_a_pipe_also_while_a_bar_is_shown_on_the_terminal():
    shown, done = on_a_terminal("console.show('a result')\nconsole.warn('a warning')", stdout=subprocess.PIPE)
    assert done.stdout == b"a result\n"
    assert "captioning" in shown
    assert "a warning" in shown


@needs_terminal
def test_results_and_warnings_stand_on_lines_of_their_own_above_the_bar():
    shown, _ = on_a_terminal(
        "bar.refresh()\nconsole.show('a result')\nbar.refresh()\nconsole.emit_json({'a': 1})\nbar.refresh()\n"
        "console.warn('a warning')"
    )
    for line in ("a result", '{"a": 1}', "a warning"):
        assert f"\x1b[2K{line}\n" in shown  # the bar's line is erased, then the text takes its place


def test_markup_in_a_file_name_stays_as_it_is():
    assert run(lambda: console.stdout().print("[red]a[1].jpg")).stdout == "[red]a[1].jpg\n"
