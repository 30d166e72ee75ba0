"""The models that `photocap train` and `photocap models use` installed, and which one is in use."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from photocap.captioning.model_files import BASE, CONFIG, base_model_dir
from photocap.captioning.registry import read_facts
from photocap.errors import CheckpointError

_CHOICES = "chosen"


@dataclass(frozen=True)
class InstalledModels:
    """A folder with one folder per model and the text file `chosen`: one name per line, the last one in use.

    Attributes:
        folder: the folder; it need not exist.
    """

    folder: Path

    def names(self) -> list[str]:
        """Return the names of all models, the base model first."""
        return [BASE, *sorted(p.parent.name for p in self.folder.glob(f"*/{CONFIG}") if p.parent.suffix != ".new")]

    def path_of(self, name: str) -> Path:
        """Return the folder of one model.

        Raises:
            CheckpointError: there is no model of this name.
        """
        if name not in self.names():
            raise CheckpointError(self.folder / name, "there is no such model", "`photocap models list` names them")
        return base_model_dir() if name == BASE else self.folder / name

    def current_name(self) -> str:
        """Return the name of the model in use."""
        return self._choices()[-1]

    def current(self) -> Path | None:
        """Return the folder of the model in use; None while that is the base model.

        Raises:
            CheckpointError: the model in use is gone.
        """
        name = self.current_name()
        return None if name == BASE else self.path_of(name)

    def free_name(self, wanted: str, folder: Path) -> str:
        """Return `wanted` as a name under which this model can be installed, with a number where it is taken."""
        stem = re.sub(r"[^\w-]+", "-", wanted).strip("-") or "model"
        weights_sha256 = read_facts(folder).weights_sha256
        names = (stem if number == 1 else f"{stem}-{number}" for number in count(1))
        return next(
            name
            for name in names
            if name not in self.names()
            or (name != BASE and read_facts(self.folder / name).weights_sha256 == weights_sha256)
        )

    def install(self, folder: Path, name: str) -> None:
        """Copy a trained model in, whole or not at all; the same model again changes nothing.

        Raises:
            CheckpointError: the folder holds no model, or the name is taken by another one or cannot be one.
        """
        facts = read_facts(folder)
        if not re.fullmatch(r"[\w-]+", name) or name == BASE:
            raise CheckpointError(folder, f'"{name}" cannot be its name', "use letters, digits, - and _")
        if name in self.names():
            if read_facts(self.folder / name).weights_sha256 == facts.weights_sha256:
                return
            raise CheckpointError(folder, f'another model is called "{name}"', "choose another --name")
        new = self.folder / f"{name}.new"
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(parents=True)
        for file in facts.files:
            (new / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / file, new / file)
        new.rename(self.folder / name)

    def use(self, name: str) -> None:
        """Put a model to use.

        Raises:
            CheckpointError: there is no model of this name.
        """
        if name != BASE:
            self.path_of(name)
        choices = self._choices()
        if choices[-1] != name:
            self._write([*choices, name])

    def rollback(self) -> str:
        """Go back to the model in use before; return its name."""
        choices = self._choices()
        self._write(choices[:-1] if len(choices) > 1 else choices)
        return self.current_name()

    def _choices(self) -> list[str]:
        """Return the models used so far, oldest first; the base model was the first of all."""
        try:
            return [BASE, *(self.folder / _CHOICES).read_text(encoding="utf-8").split()]
        except FileNotFoundError:
            return [BASE]

    def _write(self, choices: list[str]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        new = self.folder / f"{_CHOICES}.new"
        new.write_text("".join(f"{name}\n" for name in choices[1:]), encoding="utf-8")
        os.replace(new, self.folder / _CHOICES)
