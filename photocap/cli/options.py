"""Options that several commands share; each also reads PHOTOCAP_<NAME> and config.toml (see `settings`)."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, TypeVar

import click

from photocap.cli import console, settings

F = TypeVar("F", bound=Callable[..., Any])


def _remember(key: str) -> Callable[[click.Context, click.Parameter, bool], bool]:
    def callback(ctx: click.Context, _param: click.Parameter, value: bool) -> bool:
        if value:  # another option may have said so already
            ctx.meta[key] = True
        return value

    return callback


def json_option(function: F) -> F:
    """Add `--json` as `as_json: bool`; errors become objects too."""
    return click.option(
        "--json",
        "as_json",
        is_flag=True,
        callback=_remember(console.JSON_KEY),
        is_eager=True,
        help="Print JSON, one object per line.",
    )(function)


def json_progress_option(function: F) -> F:
    """Add `--json-progress` as `json_progress: bool`."""
    return click.option(
        "--json-progress",
        is_flag=True,
        callback=_remember(console.JSON_KEY),
        is_eager=True,
        help="Print JSON, with records of progress in between and one of the summary at the end.",
    )(function)


def quiet_option(function: F) -> F:
    """Add `-q/--quiet` as `quiet: bool`; `console.note` and `console.progress` obey it by themselves."""
    return click.option(
        "-q",
        "--quiet",
        is_flag=True,
        callback=_remember(console.QUIET_KEY),
        is_eager=True,
        help="No progress and no summary; results and errors only.",
    )(function)


def null_option(function: F) -> F:
    """Add `-0/--null` as `end_with_null: bool`: file names end with a NUL byte, for `xargs -0`."""
    return click.option("-0", "--null", "end_with_null", is_flag=True, help="End file names with NUL, for xargs -0.")(
        function
    )


def files_from_option(function: F) -> F:
    """Add `--files-from` as `listed: tuple[Path, ...]`."""
    return click.option(
        "--files-from",
        "listed",
        type=click.File("rb"),
        callback=_read_list,
        help="Also take the paths that this file lists, one a line or each ended by NUL; - is the standard input.",
    )(function)


def _read_list(_ctx: click.Context, _param: click.Parameter, value: IO[bytes] | None) -> tuple[Path, ...]:
    data = value.read() if value else b""
    lines = data.split(b"\0") if b"\0" in data else [line.removesuffix(b"\r") for line in data.split(b"\n")]
    return tuple(Path(os.fsdecode(line)) for line in lines if line)


def _setting(name: str, *declarations: str, type_: Any, help_: str) -> Callable[[F], F]:
    return click.option(
        *(declarations or (f"--{name.replace('_', '-')}",)),
        name,
        type=type_,
        envvar=settings.env_name(name),
        default=lambda: settings.file_or_default(name),
        show_default=settings.DEFAULTS[name].shown,
        help=help_,
    )


class AutoOr(click.ParamType):  # type: ignore[type-arg]  # generic only in newer versions of click
    """The word "auto", or a whole number of at least 1."""

    name = "auto|n"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        """Return "auto" or the number."""
        if str(value) == "auto":
            return "auto"
        number: int = click.IntRange(min=1).convert(value, param, ctx)
        return number


class PlaceNames(click.ParamType):  # type: ignore[type-arg]  # generic only in newer versions of click
    """Names of places, separated by commas; "none" is no place."""

    name = "place,..."
    _KNOWN = ("xpcomment", "iptc")

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """Return the names."""
        names = [name.strip() for name in value.split(",")] if isinstance(value, str) else list(value)
        for name in names:
            if name not in (*self._KNOWN, "none", ""):
                self.fail(f'"{name}" is none of {", ".join(self._KNOWN)}.', param, ctx)
        return tuple(name for name in names if name in self._KNOWN)


class CaptionsPath(click.Path):
    """A caption file or folder that exists; what looks like a name on the Hugging Face Hub gets a hint."""

    def __init__(self) -> None:
        super().__init__(exists=True, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path."""
        name = str(value)
        if re.fullmatch(r"[\w.-]+/[\w.-]+", name) and not os.path.exists(name):
            folder = name.split("/")[1]
            self.fail(
                f"{name} does not exist. Nothing is downloaded by photocap; if it is a data set on the Hugging Face "
                f"Hub, save it, then give the folder {folder}:\n"
                f"  python -c \"from datasets import load_dataset; load_dataset('{name}').save_to_disk('{folder}')\"",
                param,
                ctx,
            )
        return super().convert(value, param, ctx)


ENGINES = ("auto", "onnx", "onnx-int8", "onnx-float32", "torch", "torch-float32")

db_option = _setting("db", type_=click.Path(dir_okay=False, path_type=Path), help_="The index, an SQLite file.")
model_option = _setting(
    "model",
    type_=click.Path(file_okay=False, path_type=Path),
    help_="The folder of the model.",
)
device_option = _setting("device", type_=click.Choice(["auto", "cpu", "cuda", "mps"]), help_="Where the network runs.")
engine_option = _setting(
    "engine",
    type_=click.Choice(ENGINES),
    help_="What runs the network: ONNX Runtime (on a CPU the faster one) or PyTorch (GPUs).",
)
batch_size_option = _setting("batch_size", type_=AutoOr(), help_="Photos that go through the network together.")
workers_option = _setting("workers", type_=AutoOr(), help_="Photos that are decoded at the same time.")


def _allow_pixels(_ctx: click.Context, _param: click.Parameter, value: int | None) -> None:
    if value is not None:
        from photocap.photos.decode_memory import allow_pixels

        allow_pixels(value)


max_pixels_option = click.option(
    "--max-pixels",
    type=click.IntRange(min=1),
    callback=_allow_pixels,
    expose_value=False,
    show_default="80000000",
    help="The largest picture to decode; a baseline JPEG is scaled on the way and may be larger.",
)
beam_size_option = _setting("beam_size", type_=click.IntRange(min=1), help_="Beam width.")
neutral_people_option = _setting(
    "neutral_people",
    "--neutral-people/--no-neutral-people",
    type_=bool,
    help_="Call people person, child, they; say nothing of sex, race or build.",
)
hedge_below_option = _setting(
    "hedge_below",
    type_=click.FloatRange(0, 1),
    help_='Captions, and alternative texts, with a confidence below this begin with "Perhaps".',
)
metadata_option = _setting(
    "metadata",
    type_=click.Choice(["embed", "sidecar", "none"]),
    help_="Where captions are written: into the photo, beside it, or only into the index.",
)
sidecar_dir_option = _setting(
    "sidecar_dir",
    type_=click.Path(file_okay=False, path_type=Path),
    help_="The folder of all sidecars, where they stand not beside the photos.",
)
sidecar_name_option = _setting(
    "sidecar_name",
    type_=click.Choice(["full", "adobe"]),
    help_="How new sidecars are named: IMG.JPG.xmp, or IMG.xmp as Adobe's programs read it.",
)
alt_text_option = _setting(
    "alt_text",
    "--alt-text/--no-alt-text",
    type_=bool,
    help_="Also write the text that screen readers speak, and of photos that have a caption already.",
)
keywords_option = _setting(
    "keywords",
    "--keywords/--no-keywords",
    type_=bool,
    help_="Also add what the model recognises to the photo's keywords.",
)
also_option = _setting(
    "also",
    type_=PlaceNames(),
    help_="Also write captions where some programs look for them: xpcomment, iptc, or both, with a comma.",
)
mtime_option = _setting(
    "mtime",
    type_=click.Choice(["keep", "touch"]),
    help_="Whether a photo keeps its modification time when its caption is written.",
)
