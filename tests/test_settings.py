import json

import pytest

from photocap.cli import settings
from photocap.errors import ReadError


@pytest.fixture
def config_file(own_home):
    path = settings.config_path()
    path.parent.mkdir(parents=True)
    assert own_home in path.parents
    return path


def value_of(name):
    return next(value for value in settings.current() if value.name == name)


def test_defaults_hold_where_nothing_is_said(own_home):
    assert value_of("device").value == "auto"
    assert value_of("db").value.name == "index.db"
    assert own_home in value_of("db").value.parents
    assert {value.source for value in settings.current()} == {settings.Source.DEFAULT}


def test_the_environment_wins_over_the_file_and_the_file_over_the_default(config_file, monkeypatch):
    config_file.write_text('device = "cuda"\nmetadata = "sidecar"\n')
    monkeypatch.setenv("PHOTOCAP_DEVICE", "cpu")
    assert (value_of("device").value, value_of("device").source) == ("cpu", settings.Source.ENVIRONMENT)
    assert (value_of("metadata").value, value_of("metadata").source) == ("sidecar", settings.Source.FILE)


def test_a_flag_wins_over_everything(config_file, monkeypatch):
    import click

    from photocap.cli import options

    config_file.write_text("batch_size = 4\n")
    seen = []

    @click.command()
    @options.batch_size_option
    @options.device_option
    def show(batch_size, device):
        seen.append((batch_size, device))

    monkeypatch.setenv("PHOTOCAP_DEVICE", "cpu")
    show.main(["--device", "mps"], standalone_mode=False)
    show.main(["--batch-size", "auto"], standalone_mode=False)
    assert seen == [(4, "mps"), ("auto", "cpu")]


def test_a_tilde_in_the_file_is_the_home_folder(config_file, own_home):
    config_file.write_text('db = "~/photos.db"\n')
    assert value_of("db").value == str(own_home / "photos.db")


def test_an_unknown_setting_names_the_file_and_the_settings_there_are(config_file, cli):
    config_file.write_text("devise = 1\n")
    result = cli("config")
    assert result.exit_code == 1
    assert "config.toml" in result.stderr
    assert "devise" in result.stderr
    assert "device" in result.stderr


@pytest.mark.parametrize("content", [b"no toml", b"\xff\xfe", b"device = "])
def test_a_broken_file_is_one_clear_line(config_file, content):
    config_file.write_bytes(content)
    with pytest.raises(ReadError, match=r"config\.toml: not a readable settings file"):
        settings.current()


def test_config_shows_each_value_and_where_it_comes_from(config_file, cli, monkeypatch):
    config_file.write_text('metadata = "none"\n')
    monkeypatch.setenv("PHOTOCAP_DB", "here.db")
    lines = [json.loads(line) for line in cli("config", "--json").stdout.splitlines()]
    assert lines[0] == {"config_file": str(config_file), "exists": True}
    assert {"name": "db", "value": "here.db", "source": "environment"} in lines
    assert {"name": "metadata", "value": "none", "source": "config.toml"} in lines
    assert "here.db  [environment]" in cli("config").stdout
