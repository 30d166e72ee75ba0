"""The parts of the documentation that are generated from the code: `make docs` writes them, a test compares."""

from __future__ import annotations

import inspect
import re
import sqlite3
import tempfile
from collections import Counter
from contextlib import closing
from pathlib import Path

import click

from photocap.captioning.encoders import ENCODERS
from photocap.cli import COMMANDS, group
from photocap.formats.detect import FORMATS
from photocap.index import PhotoIndex
from photocap.query import COLUMNS, FIELDS

_REPOSITORY = Path(__file__).parent.parent
_CONTEXT = click.Context(group, info_name="photocap")


def commands() -> str:
    """Return a table of all commands, each with its first example."""
    lines = ["| command | what it does | for example |", "|---|---|---|"]
    for section in COMMANDS.values():
        lines += [f"| `{name}` | {summary} | `{examples(name)[0]}` |" for name, summary in section.items()]
    return "\n".join(lines)


def options() -> str:
    """Return the usage and options of every command; what several commands share comes once."""
    usages = [(title, this) for section in COMMANDS.values() for name in section for title, this in _usages(name)]
    counts = Counter(_option_line(option) for _, this in usages for option in _options_of(this))
    shared = {line for line, count in counts.items() if count >= 3}
    blocks = ["Shared by several commands:\n\n" + "\n".join(f"- {line}" for line in counts if line in shared)]
    for title, this in usages:
        arguments = " ".join([title, *(_argument(p) for p in this.params if isinstance(p, click.Argument))])
        own = [f"- {_option_line(o)}" for o in _options_of(this) if _option_line(o) not in shared]
        also = [f"`{o.opts[-1]}`" for o in _options_of(this) if _option_line(o) in shared]
        lines = [*own, *([f"- {', '.join(also)}"] if also else [])]
        blocks.append(f"**`photocap {arguments}`**" + ("\n\n" + "\n".join(lines) if lines else ""))
    return "\n\n".join(blocks)


def encoders() -> str:
    """Return a table of the encoders that a new model may have."""
    lines = ["| encoder | channels of the grid | ONNX Runtime |", "|---|---|---|"]
    lines += [f"| `{name}` | {e.channels:,} | {'yes' if e.in_onnx else 'no'} |" for name, e in ENCODERS.items()]
    return "\n".join(lines)


def views() -> str:
    """Return the columns of the views that other programs may rely on, out of a fresh index."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "index.db"
        PhotoIndex.open(path, create=True).close()
        with_columns = {view: _columns(path, view) for view in ("photos", "captions", "runs")}
    return "\n".join(f"- `{view}`: {', '.join(columns)}" for view, columns in with_columns.items())


def formats() -> str:
    """Return a table of the file formats that are recognised."""
    lines = ["| format | names end in | captions go |", "|---|---|---|"]
    for known in FORMATS:
        if known.suffixes:
            suffixes = " ".join(f"`{suffix}`" for suffix in known.suffixes)
            lines.append(f"| {known.name} | {suffixes} | {known.writer.value} |")
    return "\n".join(lines)


def source(path: str) -> str:
    """Return a file of the repository as a block of code."""
    return f"```python\n{(_REPOSITORY / path).read_text(encoding='utf-8')}```"


def fields() -> str:
    """Return a table of the fields of the search language, out of the one table that the parser reads."""
    lines = ["| field | what it asks | for example | also read |", "|---|---|---|---|"]
    for spec in FIELDS.values():
        examples = "<br>".join(f"`{example}`" for example in spec.examples)
        aliases = " ".join(f"`{alias}:`" for alias in spec.aliases)
        lines.append(f"| `{spec.name}:` | {spec.says} | {examples} | {aliases} |")
    return "\n".join(lines)


def columns() -> str:
    """Return what is searched for words without a field, in the order of its weight."""
    return ", ".join(name.replace("_", " ") for name in COLUMNS)


def examples(name: str) -> list[str]:
    """Return the examples at the head of a command's help."""
    block = re.search(r"\x08\n((?: *\S.*\n?)+)", help_of(name))
    return [line.strip() for line in block.group(1).splitlines()] if block else []


def help_of(name: str) -> str:
    """Return a command's help as its author wrote it."""
    return inspect.cleandoc(command(name).help or "")


def command(name: str) -> click.Command:
    """Import a command."""
    found = group.get_command(_CONTEXT, name)
    assert found is not None
    return found


def _usages(name: str) -> list[tuple[str, click.Command]]:
    this = command(name)
    if isinstance(this, click.Group):
        return [(f"{name} {sub}", found) for sub, found in this.commands.items()]
    return [(name, this)]


def _options_of(this: click.Command) -> list[click.Option]:
    return [p for p in this.params if isinstance(p, click.Option) and not p.hidden]


def _option_line(option: click.Option) -> str:
    # Not click's own help: its layout changes from version to version.
    names = ", ".join([*option.opts, *option.secondary_opts])
    value = "" if option.is_flag or option.count else f" {_metavar(option)}"
    return f"`{names}{value}` {option.help}"


def _argument(parameter: click.Argument) -> str:
    name = (parameter.metavar or parameter.name or "").strip("[].").upper() + ("..." if parameter.nargs == -1 else "")
    return name if parameter.required else f"[{name}]"


def _metavar(option: click.Option) -> str:
    if option.metavar:
        return option.metavar
    if isinstance(option.type, click.Choice):
        return "|".join(map(str, option.type.choices))
    numbers = {"integer": "N", "integer range": "N", "float": "X", "float range": "X"}
    return numbers.get(option.type.name, option.type.name.upper())


def _columns(path: Path, view: str) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [name for _, name, *_ in connection.execute(f"PRAGMA table_info({view})")]
