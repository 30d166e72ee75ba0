"""The exit codes of the README, from real processes."""

import os
import re
import signal
import subprocess
import sys

import pytest

from photocap.index import PhotoIndex

PHOTOCAP = [sys.executable, "-m", "photocap"]


def one_line(text):
    assert "Traceback" not in text
    return re.fullmatch(r"photocap: .+\n", text)


def test_0_ok(process):
    done = process("--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"photocap \d+\.\d+\.\d+\n", done.stdout)


@pytest.mark.parametrize(
    "arguments",
    [["search", "dog", "--db", "nowhere.db"], ["models", "use", "nowhere"], ["status", "--db", "nowhere.db"]],
)
def test_1_could_not_run(process, tmp_path, arguments):
    done = process(*arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert one_line(done.stderr)
    assert not list(tmp_path.iterdir())


def test_1_without_torch_train_says_what_to_install(tmp_path):
    table = tmp_path / "captions.csv"
    table.write_text("image,caption\na.jpg,a dog\n")
    code = "import sys; sys.modules['torch'] = None; from photocap.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code, "train", table], capture_output=True, text=True)
    assert done.returncode == 1
    assert one_line(done.stderr)
    assert "torch" in done.stderr
    assert "pip install" in done.stderr


@pytest.mark.parametrize("arguments", [["no-such-command"], ["index"], ["index", ".", "--device", "toaster"]])
def test_2_wrong_usage(process, arguments):
    done = process(*arguments)
    assert done.returncode == 2
    assert "Usage: photocap" in done.stderr


def test_2_also_for_a_wrong_setting(process, monkeypatch):
    monkeypatch.setenv("PHOTOCAP_BATCH_SIZE", "many")
    assert process("index", ".").returncode == 2


def test_5_the_index_is_busy(process, tmp_path):
    with PhotoIndex.open(tmp_path / "index.db", create=True) as index, index.indexing():
        done = process("index", tmp_path, "--db", tmp_path / "index.db")
    assert done.returncode == 5
    assert one_line(done.stderr)


def test_141_the_reader_of_the_pipe_is_gone():
    reading, writing = os.pipe()
    os.close(reading)
    with subprocess.Popen([*PHOTOCAP, "config"], stdout=writing, stderr=subprocess.PIPE) as running:
        os.close(writing)
        _, errors = running.communicate(timeout=60)
    assert (running.returncode, errors) == (141, b"")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
def test_130_interrupted():
    with subprocess.Popen([*PHOTOCAP, "serve", "--port", "0"], stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr.readline().startswith("http://127.0.0.1:")
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "Traceback" not in errors


def test_ctrl_c_is_the_servers_before_its_address_is_said(cli, monkeypatch):
    before = signal.getsignal(signal.SIGINT)
    handlers = []
    monkeypatch.setattr("photocap.cli.console.note", lambda _: handlers.append(signal.getsignal(signal.SIGINT)))
    monkeypatch.setattr("uvicorn.Server.run", lambda *_, **__: None)
    assert cli("serve", "--port", 0).exit_code == 0
    assert len(handlers) == 1
    assert before not in handlers
