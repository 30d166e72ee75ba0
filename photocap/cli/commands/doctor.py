"""`photocap doctor`: what works on this machine."""

from __future__ import annotations

import functools
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from photocap import __version__
from photocap.cli import console, options, settings
from photocap.errors import IndexNotFound, PhotocapError

if TYPE_CHECKING:
    from photocap.records import CaptionerProtocol


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
    captioner = functools.cache(lambda: _load(model, device))
    yield Finding("photocap", True, f"{__version__}, Python {platform.python_version()}, {sys.platform}")
    yield _attempt("engine", lambda: _engine(captioner()))
    yield _torch(device)
    yield _attempt("model", lambda: _model(model, captioner))
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


def _load(model: Path | None, device: str) -> CaptionerProtocol:
    from photocap.captioning.registry import load_captioner

    return load_captioner(model, device=device)


def _engine(captioner: CaptionerProtocol) -> str:
    from photocap.captioning.processors import cpu_threads
    from photocap.records import DescribedCaptioner

    runs_on = captioner.runs_on if isinstance(captioner, DescribedCaptioner) else type(captioner).__module__
    return f"{runs_on}, {captioner.batch_size} photos a batch, {cpu_threads()} processors"


def _torch(device: str) -> Finding:
    """Look at PyTorch, which a plain install does without."""
    from photocap.captioning.torch_packages import INSTALL, check_torch, has_torch

    if not has_torch():
        return Finding("torch", None, f"not installed; training and GPUs need it ({INSTALL})")

    def look() -> str:
        versions = check_torch()
        from photocap.captioning.device import choose_device

        chosen = choose_device(device)
        return f"{versions}, {chosen.device} ({chosen.reason})"

    return _attempt("torch", look)


def _model(folder: Path | None, load: Callable[[], CaptionerProtocol]) -> str:
    from photocap.captioning.registry import read_facts

    facts = read_facts(folder)
    load()  # which checks the weights
    about = f"{facts.model_id}, {facts.kind}, {facts.summary}".removesuffix(", ")
    return f"{about}, weights as they were made ({facts.directory})"


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
