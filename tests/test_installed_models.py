import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from photocap.captioning.model_files import BASE
from photocap.captioning.model_store import InstalledModels
from photocap.errors import CheckpointError


@pytest.fixture
def models(tmp_path):
    """Two models whose weights nobody reads here; `config.json` is what makes a model folder."""
    for name in ("holidays", "birds"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(
            json.dumps(
                {
                    "format": 1,
                    "name": name,
                    "weights_sha256": "0" * 64,
                    "model": {},
                    "training": {},
                    "vocabulary": ["a"],
                }
            )
        )
    return InstalledModels(tmp_path)


def test_the_base_model_is_in_use_until_another_is_chosen(tmp_path):
    models = InstalledModels(tmp_path / "none yet")
    assert models.names() == [BASE]
    assert models.current_name() == BASE
    assert models.current() is None


def test_use_and_rollback_walk_forth_and_back(models):
    assert models.names() == [BASE, "birds", "holidays"]
    models.use("holidays")
    models.use("birds")
    models.use("birds")
    assert models.current() == models.folder / "birds"
    assert models.rollback() == "holidays"
    assert models.rollback() == BASE
    assert models.rollback() == BASE
    assert models.current() is None


@pytest.mark.parametrize("name", ["cats", "../elsewhere", "", "."])
def test_a_model_that_is_not_there_cannot_be_used(models, name):
    with pytest.raises(CheckpointError, match="there is no such model"):
        models.use(name)
    assert models.current_name() == BASE


def test_a_model_that_vanished_is_an_error_with_a_way_out(models):
    models.use("birds")
    (models.folder / "birds" / "config.json").unlink()
    with pytest.raises(CheckpointError, match="photocap models list"):
        models.current()
    models.use(BASE)
    assert models.current() is None


def test_the_commands(cli, models, monkeypatch):
    monkeypatch.setattr("photocap.cli.settings.installed_models", lambda: models)
    assert cli("models", "use", "birds").exit_code == 0
    assert "birds" in cli("config").stdout
    assert "weights_sha256" in cli("models", "info", "holidays", "--all").stdout
    assert json.loads(cli("models", "info", "--json").stdout)["model_id"] == "birds@000000000000"
    assert json.loads(cli("models", "info", models.folder / "holidays", "--json").stdout)["words"] == 1
    assert "photocap-base is in use" in cli("models", "rollback").stderr
    assert cli("models", "use", "cats").exit_code == 1


def trained(folder, digest):
    folder.mkdir(parents=True)
    info = {
        "format": 1,
        "name": "mine",
        "weights_sha256": digest * 64,
        "model": {},
        "training": {},
        "vocabulary": ["a"],
    }
    (folder / "config.json").write_text(json.dumps(info))
    save_file({"decoder.bias": np.full(7, ord(digest), np.float32)}, folder / "model.safetensors")
    return folder


def test_a_trained_folder_is_copied_in_and_used(tmp_path, cli):
    folder = trained(tmp_path / "out" / "best", "a")
    assert cli("models", "use", folder).exit_code == 0
    assert cli("models", "use", folder).exit_code == 0
    assert cli("models", "use", folder, "--name", "summer").exit_code == 0
    names = [json.loads(line)["name"] for line in cli("models", "list", "--json").stdout.splitlines()]
    assert names == [BASE, "mine", "summer"]
    (folder / "config.json").unlink()
    assert json.loads(cli("models", "info", "--json").stdout)["model_id"] == "mine@aaaaaaaaaaaa"


def test_info_fits_a_screen_and_a_name_comes_before_a_folder(tmp_path, cli, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = trained(tmp_path / "mine", "a")
    assert cli("models", "use", folder).exit_code == 0
    values = json.loads((folder / "config.json").read_text())
    values["training"] = {
        "command": "photocap train captions.csv",
        "photos": {"train": 90, "dev": 30},
        "captions": {"train": 180, "dev": 60},
        "parameters": {"total": 1_234_567, "learning": 1_000},
        "frequent_words": ["a", "dog"],
        "history": [{"cider_d": 40.0}, {"cider_d": 55.5}],
        "started_from": {"command": "photocap train others.csv", "started_from": None},
    }
    values["names"] = {"rex": "Rex"}
    (folder / "config.json").write_text(json.dumps(values))
    assert "CIDEr-D" not in cli("models", "info", "mine").stdout  # the one that is installed
    shown = cli("models", "info", "./mine").stdout
    assert len(shown.splitlines()) < 20
    for part in ("7, 1,000 of them learned", "a, dog", "Rex", "CIDEr-D 55.5 on 30 photos", "2, one after"):
        assert part in shown
    assert "others.csv" not in shown
    assert "others.csv" in cli("models", "info", "./mine", "--all").stdout
    listed = cli("models", "list").stdout.splitlines()
    assert listed[0].startswith("  photocap-base")
    assert listed[1].startswith("* mine")
    assert all("MB" in line and "words" in line and "20" in line for line in listed)


def test_another_model_never_takes_the_place_of_one_that_is_there(tmp_path, cli):
    assert cli("models", "use", trained(tmp_path / "a", "a")).exit_code == 0
    result = cli("models", "use", trained(tmp_path / "b", "b"))
    assert result.exit_code == 1
    assert "--name" in result.stderr
    assert json.loads(cli("models", "info", "--json").stdout)["model_id"] == "mine@aaaaaaaaaaaa"


@pytest.mark.parametrize("name", ["../up", "", BASE, "a/b", "a.new"])
def test_some_names_are_refused(tmp_path, name):
    with pytest.raises(CheckpointError, match="cannot be its name"):
        InstalledModels(tmp_path / "models").install(trained(tmp_path / "a", "a"), name)


def test_one_broken_model_does_not_hide_the_others(models, cli, monkeypatch):
    monkeypatch.setattr("photocap.cli.settings.installed_models", lambda: models)
    (models.folder / "birds" / "config.json").write_text("{")
    result = cli("models", "list")
    assert result.exit_code == 1
    assert "birds" in result.stdout
    assert "holidays@000000000000" in result.stdout
