"""`photocap doctor`: what works on this machine."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import click

from photocap import __version__
from photocap.cli import console, options, settings
from photocap.errors import IndexNotFound, PhotocapError


@dataclass(frozen=True)
class Finding:
    """One line of the diagnosis.

    Attributes:
        subject: what was looked at.
        ok: it works; None where it is missing and photocap can do without.
        text: what was found.
    """

    subject: str
    ok: bool | None
    text: str


@click.command("doctor")
@options.db_option
@options.model_option
@options.device_option
@options.json_option
@click.pass_context
def command(ctx: click.Context, db: Path, model: Path | None, device: str, as_json: bool) -> None:
    """Check what works on this machine.

    \b
        photocap doctor

    Tells which device the network runs on and why, which photos can be read, and whether model and index are sound.
    Changes nothing. The exit code is 1 where something needed does not work.
    """
    sound = True
    for finding in _findings(db, model, device):
        sound = sound and finding.ok is not False
        if as_json:
            console.emit_json({"subject": finding.subject, "ok": finding.ok, "text": finding.text})
        else:
            mark = {True: "ok  ", None: "-   ", False: "FAIL"}[finding.ok]
            click.echo(f"{mark} {finding.subject:<12} {finding.text}")
    ctx.exit(0 if sound else console.COULD_NOT_RUN)


def _findings(db: Path, model: Path | None, device: str) -> Iterator[Finding]:
    yield Finding("photocap", True, f"{__version__}, Python {platform.python_version()}, {sys.platform}")
    yield _attempt("device", lambda: _device(device))
    yield _attempt("model", lambda: _model(model))
    yield _sqlite()
    yield _index(db)
    yield from _formats()
    yield _exiftool()
    yield _attempt("settings", _settings_file)


def _attempt(subject: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(subject, True, look())
    except (PhotocapError, OSError, ImportError) as error:
        return Finding(subject, False, str(error))


def _device(wanted: str) -> str:
    from photocap.captioning.device import choose_batch_size, choose_device, cpu_threads

    engine = choose_device(wanted)
    return (
        f"{engine.device} ({engine.reason}), {str(engine.dtype).removeprefix('torch.')}, "
        f"{choose_batch_size(engine)} photos a batch, {cpu_threads()} processors, "
        f"torch {version('torch')}, torchvision {version('torchvision')}"
    )


def _model(folder: Path | None) -> str:
    from photocap.captioning.checkpoint import load_checkpoint
    from photocap.captioning.model_files import base_model_dir

    info = load_checkpoint(folder or base_model_dir()).info
    return f"{info.model_id}, {len(info.words):,} words, weights as they were made ({info.directory})"


def _sqlite() -> Finding:
    from photocap.index.health import SQLITE_VERSION, has_full_text_search

    if has_full_text_search():
        return Finding("SQLite", True, f"{SQLITE_VERSION} with full-text search")
    return Finding(
        "SQLite", False, f"{SQLITE_VERSION} lacks FTS5 with trigrams; use a Python with SQLite 3.34 or later"
    )


def _index(db: Path) -> Finding:
    from photocap.index.health import check_index

    try:
        check_index(db)
    except IndexNotFound as error:
        return Finding("index", None, str(error))
    except PhotocapError as error:
        return Finding("index", False, str(error))
    return Finding("index", True, f"sound ({db})")


def _formats() -> Iterator[Finding]:
    from photocap.photos.support import readable_formats

    for name, reader in readable_formats().items():
        yield Finding(name, True if reader else None, reader or "cannot be read here")


def _exiftool() -> Finding:
    program = shutil.which("exiftool")
    if program is None:
        return Finding("ExifTool", None, "not found; HEIC, AVIF and JPEG XL get a sidecar")
    found = subprocess.run([program, "-ver"], capture_output=True, text=True, timeout=30, check=False)
    return Finding("ExifTool", found.returncode == 0, f"{found.stdout.strip()} ({program})")


def _settings_file() -> str:
    settings.read_config_file()
    path = settings.config_path()
    return f"{path}{'' if path.exists() else ' (none; defaults hold)'}"
