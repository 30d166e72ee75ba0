"""Refuse to build a distribution that could not caption anything: the base model must be there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_NEEDED = ("model.safetensors", "config.json", "README.md")


class BaseModelHook(BuildHookInterface[Any]):
    """Check the base model before anything is packed."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Raise where a file of the base model is missing; an editable install needs it no less."""
        folder = Path(self.root) / "models" / "photocap-base"
        missing = [name for name in _NEEDED if not (folder / name).is_file()]
        if missing:
            raise FileNotFoundError(
                f"{folder} lacks {', '.join(missing)}: a photocap without its base model cannot caption. "
                "Check the repository out completely, or train a model into that folder."
            )
