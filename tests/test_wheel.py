"""The built wheel works with the source tree out of reach, and the base model is inside."""

import os
import shutil
import subprocess
import sys
import zipfile

import pytest
from conftest import REPOSITORY

pytestmark = pytest.mark.slow  # packs and unpacks the weights


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, REPOSITORY)
    return next(folder.glob("photocap-*.whl"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """Return a run of code with the wheel alone: an own folder first on the path, working somewhere else."""
    folder = tmp_path_factory.mktemp("installed")
    pip("install", "--no-deps", "--no-index", "--target", folder, wheel)

    def run(*command):
        environment = {**os.environ, "PYTHONPATH": str(folder)}
        return subprocess.run(
            [sys.executable, *command], cwd=folder.parent, env=environment, capture_output=True, text=True, timeout=300
        )

    return folder, run


def pip(*arguments):
    command = [sys.executable, "-m", "pip", *map(str, arguments), "--quiet", "--disable-pip-version-check"]
    subprocess.run(command, check=True, capture_output=True, text=True, timeout=600)


def test_the_wheel_holds_the_package_the_model_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.split("/")[0].split("-")[0] for name in names} == {"photocap"}
    assert {
        f"photocap/_models/photocap-base/{name}" for name in ("model.safetensors", "config.json", "README.md")
    } <= set(names)
    assert {"photocap/web/templates/base.html", "photocap/web/static/htmx.min.js"} <= set(names)
    assert any(name.endswith("/licenses/LICENSE") for name in names)
    assert any(name.endswith("/licenses/models/LICENSE") for name in names)
    assert wheel.stat().st_size < 100_000_000


def test_it_runs_from_where_it_was_installed(installed):
    folder, run = installed
    done = run(
        "-c",
        "import photocap; from photocap.captioning.model_files import base_model_dir; "
        "print(photocap.__file__); print(base_model_dir())",
    )
    assert done.returncode == 0, done.stderr
    assert all(line.startswith(str(folder)) for line in done.stdout.splitlines())


def test_it_captions_indexes_and_finds(installed, sample_photos, tmp_path):
    _, run = installed
    index = str(tmp_path / "index.db")
    done = run("-m", "photocap", "index", str(sample_photos[0]), "--db", index, "--metadata", "none")
    assert done.returncode == 0, done.stderr
    found = run("-m", "photocap", "search", "cat", "--db", index)
    assert str(sample_photos[0]) in found.stdout


def test_a_tree_without_the_base_model_builds_no_wheel(tmp_path):
    tree = tmp_path / "tree"
    shutil.copytree(REPOSITORY / "photocap", tree / "photocap", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, tree)
    (tree / "models").mkdir()
    shutil.copy(REPOSITORY / "models" / "LICENSE", tree / "models")
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", tmp_path, tree]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode != 0
    assert "photocap without its base model cannot caption" in done.stdout + done.stderr
