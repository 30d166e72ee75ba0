"""A file is replaced whole or not at all."""

import os

import pytest

from photocap.atomicfile import (
    TEMP_PREFIX,
    TEMP_SUFFIX,
    ChangedMeanwhile,
    Replacement,
    remove_file,
    remove_stale_temps,
    replace_file,
)


def test_a_new_file_gets_the_usual_mode(tmp_path):
    path = tmp_path / "new"
    (tmp_path / "usual").write_bytes(b"")
    replace_file(path, b"content")
    assert path.read_bytes() == b"content"
    assert path.stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_a_link_stays_a_link_and_the_mode_stays(tmp_path):
    path, link = tmp_path / "file", tmp_path / "link"
    path.write_bytes(b"old")
    path.chmod(0o600)
    link.symlink_to(path)
    replace_file(link, b"new")
    assert link.is_symlink()
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"new", 0o600)


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space left"):
        replace_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_what_does_not_read_back_is_not_put_in_place(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, bytes(len(data))))
    with pytest.raises(OSError, match="does not read back"):
        replace_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_a_file_that_appeared_meanwhile_is_left_alone(tmp_path):
    path = tmp_path / "file"
    replacement = Replacement(path, b"new")
    path.write_bytes(b"somebody else's")
    with pytest.raises(ChangedMeanwhile):
        replacement.commit()
    assert path.read_bytes() == b"somebody else's"
    assert os.listdir(tmp_path) == ["file"]


def test_a_file_is_removed_only_as_it_was_read(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    like = path.lstat()
    path.write_bytes(b"newer")
    with pytest.raises(ChangedMeanwhile):
        remove_file(path, like)
    remove_file(path, path.lstat())
    assert not path.exists()


def test_only_what_killed_runs_left_is_removed(tmp_path):
    names = {f"{TEMP_PREFIX}ab{TEMP_SUFFIX}", f"{TEMP_PREFIX}ab", "photo.tmp"}
    for name in names:
        (tmp_path / name).write_bytes(b"")
    replacement = Replacement(tmp_path / "file", b"in the making")
    assert remove_stale_temps(tmp_path) == 1
    assert len(os.listdir(tmp_path)) == 3
    replacement.commit()
    assert set(os.listdir(tmp_path)) == {f"{TEMP_PREFIX}ab", "photo.tmp", "file"}
    assert remove_stale_temps(tmp_path / "missing") == 0
