"""The files around the package agree: what the workflow, the Makefile and the docs name exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from conftest import REPOSITORY

PROJECT = (REPOSITORY / "pyproject.toml").read_text("utf-8")
EXTRAS = set(
    re.findall(r"^([\w-]+) = \[", PROJECT.split("[project.optional-dependencies]")[1].split("\n\n")[0], re.MULTILINE)
)
MARKERS = set(re.findall(r'^    "(\w+): ', PROJECT.split("markers = [")[1], re.MULTILINE))
NAMING = [".github/workflows/ci.yml", "Makefile", "README.md", "CONTRIBUTING.md", "pyproject.toml"]
NAMING += [path.relative_to(REPOSITORY).as_posix() for path in sorted((REPOSITORY / "docs").glob("*.md"))]


@pytest.mark.parametrize("name", NAMING)
def test_extras_and_markers_that_are_named_exist(name: str) -> None:
    text = (REPOSITORY / name).read_text("utf-8")
    lists = re.findall(r"(?:photocap|[\"' ]\.)\[([a-z][\w,-]*)\]", text)
    assert {extra for extras in lists for extra in extras.split(",")} <= EXTRAS
    assert set(re.findall(r"pytest.* -m \"?(?:not )?(\w+)", text)) <= MARKERS


def test_the_workflow_tries_every_python_that_is_promised() -> None:
    workflow = (REPOSITORY / ".github" / "workflows" / "ci.yml").read_text("utf-8")
    promised = re.findall(r'"Programming Language :: Python :: (3\.\d+)"', PROJECT)
    assert re.findall(r'"(3\.\d+)"', re.search(r"python: \[(.*)\]", workflow)[1]) == promised
    assert {"ubuntu-latest", "macos-latest", "windows-latest"} <= set(re.findall(r"\w+-latest", workflow))
    assert Path(REPOSITORY, ".ci", "run").exists()
