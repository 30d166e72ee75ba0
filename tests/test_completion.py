import os
import subprocess
import sys

import pytest


def completed(words):
    environment = {**os.environ, "_PHOTOCAP_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": "1"}
    code = "from photocap.cli import main; import sys; sys.argv[0] = 'photocap'; main()"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    return [line.partition(",")[2] for line in done.stdout.splitlines()]


def test_commands_are_completed():
    assert completed("photocap mod") == ["models"]
    assert completed("photocap co") == ["config", "completion"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_code(cli, shell):
    result = cli("completion", shell)
    assert result.exit_code == 0
    assert "_PHOTOCAP_COMPLETE" in result.stdout


def test_another_shell_is_wrong_usage(cli):
    assert cli("completion", "cmd.exe").exit_code == 2
