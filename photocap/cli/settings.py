"""Settings: a flag wins over PHOTOCAP_<NAME>, that over config.toml, that over the default."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import platformdirs

from photocap.captioning.model_store import InstalledModels
from photocap.errors import ReadError


class Source(Enum):
    """Where a setting's value comes from."""

    ENVIRONMENT = "environment"
    FILE = "config.toml"
    DEFAULT = "default"


@dataclass(frozen=True)
class Default:
    """A setting's default.

    Attributes:
        value: makes the value; None stands for "the program chooses".
        shown: the default as the help shows it.
    """

    value: Callable[[], Any]
    shown: str


@dataclass(frozen=True)
class Value:
    """A setting as it stands now."""

    name: str
    value: Any
    source: Source


def config_path() -> Path:
    """Return where the settings file is or would be."""
    return Path(os.environ.get("PHOTOCAP_CONFIG") or platformdirs.user_config_path("photocap") / "config.toml")


def data_dir() -> Path:
    """Return the folder of the index and of installed models."""
    return platformdirs.user_data_path("photocap")


def cache_dir() -> Path:
    """Return the folder of what can be made again."""
    return platformdirs.user_cache_path("photocap")


def installed_models() -> InstalledModels:
    """Return the models that this user has trained, and the choice between them."""
    return InstalledModels(data_dir() / "models")


DEFAULTS = {
    "db": Default(lambda: data_dir() / "index.db", "index.db in the user's data folder"),
    "model": Default(lambda: installed_models().current(), "the chosen model, else the base model"),
    "device": Default(lambda: "auto", "auto"),
    "engine": Default(lambda: "auto", "auto"),
    "batch_size": Default(lambda: "auto", "auto"),
    "workers": Default(lambda: "auto", "auto"),
    "beam_size": Default(lambda: None, "the model's own"),
    "neutral_people": Default(lambda: False, "no"),
    "hedge_below": Default(lambda: None, "never; 0.5 for alternative texts"),
    "metadata": Default(lambda: "embed", "embed"),
    "sidecar_dir": Default(lambda: None, "beside the photo"),
    "sidecar_name": Default(lambda: "full", "full"),
    "alt_text": Default(lambda: False, "no"),
    "keywords": Default(lambda: False, "no"),
    "also": Default(lambda: (), "nowhere"),
    "mtime": Default(lambda: "keep", "keep"),
}


def env_name(name: str) -> str:
    """Return the environment variable of a setting."""
    return f"PHOTOCAP_{name.upper()}"


def read_config_file() -> dict[str, Any]:
    """Return the settings in config.toml; empty where there is none.

    Raises:
        ReadError: the file cannot be read, or holds a setting that does not exist.
    """
    path = config_path()
    try:
        found = _parse_toml(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ReadError(path, f"not a readable settings file: {error}") from error
    for name in found:
        if name not in DEFAULTS:
            raise ReadError(path, f'there is no setting "{name}"', f"the settings are {', '.join(DEFAULTS)}")
    return {name: os.path.expanduser(value) if isinstance(value, str) else value for name, value in found.items()}


def _parse_toml(text: str) -> dict[str, Any]:
    # Imported only where there is a file: every command reads its settings.
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    found: dict[str, Any] = tomllib.loads(text)
    return found


def file_or_default(name: str) -> Any:
    """Return what config.toml says of a setting, else its default; click asks flags and environment first."""
    in_file = read_config_file()
    return in_file[name] if name in in_file else DEFAULTS[name].value()


def current() -> list[Value]:
    """Return every setting with its value and where that comes from."""
    in_file = read_config_file()

    def value_of(name: str) -> Value:
        if os.environ.get(env_name(name)):
            return Value(name, os.environ[env_name(name)], Source.ENVIRONMENT)
        if name in in_file:
            return Value(name, in_file[name], Source.FILE)
        return Value(name, DEFAULTS[name].value(), Source.DEFAULT)

    return [value_of(name) for name in DEFAULTS]
