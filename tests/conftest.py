"""What all tests share: an own home, the command line, real photographs, the corpora beside the repository."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sample_photos import copy_sample_photos

REPOSITORY = Path(__file__).parent.parent


def _tests_that_need_torch() -> set[str]:
    """Return the test files that import torch, the training code, or another test file that does."""
    texts = {path.stem: path.read_text("utf-8") for path in Path(__file__).parent.glob("*.py")}
    imported = {name: re.findall(r"^(?:from|import) ([\w.]+)", text, re.MULTILINE) for name, text in texts.items()}
    needing = {"torch", "torchvision"}
    while (
        more := {
            name
            for name, modules in imported.items()
            if any(module.split(".")[0] in needing or module.startswith("photocap.training") for module in modules)
        }
        - needing
    ):
        needing |= more
    return {f"{name}.py" for name in needing if name.startswith("test_")}


if find_spec("torch") is None:  # a plain install
    collect_ignore = sorted(_tests_that_need_torch())


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give every test a home of its own, so that none can touch the index, settings or models of whoever runs it."""
    home = tmp_path_factory.mktemp("home")
    for name in [n for n in os.environ if n.startswith(("PHOTOCAP_", "XDG_"))]:
        monkeypatch.delenv(name)
    for name, folder in {"HOME": "", "USERPROFILE": "", "LOCALAPPDATA": "local", "APPDATA": "roaming"}.items():
        monkeypatch.setenv(name, str(home / folder))
    return home


@pytest.fixture
def cli() -> Callable[..., Result]:
    """Run a command inside this process: cli("search", "dog") -> click's Result."""
    from photocap.cli import group

    def run(*arguments: Any, **kwargs: Any) -> Result:
        return CliRunner().invoke(group, [os.fspath(a) if isinstance(a, Path) else str(a) for a in arguments], **kwargs)

    return run


@pytest.fixture
def process() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a command as a process of its own, as a user would: process("search", "dog") -> CompletedProcess."""

    def run(*arguments: Any, **kwargs: Any) -> subprocess.CompletedProcess[str]:
        options = {"capture_output": True, "text": True, "timeout": 120, "check": False} | kwargs
        return subprocess.run([sys.executable, "-m", "photocap", *map(str, arguments)], **options)

    return run


@pytest.fixture
def sample_photos(tmp_path: Path) -> list[Path]:
    """Return copies of real photographs: a cat, an astronaut, a cup of coffee, a rocket, a temple, a flower ..."""
    copies = copy_sample_photos(tmp_path / "photos")
    assert len(copies) >= 5, "install the extra `test`: its packages carry the photographs"
    return copies


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of drawings and their captions: twelve of each colour to learn from, one to check."""
    from toy_training import write_corpus  # here, since it needs torch

    folder = tmp_path_factory.mktemp("corpus")
    write_corpus(folder)
    return folder


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the weights of a ResNet-18 as a new model starts from them."""
    from toy_training import write_weights  # here, since it needs torch

    path = tmp_path_factory.mktemp("weights") / "resnet18.safetensors"
    write_weights(path)
    return path


@pytest.fixture
def shared() -> Path:
    """Return the folder of corpora beside the repository; skip where there is none."""
    folder = REPOSITORY.parent / "shared"
    if not folder.is_dir():
        pytest.skip("the corpora in ../shared are not here")
    return folder
