"""A file is replaced whole or not at all."""

import contextlib
import errno
import os
import subprocess
import sys

import pytest
from systems import posix_only

from photocap.system import atomicfile
from photocap.system.atomicfile import (
    TEMP_PREFIX,
    TEMP_SUFFIX,
    ChangedMeanwhile,
    Replacement,
    _renameat2,
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


@posix_only
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
    with pytest.raises(OSError, match="No space left") as caught:
        replace_file(path, b"new")
    assert caught.value.filename == str(path)
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


@pytest.mark.skipif(not hasattr(os, "posix_fadvise"), reason="needs posix_fadvise")
@pytest.mark.parametrize("refusal", [None, OSError(errno.EINVAL, "not on this file system")])
def test_a_new_file_leaves_the_cache_once_it_is_on_the_disk(refusal, tmp_path, monkeypatch):
    done = []

    def advise(descriptor, start, length, advice):
        assert os.fstat(descriptor).st_size == len(b"new")
        done.append((start, length, advice))
        if refusal:
            raise refusal

    sync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda descriptor: (sync(descriptor), done.append("on the disk"))[0])
    monkeypatch.setattr(os, "posix_fadvise", advise)
    replacement = Replacement(tmp_path / "file", b"new")
    assert done == ["on the disk", (0, 0, os.POSIX_FADV_DONTNEED)]
    replacement.commit()
    assert (tmp_path / "file").read_bytes() == b"new"


def test_a_file_that_appeared_meanwhile_is_left_alone(tmp_path):
    path = tmp_path / "file"
    replacement = Replacement(path, b"new")
    path.write_bytes(b"somebody else's")
    with pytest.raises(ChangedMeanwhile):
        replacement.commit()
    assert path.read_bytes() == b"somebody else's"
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.skipif(not _renameat2(), reason="needs renameat2")
@pytest.mark.parametrize("save", ["in place", "by renaming", "anew"])
def test_a_save_between_the_last_look_and_the_rename_is_noticed(save, tmp_path, monkeypatch):
    path = tmp_path / "file"
    if save != "anew":
        path.write_bytes(b"old")
    like = None if save == "anew" else path.lstat()
    replacement = Replacement(path, b"new", like=like)

    def look(*arguments):
        is_same = real(*arguments)
        place = tmp_path / "other" if save == "by renaming" else path
        place.write_bytes(b"somebody else's")
        place.rename(path)
        return is_same

    real = atomicfile._looks_like
    monkeypatch.setattr(atomicfile, "_looks_like", look)
    with pytest.raises(ChangedMeanwhile):
        replacement.commit()
    assert path.read_bytes() == b"somebody else's"
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.skipif(not _renameat2(), reason="needs renameat2")
@pytest.mark.parametrize("first", ["in place", "by renaming"])
@pytest.mark.parametrize("second", ["in place", "by renaming", "removed", "moved away"])
def test_a_second_save_while_the_first_is_given_back_is_the_one_that_stays(first, second, tmp_path, monkeypatch):
    """Each save is made in the last moment before the system call that moves the files."""
    path = tmp_path / "file"
    path.write_bytes(b"old")
    replacement = Replacement(path, b"new", like=path.lstat())

    def save(how, content):
        if how == "in place":
            path.write_bytes(content)
        elif how == "by renaming":
            (tmp_path / "other").write_bytes(content)
            (tmp_path / "other").rename(path)
        elif how == "removed":
            path.unlink()
        else:
            path.rename(tmp_path / "moved")

    moves = iter([lambda: save(first, b"a first save"), lambda: save(second, b"a second save")])

    def rename(*arguments):
        next(moves, lambda: None)()
        return real(*arguments)

    real = atomicfile._rename
    monkeypatch.setattr(atomicfile, "_rename", rename)
    with pytest.raises(ChangedMeanwhile):
        replacement.commit()
    is_saved_again = second in ("in place", "by renaming")
    assert path.read_bytes() == (b"a second save" if is_saved_again else b"a first save")
    assert sorted(os.listdir(tmp_path)) == (["file", "moved"] if second == "moved away" else ["file"])


OTHER_PROGRAM = """
import os, sys
path, saves = sys.argv[1], int(sys.argv[2])
for number in range(1, saves + 1):
    with open(path + ".other", "w") as file:
        file.write(f"{number} by another program")
    os.rename(path + ".other", path)
"""


@pytest.mark.skipif(not _renameat2(), reason="needs renameat2")
def test_no_save_of_a_program_that_runs_beside_is_lost(tmp_path):
    path, saves = tmp_path / "file", 1000
    path.write_bytes(b"0 by another program")
    seen = []
    with subprocess.Popen([sys.executable, "-c", OTHER_PROGRAM, str(path), str(saves)]) as other:
        while other.poll() is None or seen[-1] < saves:
            like = path.lstat()
            content = path.read_bytes()
            if path.lstat().st_ino != like.st_ino:
                continue
            seen.append(int(content.split()[0]))
            with contextlib.suppress(ChangedMeanwhile):
                Replacement(path, b"%d with a caption" % seen[-1], like=like).commit()
    assert path.read_bytes() == b"%d with a caption" % saves
    assert seen == sorted(seen)  # an older one would have come back in place of a newer
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("call", [None, lambda *_: -1])
def test_file_systems_that_cannot_exchange_get_a_plain_rename(call, tmp_path, monkeypatch):
    monkeypatch.setattr(atomicfile, "_renameat2", lambda: call)
    monkeypatch.setattr(atomicfile.ctypes, "get_errno", lambda: errno.EINVAL)
    path = tmp_path / "file"
    for content in (b"first", b"second"):
        replace_file(path, content)
        assert path.read_bytes() == content
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.skipif(os.name == "nt", reason="modes are of other systems")
def test_a_new_file_gets_the_mode_of_the_photo_beside_it(tmp_path):
    photo = tmp_path / "photo"
    photo.write_bytes(b"")
    for mode, expected in ((0o640, 0o640), (0o444, 0o644), (0o755, 0o644)):
        photo.chmod(mode)
        Replacement(tmp_path / "new", b"", beside=photo.stat()).commit()
        assert (tmp_path / "new").stat().st_mode & 0o777 == expected
        (tmp_path / "new").unlink()


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
